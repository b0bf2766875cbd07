//! # A workload has fewer ready pods than it wants
//!
//! **Why it matters.** It serves with less than it was given, and the next loss of a pod may be one too many.
//!
//! **How it is seen.** The counts of `StatefulSet`, `DaemonSet` and Deployment, and the readiness of their pods. Where an
//! insight about the rollout or one of the pods is open, or the API server refuses the pods, that tells the cause, and this one
//! stays silent.
//!
//! **Thresholds.** Five minutes since the last of the missing pods stopped being ready. Warning; critical when none is ready.
//!
//! **What to do.** Look at the pods that are missing or not ready.

use correlator::object::WorkloadState;
use correlator::{
    Culprit, Insight, ObjectRef, ObjectState, Pod, Scope, Severity, Source, Subject, Tunable, Verdict, Window,
};

use crate::kubectl::list;
use crate::phrase::count;
use crate::rejected;
use crate::rule::Rule;
use crate::workloads::{is_explained, is_ready, look_at, pods_of, unready_since, why_unready};

const PATIENCE: Tunable = Tunable {
    detector: "replicas-missing",
    name: "patienceSeconds",
    default: 300.0,
    bounds: [10.0, 86400.0],
    meaning: "how long pods may be missing",
};
/// Pods that are told of.
const NAMED: usize = 3;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/deployments", "k8s/statefulsets", "k8s/daemonsets", "k8s/pods"],
    tunables: &[PATIENCE],
    ..Rule::new("replicas-missing", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Workload(workload)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    let keeps_pods = matches!(&*name.kind, "Deployment" | "StatefulSet" | "DaemonSet");
    let wanted = workload.wanted.unwrap_or(0);
    if !keeps_pods || !workload.observed || workload.ready >= wanted {
        return Verdict::Quiet;
    }
    if is_explained(window, name, RULE.id) || rejected::of(window).is_some() {
        return Verdict::Quiet;
    }
    let unready: Vec<&Pod> = pods_of(window.world(), name).filter(|pod| !is_ready(pod)).collect();
    // Pods that do not exist have no time; the workload is as old as its youngest trouble at least.
    let since = unready
        .iter()
        .filter_map(|pod| unready_since(pod))
        .max()
        .or(workload.created);
    if since.is_none_or(|since| window.now().since(since) < window.tuned_time(&PATIENCE)) {
        return Verdict::NotYet;
    }
    Verdict::of(vec![insight(window, name, workload, &unready)])
}

fn insight(window: &Window<'_>, name: &ObjectRef, workload: &WorkloadState, unready: &[&Pod]) -> Insight {
    let wanted = workload.wanted.unwrap_or(0);
    let severity = if workload.ready == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!(
        "{name} has {} of {} ready",
        workload.ready,
        count(wanted as usize, "pod")
    );
    let absent = wanted.saturating_sub(workload.pods);
    let cause = match (unready.first(), absent) {
        (Some(pod), _) => format!(
            "{} not ready; {}: {}",
            count(unready.len(), "pod"),
            pod.identity.pod_label(),
            why_unready(pod)
        ),
        (None, 0) => "its pods exist, and the API server has not told why they are not ready".to_owned(),
        (None, absent) => format!(
            "{} could not be made; the events of {name} tell why",
            count(absent as usize, "pod")
        ),
    };
    let mut insight = Insight::new(
        "replicas-missing",
        Subject::Object(name.clone().into()),
        severity,
        title,
        cause,
    );
    insight.suspects = unready
        .iter()
        .filter_map(|pod| pod.identity.node.clone())
        .map(Culprit::Node)
        .collect();
    insight.suspects.dedup();
    insight.revision = u64::from(wanted.saturating_sub(workload.ready));
    let says = format!(
        "{wanted} wanted, {} there, {} ready, {} available",
        workload.pods, workload.ready, workload.available
    );
    insight = insight.because(window.now(), Source::Kubernetes, says);
    for pod in unready.iter().take(NAMED) {
        let at = unready_since(pod).unwrap_or(window.now());
        insight = insight.because(
            at,
            Source::Kubernetes,
            format!("{}: {}", pod.identity.pod_label(), why_unready(pod)),
        );
    }
    insight.remedies.extend(look_at(
        name,
        "its events tell why pods are missing",
        list("pods", &name.namespace),
    ));
    insight
}
