//! Why no node takes a pod: the scheduler's `FailedScheduling` Events and the pod's `PodScheduled` condition.
//!
//! Form: `0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {k: v}. preemption: ...`
//! Sources: `kubernetes/pkg/scheduler/framework/types.go` (`FitError`), `pkg/scheduler/framework/plugins`; the words of
//! Kubernetes 1.19 and later.

use super::text::between;

/// Why a pod has no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unschedulable<'a> {
    /// Nodes there are.
    pub(crate) nodes: Option<u32>,
    /// What stands in the way, in the scheduler's order.
    pub(crate) obstacles: Vec<(Option<u32>, Obstacle<'a>)>,
    /// Whether the scheduler found that evicting other pods would not help.
    pub(crate) preemption_is_no_help: bool,
}

/// What stands in the way on some nodes, or on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle<'a> {
    /// Too little of a resource: `cpu`, `memory`, `ephemeral-storage`, `nvidia.com/gpu`.
    Insufficient(&'a str),
    /// `nodeSelector` or node affinity matches not.
    NodeSelector,
    /// The pods it wants to be near are not there.
    PodAffinity,
    /// Pods it must not be near are there.
    AntiAffinity,
    /// It would be spread too unevenly.
    TopologySpread,
    /// A taint that it does not tolerate: key and value, empty where the scheduler does not name them.
    Taint { key: &'a str, value: &'a str },
    /// Cordoned.
    Cordoned,
    /// The node runs as many pods as it may.
    TooManyPods,
    /// Its volume is bound to other nodes.
    VolumeAffinity,
    /// The node has as many volumes attached as it may.
    VolumeLimit,
    /// No volume fits its claim.
    NoVolume,
    /// A claim that is not bound and that nothing provisions later.
    UnboundClaim,
    /// A claim that does not exist.
    ClaimMissing(&'a str),
    /// Another pod has the host port.
    HostPort,
    /// It is held back by scheduling gates.
    Gated,
    /// There are no nodes at all.
    NoNodes,
    /// Something in words that are not known here.
    Other(&'a str),
}

/// What a message of the scheduler says.
pub(crate) fn classify(message: &str) -> Unschedulable<'_> {
    let (told, preemption) = message.split_once(" preemption: ").unwrap_or((message, ""));
    let no_victims = [
        "Preemption is not helpful",
        "No preemption victims found",
        "not eligible",
    ];
    let preemption_is_no_help = no_victims.iter().any(|words| preemption.contains(words));
    let (nodes, reasons) = match told.split_once(" nodes are available: ") {
        Some((counts, reasons)) => (counts.rsplit('/').next().and_then(|all| all.parse().ok()), reasons),
        None => (None, told),
    };
    let reasons = reasons.trim().trim_end_matches('.');
    let obstacles = clauses(reasons).into_iter().map(obstacle).collect();
    Unschedulable {
        nodes,
        obstacles,
        preemption_is_no_help,
    }
}

/// Splits at the commas that begin a new count; a clause can hold commas of its own.
fn clauses(reasons: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in reasons.match_indices(", ") {
        if reasons[at + 2..].starts_with(|c: char| c.is_ascii_digit()) {
            found.push(&reasons[start..at]);
            start = at + 2;
        }
    }
    found.push(&reasons[start..]);
    found.retain(|clause| !clause.is_empty());
    found
}

fn obstacle(clause: &str) -> (Option<u32>, Obstacle<'_>) {
    let counted = clause
        .split_once(' ')
        .and_then(|(count, rest)| Some((count.parse().ok()?, rest)));
    let (count, text) = counted.map_or((None, clause), |(count, rest)| (Some(count), rest));
    (count, meaning(text))
}

fn meaning(text: &str) -> Obstacle<'_> {
    if let Some(resource) = text.strip_prefix("Insufficient ") {
        return Obstacle::Insufficient(resource.trim_end_matches('.'));
    }
    if text.contains("taint") {
        return taint(text);
    }
    if let Some(name) = between(text, "persistentvolumeclaim \"", "\"") {
        return Obstacle::ClaimMissing(name);
    }
    WORDS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map_or(Obstacle::Other(text), |(_, obstacle)| *obstacle)
}

