//! # A rollout does not finish
//!
//! **Why it matters.** The new revision does not come up. The old pods still serve, fewer of them, and nothing moves until
//! somebody acts: Kubernetes does not go back by itself.
//!
//! **How it is seen.** The Deployment's `Progressing` condition (`ProgressDeadlineExceeded`), or pods of the newest revision
//! that are not ready. What stands in their way is told from their own state. Insights about those pods are counted with this
//! one.
//!
//! **Thresholds.** The deadline of the Deployment (`progressDeadlineSeconds`, 600 s by default), or three minutes without a
//! ready pod of the new revision. A paused rollout is nobody's trouble. Critical when fewer pods are available than half of
//! those wanted, else a warning.
//!
//! **What to do.** Mend what keeps the new pods from coming up, or go back to the revision before.

use std::time::Duration;

use correlator::object::WorkloadState;
use correlator::{
    Culprit, Insight, ObjectRef, ObjectState, Pod, Scope, Severity, Source, Subject, Timestamp, Tunable, Verdict,
    Window,
};

use crate::changes::{self, tell};
use crate::kubectl::{Target, rollout_status};
use crate::phrase::{count, duration};
use crate::rule::Rule;
use crate::workloads::{is_ready, look_at, pods_of, why_unready};

const PATIENCE: Tunable = Tunable {
    detector: "rollout-stuck",
    name: "patienceSeconds",
    default: 180.0,
    bounds: [10.0, 86400.0],
    meaning: "how long the new revision may be without a ready pod before its own deadline",
};
/// A pod that was made this long before its revision, as clocks go, is of that revision.
const SKEW: Duration = Duration::from_secs(2);
/// Pods that are told of.
const NAMED: usize = 3;

const AVAILABLE: Tunable = Tunable {
    detector: "rollout-stuck",
    name: "criticalAvailableRatio",
    default: 0.5,
    bounds: [0.0, 1.0],
    meaning: "part of the wanted pods below which it is critical",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/deployments", "k8s/replicasets", "k8s/pods"],
    tunables: &[PATIENCE, AVAILABLE],
    ..Rule::new("rollout-stuck", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Workload(workload)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    if &*name.kind != "Deployment" || workload.paused || !workload.observed {
        return Verdict::Quiet;
    }
    Verdict::of(stuck(window, name, workload).into_iter().collect())
}

fn stuck(window: &Window<'_>, name: &ObjectRef, workload: &WorkloadState) -> Option<Insight> {
    let overdue = workload
        .conditions
        .iter()
        .find(|condition| &*condition.kind == "Progressing" && &*condition.reason == "ProgressDeadlineExceeded");
    let began = workload.rollout.as_ref().and_then(|rollout| rollout.at);
    let lasted = began.map_or(Duration::ZERO, |began| window.now().since(began));
    let wanted = workload.wanted.unwrap_or(1);
    let is_whole = workload.updated >= wanted && workload.available >= wanted;
    if is_whole || (overdue.is_none() && lasted.as_secs_f64() < window.tuned(&PATIENCE)) {
        return None;
    }
    let new: Vec<&Pod> = pods_of(window.world(), name).filter(|pod| is_of(pod, began)).collect();
    let unready: Vec<&Pod> = new.iter().copied().filter(|pod| !is_ready(pod)).collect();
    if overdue.is_none() && (unready.is_empty() || unready.len() < new.len()) {
        return None;
    }
    Some(insight(window, name, workload, &unready, new.len()))
}

fn is_of(pod: &Pod, revision: Option<Timestamp>) -> bool {
    revision.is_none_or(|at| pod.state.created.is_some_and(|created| created.plus(SKEW) >= at))
}

fn insight(window: &Window<'_>, name: &ObjectRef, workload: &WorkloadState, unready: &[&Pod], new: usize) -> Insight {
    let wanted = workload.wanted.unwrap_or(1);
    let severity = if f64::from(workload.available) < window.tuned(&AVAILABLE) * f64::from(wanted) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let revision = workload.rollout.as_ref().map_or_else(
        || "its newest revision".to_owned(),
        |rollout| format!("revision {}", rollout.revision),
    );
    let title = format!(
        "{name}: {revision} does not come up, {} of {wanted} wanted pods are available",
        workload.available
    );
    let cause = unready.first().map_or_else(
        || {
            format!(
                "no pod of {revision} exists: {} of {wanted} were made",
                workload.updated
            )
        },
        |pod| {
            format!(
                "{} of {revision} not ready; {}: {}",
                count(unready.len(), "pod"),
                pod.identity.pod_label(),
                why_unready(pod)
            )
        },
    );
    let mut insight = Insight::new(
        "rollout-stuck",
        Subject::Object(name.clone().into()),
        severity,
        title,
        cause,
    );
    insight.about = vec![Culprit::Object(name.clone().into())];
    if let Some((rollout, at)) = workload
        .rollout
        .as_ref()
        .and_then(|rollout| Some((rollout, rollout.at?)))
    {
        insight = insight.because(at, Source::Kubernetes, tell(rollout, window.now()));
    }
    for condition in workload
        .conditions
        .iter()
        .filter(|condition| &*condition.status == "False")
    {
        let says = format!(
            "{} is False ({}): {}",
            condition.kind, condition.reason, condition.message
        );
        insight = insight.because(condition.since.unwrap_or(window.now()), Source::Kubernetes, says);
    }
    for pod in unready.iter().take(NAMED) {
        let age = pod
            .state
            .created
            .map(|created| duration(window.now().since(created)))
            .unwrap_or_default();
        let says = format!("{}, made {age} ago: {}", pod.identity.pod_label(), why_unready(pod));
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    insight.revision = 1 + (unready.len().min(new)) as u64;
    let status = Target::object(name).as_ref().and_then(rollout_status);
    insight.remedies.extend(look_at(
        name,
        "it shows the condition and how far the rollout is",
        status,
    ));
    insight.remedies.extend(
        workload
            .rollout
            .as_ref()
            .and_then(|rollout| changes::go_back(name, rollout, window.now())),
    );
    insight
}
