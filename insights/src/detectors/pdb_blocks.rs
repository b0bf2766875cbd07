//! # A disruption budget keeps a node from being drained
//!
//! **Why it matters.** The drain waits for as long as the budget allows no eviction: an upgrade or a repair of the node stands
//! still.
//!
//! **How it is seen.** A node that is cordoned, a pod on it that a `PodDisruptionBudget` is about, and a budget that allows no
//! eviction (`status.disruptionsAllowed` is 0).
//!
//! **Thresholds.** A cordoned node with such a pod on it is enough, unless a pod is not healthy yet and the budget allows
//! nothing (condition `DisruptionAllowed`) for less than two minutes: so a drain goes on, pod by pod. Warning. A budget that
//! allows nothing while nobody drains is not reported.
//!
//! **What to do.** Make the missing pods healthy, or give the workload one more pod for the time of the drain.

use correlator::object::BudgetState;
use correlator::{
    Culprit, Insight, ObjectRef, ObjectState, Pod, Remedy, Risk, Scope, Severity, Source, Subject, Tunable, Verdict,
    Window,
};

use crate::changes::workload_of;
use crate::kubectl::{Target, scale};
use crate::nodes::pods_on;
use crate::phrase::count;
use crate::rule::Rule;
use crate::workloads::look_at;

const REPLACED: Tunable = Tunable {
    detector: "pdb-blocks",
    name: "patienceSeconds",
    default: 120.0,
    bounds: [0.0, 86400.0],
    meaning: "how long a pod that was evicted may take to be made anew and become healthy",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/poddisruptionbudgets", "k8s/nodes", "k8s/pods"],
    tunables: &[REPLACED],
    ..Rule::new("pdb-blocks", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::DisruptionBudget(budget)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    if budget.allowed > 0 || budget.expected == 0 {
        return Verdict::Quiet;
    }
    if is_under_way(window, budget) {
        return Verdict::NotYet;
    }
    let world = window.world();
    let cordoned = world.nodes().filter(|(_, node)| node.state.unschedulable);
    let held = cordoned
        .flat_map(|(node, _)| pods_on(world, node))
        .find(|pod| pod.identity.namespace.as_ref() == Some(&name.namespace) && budget.pods.selects(&pod.state.labels));
    Verdict::of(held.map(|pod| insight(window, name, budget, pod)).into_iter().collect())
}

/// A pod was evicted a moment ago and its successor is not healthy yet.
fn is_under_way(window: &Window<'_>, budget: &BudgetState) -> bool {
    let mut conditions = budget.conditions.iter();
    let since = conditions.find(|condition| &*condition.kind == "DisruptionAllowed");
    let since = since.and_then(|condition| condition.since);
    budget.healthy < budget.expected
        && since.is_some_and(|since| window.now().since(since) < window.tuned_time(&REPLACED))
}

fn insight(window: &Window<'_>, name: &ObjectRef, budget: &BudgetState, pod: &Pod) -> Insight {
    let node = pod.identity.node.as_deref().unwrap_or_default();
    let title = format!("{name} keeps {} on the cordoned node {node}", pod.identity.pod_label());
    let cause = if budget.healthy < budget.needed {
        format!(
            "it needs {} and only {} healthy, so none may be evicted",
            count(budget.needed as usize, "healthy pod"),
            are(budget.healthy)
        )
    } else if budget.healthy < budget.expected {
        format!(
            "it needs {}, which is as many as are healthy of its {}, so none may be evicted",
            count(budget.needed as usize, "healthy pod"),
            budget.expected
        )
    } else {
        format!(
            "it needs all of its {} healthy, so it never allows an eviction",
            count(budget.expected as usize, "pod")
        )
    };
    let mut insight = Insight::new(
        "pdb-blocks",
        Subject::Object(name.clone().into()),
        Severity::Warning,
        title,
        cause,
    );
    insight.suspects = pod.identity.node.clone().map(Culprit::Node).into_iter().collect();
    let says = format!(
        "{} of {} pods are healthy, {} are needed, 0 may be evicted",
        budget.healthy, budget.expected, budget.needed
    );
    insight = insight.because(window.now(), Source::Kubernetes, says);
    insight
        .remedies
        .extend(look_at(name, "it shows which pods it counts", None));
    if budget.healthy >= budget.needed {
        insight.remedies.extend(one_more(window, pod));
    }
    insight
}

fn are(number: u32) -> String {
    if number == 1 {
        "1 is".to_owned()
    } else {
        format!("{number} are")
    }
}

fn one_more(window: &Window<'_>, pod: &Pod) -> Option<Remedy> {
    let (name, workload) = workload_of(window.world(), &pod.identity)?;
    let (target, wanted) = (Target::object(&name)?, workload.wanted?);
    let to = |pods| scale(&target, pods).map(|command| command.to_string());
    Some(Remedy {
        title: format!("Give {name} one more pod for the time of the drain"),
        why: "with a spare one the budget allows an eviction".to_owned(),
        risk: Risk::Low,
        impact: "one pod more runs; an autoscaler may take it back".to_owned(),
        needs: Some("room for one more pod on another node".to_owned()),
        commands: to(wanted + 1).into_iter().collect(),
        undo: to(wanted),
        verify: "the budget's disruptionsAllowed is 1 and the drain goes on".to_owned(),
    })
}