/// In order: what is more particular comes first.
const WORDS: &[(&str, Obstacle<'static>)] = &[
    ("no nodes available to schedule pods", Obstacle::NoNodes),
    ("scheduling gates", Obstacle::Gated),
    ("topology spread constraints", Obstacle::TopologySpread),
    ("anti-affinity rules", Obstacle::AntiAffinity),
    ("pod affinity/anti-affinity", Obstacle::AntiAffinity),
    ("pod affinity rules", Obstacle::PodAffinity),
    ("volume node affinity conflict", Obstacle::VolumeAffinity),
    ("no available volume zone", Obstacle::VolumeAffinity),
    ("node affinity", Obstacle::NodeSelector),
    ("node selector", Obstacle::NodeSelector),
    ("were unschedulable", Obstacle::Cordoned),
    ("Too many pods", Obstacle::TooManyPods),
    ("exceed max volume count", Obstacle::VolumeLimit),
    ("unbound immediate PersistentVolumeClaims", Obstacle::UnboundClaim),
    ("available persistent volumes to bind", Obstacle::NoVolume),
    ("bound to non-existent pv", Obstacle::NoVolume),
    ("free ports for the requested pod ports", Obstacle::HostPort),
];

/// `had untolerated taint {key: value}` (1.22 and later), `had taint {key: value}, that the pod didn't tolerate`.
fn taint(text: &str) -> Obstacle<'_> {
    let inner = between(text, "{", "}").unwrap_or_default();
    let (key, value) = inner.split_once(':').unwrap_or((inner, ""));
    Obstacle::Taint {
        key: key.trim(),
        value: value.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn obstacles(message: &str) -> Vec<(Option<u32>, Obstacle<'_>)> {
        classify(message).obstacles
    }

    #[test]
    fn each_reason_has_its_count() {
        let message = "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, \
                       2 Insufficient cpu, 2 Insufficient nvidia.com/gpu. preemption: 0/5 nodes are available: 1 Preemption \
                       is not helpful for scheduling, 4 No preemption victims found for incoming pod.";
        let told = classify(message);
        assert_eq!((told.nodes, told.preemption_is_no_help), (Some(5), true));
        let taint = Obstacle::Taint {
            key: "node-role.kubernetes.io/control-plane",
            value: "",
        };
        assert_eq!(
            told.obstacles,
            [
                (Some(1), taint),
                (Some(2), Obstacle::Insufficient("cpu")),
                (Some(2), Obstacle::Insufficient("nvidia.com/gpu"))
            ]
        );
    }

    #[test]
    fn older_words_for_taints() {
        let message = "0/3 nodes are available: 1 node(s) had taint {dedicated: gpu}, that the pod didn't tolerate, 2 \
                       Insufficient memory.";
        let taint = Obstacle::Taint {
            key: "dedicated",
            value: "gpu",
        };
        assert_eq!(
            obstacles(message),
            [(Some(1), taint), (Some(2), Obstacle::Insufficient("memory"))]
        );
        let nameless = Obstacle::Taint { key: "", value: "" };
        for message in [
            "0/1 nodes are available: 1 node(s) had taints that the pod didn't tolerate.",
            "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
        ] {
            assert_eq!(obstacles(message), [(Some(1), nameless)], "{message}");
        }
    }

    #[test]
    fn reasons_that_nodes_give() {
        for (text, obstacle) in [
            (
                "Insufficient ephemeral-storage",
                Obstacle::Insufficient("ephemeral-storage"),
            ),
            ("Insufficient hugepages-2Mi", Obstacle::Insufficient("hugepages-2Mi")),
            (
                "node(s) didn't match Pod's node affinity/selector",
                Obstacle::NodeSelector,
            ),
            ("node(s) didn't match node selector", Obstacle::NodeSelector),
            ("node(s) didn't match pod affinity rules", Obstacle::PodAffinity),
            ("node(s) didn't match pod anti-affinity rules", Obstacle::AntiAffinity),
            (
                "node(s) didn't match pod affinity/anti-affinity rules",
                Obstacle::AntiAffinity,
            ),
            (
                "node(s) didn't satisfy existing pods anti-affinity rules",
                Obstacle::AntiAffinity,
            ),
            (
                "node(s) didn't match pod topology spread constraints",
                Obstacle::TopologySpread,
            ),
            (
                "node(s) didn't match pod topology spread constraints (missing required label)",
                Obstacle::TopologySpread,
            ),
            ("node(s) were unschedulable", Obstacle::Cordoned),
            ("Too many pods", Obstacle::TooManyPods),
            ("node(s) had volume node affinity conflict", Obstacle::VolumeAffinity),
            ("node(s) had no available volume zone", Obstacle::VolumeAffinity),
            ("node(s) exceed max volume count", Obstacle::VolumeLimit),
            (
                "node(s) didn't find available persistent volumes to bind",
                Obstacle::NoVolume,
            ),
            (
                "node(s) didn't have free ports for the requested pod ports",
                Obstacle::HostPort,
            ),
            (
                "node(s) didn't like its face",
                Obstacle::Other("node(s) didn't like its face"),
            ),
        ] {
            let message = format!("0/7 nodes are available: 7 {text}.");
            assert_eq!(obstacles(&message), [(Some(7), obstacle)], "{message}");
        }
    }

    #[test]
    fn reasons_that_the_pod_gives() {
        for (message, obstacle) in [
            (
                "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
                Obstacle::UnboundClaim,
            ),
            (
                "0/3 nodes are available: 3 pod has unbound immediate PersistentVolumeClaims.",
                Obstacle::UnboundClaim,
            ),
            (
                "pod has unbound immediate PersistentVolumeClaims (repeated 3 times)",
                Obstacle::UnboundClaim,
            ),
            (
                "0/1 nodes are available: persistentvolumeclaim \"data\" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
                Obstacle::ClaimMissing("data"),
            ),
            (
                "persistentvolumeclaim \"data\" not found",
                Obstacle::ClaimMissing("data"),
            ),
            (
                "Scheduling is blocked due to non-empty scheduling gates",
                Obstacle::Gated,
            ),
            ("no nodes available to schedule pods", Obstacle::NoNodes),
        ] {
            let all = obstacles(message);
            assert_eq!(
                all.iter().map(|(_, obstacle)| *obstacle).collect::<Vec<_>>(),
                [obstacle],
                "{message}"
            );
        }
    }

    #[test]
    fn a_message_that_was_cut_gives_what_is_whole() {
        let cut = "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {dedi";
        assert_eq!(obstacles(cut)[0], (Some(2), Obstacle::Insufficient("cpu")));
        assert_eq!(obstacles(cut)[1], (Some(3), Obstacle::Taint { key: "", value: "" }));
        assert!(classify("").obstacles.is_empty());
    }
}
