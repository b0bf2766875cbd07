//! Pods that were put off their node: by the kubelet, the scheduler, a taint, the eviction API or the garbage collector.
//!
//! Told apart by `status.reason` and by the condition `DisruptionTarget` (Kubernetes 1.26 and later; see
//! `kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions`).

use correlator::{Condition, PodState};

/// Who put a pod off its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disruption {
    /// The kubelet, because the node or the pod itself used too much of something.
    Pressure,
    /// The kubelet, because the node shuts down.
    Shutdown,
    /// The kubelet, to admit a critical pod.
    Admission,
    /// The scheduler, for a pod of higher priority.
    Preemption,
    /// The taint manager, because of a `NoExecute` taint.
    Taint,
    /// The eviction API: a drain, an autoscaler, a person.
    Api,
    /// The garbage collector, because the node is gone.
    NodeGone,
}

impl Disruption {
    /// Who or what did it, for a sentence that begins with `put off its node by`.
    pub(crate) const fn by(self) -> &'static str {
        match self {
            Self::Pressure => "the kubelet's eviction",
            Self::Shutdown => "the shutdown of the node",
            Self::Admission => "the kubelet to make room for a critical pod",
            Self::Preemption => "the scheduler to make room for a pod of higher priority",
            Self::Taint => "a NoExecute taint of the node",
            Self::Api => "the eviction API (a drain, an autoscaler or a person)",
            Self::NodeGone => "the garbage collector, because the node is gone",
        }
    }
}

/// The condition of a pod that was, or is about to be, put off its node.
pub(crate) fn condition(pod: &PodState) -> Option<&Condition> {
    let is_it = |condition: &&Condition| &*condition.kind == "DisruptionTarget" && &*condition.status == "True";
    pod.conditions.iter().find(is_it)
}

/// What put a pod off its node. A condition without a phase of failure or a deletion is only an intention.
pub(crate) fn of(pod: &PodState) -> Option<Disruption> {
    if &*pod.phase != "Failed" && pod.deleted.is_none() {
        return None;
    }
    by_reason(pod).or_else(|| by_condition(condition(pod)?))
}

fn by_reason(pod: &PodState) -> Option<Disruption> {
    match &*pod.reason {
        "Evicted" => Some(Disruption::Pressure),
        "Preempting" => Some(Disruption::Admission),
        "NodeShutdown" | "Shutdown" => Some(Disruption::Shutdown),
        "Terminated" if pod.message.contains("shutdown") => Some(Disruption::Shutdown),
        "NodeLost" => Some(Disruption::NodeGone),
        _ => None,
    }
}

fn by_condition(condition: &Condition) -> Option<Disruption> {
    match &*condition.reason {
        "PreemptionByScheduler" => Some(Disruption::Preemption),
        "DeletionByTaintManager" => Some(Disruption::Taint),
        "EvictionByEvictionAPI" => Some(Disruption::Api),
        "DeletionByPodGC" => Some(Disruption::NodeGone),
        "TerminationByKubelet" if condition.message.contains("shutdown") => Some(Disruption::Shutdown),
        "TerminationByKubelet" if condition.message.contains("critical pod") => Some(Disruption::Admission),
        "TerminationByKubelet" => Some(Disruption::Pressure),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(phase: &str, reason: &str, condition: &str, message: &str) -> PodState {
        PodState {
            phase: phase.into(),
            reason: reason.into(),
            message: message.into(),
            conditions: vec![Condition {
                kind: "DisruptionTarget".into(),
                status: "True".into(),
                reason: condition.into(),
                message: message.into(),
                since: None,
            }],
            ..PodState::default()
        }
    }

    #[test]
    fn reason_and_condition_tell_who_did_it() {
        let shutdown = "Pod was terminated in response to imminent node shutdown.";
        let cases = [
            (
                "Evicted",
                "TerminationByKubelet",
                "The node was low on resource: memory.",
                Disruption::Pressure,
            ),
            ("Terminated", "TerminationByKubelet", shutdown, Disruption::Shutdown),
            (
                "",
                "TerminationByKubelet",
                "Preempted in order to admit critical pod",
                Disruption::Admission,
            ),
            (
                "",
                "PreemptionByScheduler",
                "default-scheduler: preempting",
                Disruption::Preemption,
            ),
            (
                "",
                "DeletionByTaintManager",
                "Taint manager: deleting due to NoExecute taint",
                Disruption::Taint,
            ),
            ("", "EvictionByEvictionAPI", "Eviction API: evicting", Disruption::Api),
            (
                "",
                "DeletionByPodGC",
                "PodGC: node no longer exists",
                Disruption::NodeGone,
            ),
        ];
        for (reason, condition, message, expected) in cases {
            assert_eq!(
                of(&pod("Failed", reason, condition, message)),
                Some(expected),
                "{condition}"
            );
        }
    }

    #[test]
    fn a_pod_that_still_runs_is_not_off_its_node() {
        assert_eq!(
            of(&pod("Running", "", "EvictionByEvictionAPI", "Eviction API: evicting")),
            None
        );
        assert_eq!(of(&pod("Failed", "DeadlineExceeded", "", "")), None);
    }
}
