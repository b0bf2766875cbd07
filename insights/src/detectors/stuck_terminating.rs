//! # A pod does not go away
//!
//! **Why it matters.** Its name (`StatefulSet`), its volume and its place on the node stay taken; what should replace it waits.
//!
//! **How it is seen.** The pod's deletion time, which already holds its grace period, has passed, and the API server still has
//! the pod.
//!
//! **Thresholds.** One minute after the end of the grace period. Warning. On a node that is not ready it is counted with that
//! node's insight: nobody is there to say that the pod has ended.
//!
//! **What to do.** Look at the node and at the pod's finalizers. Deleting by force only makes the API server forget it: what
//! runs on the node may go on.

use std::time::Duration;

use correlator::{ContainerStatus, Culprit, Insight, Pod, Remedy, Risk, Severity, Source, Tunable, Verdict, Window};

use crate::kubectl::{Target, delete, describe, get};
use crate::phrase::duration;
use crate::rule::Rule;

const PATIENCE: Tunable = Tunable {
    detector: "stuck-terminating",
    name: "patienceSeconds",
    default: 60.0,
    bounds: [0.0, 86400.0],
    meaning: "how long after its grace period a pod may be there",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/nodes"],
    tunables: &[PATIENCE],
    ..Rule::new("stuck-terminating", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Some(pod) = window.pod().filter(|pod| pod.exists()) else {
        return Verdict::Quiet;
    };
    let Some(over) = pod.state.deleted.map(|deleted| window.now().since(deleted)) else {
        return Verdict::Quiet;
    };
    if over < window.tuned_time(&PATIENCE) {
        return Verdict::Quiet;
    }
    Verdict::of(vec![insight(window, pod, over)])
}

fn insight(window: &Window<'_>, pod: &Pod, over: Duration) -> Insight {
    let subject = window.subject();
    let title = format!("{subject} should have gone {} ago", duration(over));
    let node = pod.identity.node.as_deref();
    let lost = node.filter(|node| window.world().node(node).is_some_and(|node| !node.is_ready()));
    let runs: Vec<&str> = pod
        .state
        .containers
        .iter()
        .filter(|container| matches!(container.status, ContainerStatus::Running { .. }))
        .map(|container| &*container.name)
        .collect();
    let cause = match (lost, runs.is_empty(), node) {
        (Some(node), _, _) => format!("its node {node} is not ready, so nobody says that it has ended"),
        (None, false, _) => format!(
            "{} still runs after its grace period: it does not end on SIGKILL, or its runtime hangs",
            runs.join(", ")
        ),
        (None, true, Some(_)) => {
            "its containers have ended; a finalizer or a volume that cannot be unmounted holds it".to_owned()
        }
        (None, true, None) => "it was never started; a finalizer holds it".to_owned(),
    };
    let mut insight = Insight::new("stuck-terminating", subject, Severity::Warning, title, cause);
    insight.suspects = pod.identity.node.clone().map(Culprit::Node).into_iter().collect();
    let grace = pod
        .state
        .grace
        .map(|grace| format!(", with {grace} s of grace"))
        .unwrap_or_default();
    let at = pod.state.deleted.unwrap_or(window.now());
    insight = insight.because(at, Source::Kubernetes, format!("it was to be gone by then{grace}"));
    insight.remedies.extend(remedies(pod, lost.is_some()));
    insight
}

fn remedies(pod: &Pod, is_lost: bool) -> Vec<Remedy> {
    let Some(target) = Target::pod(&pod.identity) else {
        return Vec::new();
    };
    let look = Remedy::look(
        "See what holds it".to_owned(),
        "its finalizers and its last events name what it waits for".to_owned(),
        vec![
            get(&target, "jsonpath={.metadata.finalizers}").to_string(),
            describe(&target).to_string(),
        ],
        "the list of finalizers is empty, or names the controller that should remove its own".to_owned(),
    );
    let force = is_lost.then(|| Remedy {
        title: "Make the API server forget it".to_owned(),
        why: "its node is gone and will not confirm the end".to_owned(),
        risk: Risk::High,
        impact: "a replacement may start while the old process still runs, and both may write to the same volume"
            .to_owned(),
        needs: Some("certainty that the machine is off".to_owned()),
        commands: vec![delete(&target).flag("--grace-period=0").flag("--force").to_string()],
        undo: None,
        verify: "the pod is gone and its replacement becomes ready".to_owned(),
    });
    std::iter::once(look).chain(force).collect()
}
