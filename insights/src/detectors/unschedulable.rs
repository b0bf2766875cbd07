//! # No node takes a pod
//!
//! **Why it matters.** The pod does not run at all, and its own state only says `Pending`. The scheduler's sentence counts nodes
//! and reasons, without saying which node lacks how much.
//!
//! **How it is seen.** The pod's condition `PodScheduled` is `False`, or, where that is not told, the scheduler's
//! `FailedScheduling` Event about a pod that has no node. Its reasons are told apart: too little CPU, memory or another
//! resource; selector and affinity; anti-affinity and topology spread; taints; cordoned nodes; too many pods; volumes and
//! claims; host ports; scheduling gates; no nodes at all. Beside them stands what each node has left: what it can give less
//! what the pods on it ask for.
//!
//! **The smallest change.** Among the nodes that are not cordoned, tainted or full, the one that lacks the least, and how much
//! less the pod would have to ask for, or how much has to be freed there. tapio does not read tolerations and affinities,
//! so a node with a taint is never offered, and a node that is offered may be ruled out by a selector.
//!
//! **Thresholds.** One minute without a node; five when the autoscaler said that it adds one; ten with scheduling gates, which
//! hold a pod back on purpose. Warning; critical after five minutes, or when no pod of the workload is available.
//!
//! **What to do.** Ask for less, free or add a node, or change the rule that keeps the pod off.

use correlator::{
    Condition, Culprit, Insight, Pod, Remedy, Risk, Severity, Source, Timestamp, Tunable, Verdict, Window,
};

use crate::capacity::{self, Amount, Room, amount};
use crate::kubectl::{self, Kubectl, Resources, Target};
use crate::messages::scheduling::{self, Obstacle, Unschedulable};
use crate::phrase::{count, escape};
use crate::rule::Rule;
use crate::{advice, standing, suspects};

const GRACE: Tunable = Tunable {
    detector: "unschedulable",
    name: "patienceSeconds",
    default: 60.0,
    bounds: [0.0, 86400.0],
    meaning: "how long a pod may be without a node",
};
const GATED: Tunable = Tunable {
    detector: "unschedulable",
    name: "gatedSeconds",
    default: 600.0,
    bounds: [0.0, 86400.0],
    meaning: "how long a pod with scheduling gates may be without a node",
};
const SCALING: Tunable = Tunable {
    detector: "unschedulable",
    name: "scalingSeconds",
    default: 300.0,
    bounds: [0.0, 86400.0],
    meaning: "how long a pod may be without a node when the autoscaler said that it adds one",
};
const LONG: Tunable = Tunable {
    detector: "unschedulable",
    name: "criticalSeconds",
    default: 300.0,
    bounds: [0.0, 86400.0],
    meaning: "how long a pod may be without a node before it is critical",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/nodes", "k8s/events"],
    tunables: &[GRACE, GATED, SCALING, LONG],
    ..Rule::new("unschedulable", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Some(pod) = window.pod().filter(|pod| standing::is_unscheduled(pod)) else {
        return Verdict::Quiet;
    };
    let Some((since, message)) = refusal(window, pod) else {
        return Verdict::Quiet;
    };
    let told = scheduling::classify(message);
    let waited = window.now().since(since);
    let is_gated = told.obstacles.iter().any(|(_, obstacle)| *obstacle == Obstacle::Gated);
    let is_growing = standing::events(window).any(|(_, event)| &*event.reason == "TriggeredScaleUp" && !event.history);
    let grace = match (is_gated, is_growing) {
        (true, _) => &GATED,
        (_, true) => &SCALING,
        _ => &GRACE,
    };
    if waited < window.tuned_time(grace) {
        return Verdict::Quiet;
    }
    let severity = if waited >= window.tuned_time(&LONG) {
        Severity::Critical
    } else {
        standing::severity(window.world(), &pod.identity)
    };
    Verdict::Found(vec![
        said_before(window, severity).unwrap_or_else(|| insight(window, pod, &told, message, severity)),
    ])
}

/// Since when, and in which words.
fn refusal<'a>(window: &Window<'a>, pod: &'a Pod) -> Option<(Timestamp, &'a str)> {
    let created = pod.state.created.unwrap_or_default();
    let is_it = |condition: &&Condition| &*condition.kind == "PodScheduled" && &*condition.status == "False";
    if let Some(condition) = pod.state.conditions.iter().find(is_it) {
        return Some((condition.since.unwrap_or(created), &condition.message));
    }
    let told = standing::told(window, &["FailedScheduling"]).pop()?;
    Some((created, told.message))
}

/// Adding up all pods of a cluster for each pod that waits, once a second, would cost more than it tells: what was said
/// stands until it gets worse.
fn said_before(window: &Window<'_>, severity: Severity) -> Option<Insight> {
    let subject = window.subject();
    let before = window
        .found()
        .find(|open| open.id == "unschedulable" && open.subject == subject);
    before.filter(|before| before.severity >= severity).cloned()
}

fn insight(window: &Window<'_>, pod: &Pod, told: &Unschedulable<'_>, message: &str, severity: Severity) -> Insight {
    let identity = &pod.identity;
    let title = format!("{} has no node: {}", identity.pod_label(), headline(told));
    let ask = capacity::ask(&pod.state);
    let rooms = capacity::rooms(window.world());
    let lack = told
        .obstacles
        .iter()
        .any(|(_, obstacle)| matches!(obstacle, Obstacle::Insufficient("cpu" | "memory")));
    let nearest = capacity::nearest(&rooms, ask).filter(|_| lack);
    let mut insight = Insight::new(
        "unschedulable",
        window.subject(),
        severity,
        title,
        cause(told, ask, &rooms, nearest),
    );
    insight = insight.because(
        window.now(),
        Source::Kubernetes,
        format!("the scheduler says: \"{}\"", escape(message, 500)),
    );
    if lack {
        for says in capacity::lines(&rooms, ask) {
            insight = insight.because(window.now(), Source::Kubernetes, says);
        }
    }
    insight.about = suspects::pod(identity);
    insight.suspects = suspects(pod, told)
        .into_iter()
        .chain(suspects::owner(identity))
        .collect();
    insight.remedies = remedies(pod, told, nearest, &rooms);
    insight
}

fn headline(told: &Unschedulable<'_>) -> String {
    let reasons: Vec<String> = told
        .obstacles
        .iter()
        .map(|(nodes, obstacle)| {
            let words = obstacle_words(obstacle);
            nodes.map_or(words.clone(), |nodes| {
                format!("{words} on {}", count(nodes as usize, "node"))
            })
        })
        .collect();
    if reasons.is_empty() {
        "the scheduler gives no reason".to_owned()
    } else {
        reasons.join(", ")
    }
}

fn obstacle_words(obstacle: &Obstacle<'_>) -> String {
    match obstacle {
        Obstacle::Insufficient(resource) => format!("too little {}", escape(resource, 80)),
        Obstacle::NodeSelector => "node selector or affinity does not match".to_owned(),
        Obstacle::PodAffinity => "the pods it wants to be near are not there".to_owned(),
        Obstacle::AntiAffinity => "pods it must not be near are there (anti-affinity)".to_owned(),
        Obstacle::TopologySpread => "it would be spread too unevenly".to_owned(),
        Obstacle::Taint { key: "", .. } => "a taint is not tolerated".to_owned(),
        Obstacle::Taint { key, value: "" } => format!("the taint {} is not tolerated", escape(key, 120)),
        Obstacle::Taint { key, value } => {
            format!("the taint {}={} is not tolerated", escape(key, 120), escape(value, 60))
        }
        Obstacle::Cordoned => "cordoned".to_owned(),
        Obstacle::TooManyPods => "no place for one more pod".to_owned(),
        Obstacle::VolumeAffinity => "its volume is bound to other nodes".to_owned(),
        Obstacle::VolumeLimit => "too many volumes attached".to_owned(),
        Obstacle::NoVolume => "no volume fits its claim".to_owned(),
        Obstacle::UnboundClaim => "a volume claim of it is not bound".to_owned(),
        Obstacle::ClaimMissing(name) => format!("the volume claim {} does not exist", escape(name, 120)),
        Obstacle::HostPort => "its host port is taken".to_owned(),
        Obstacle::Gated => "scheduling gates hold it back".to_owned(),
        Obstacle::NoNodes => "the cluster has no nodes that take pods".to_owned(),
        Obstacle::Other(words) => escape(words, 160),
    }
}

fn cause(told: &Unschedulable<'_>, ask: Amount, rooms: &[Room<'_>], nearest: Option<(Room<'_>, Amount)>) -> String {
    let asked = format!("it asks for {}", amount(ask));
    let fits_none = !rooms.is_empty()
        && rooms.iter().all(|room| {
            let whole = Room {
                asked: Amount::default(),
                ..*room
            };
            whole.missing(ask) != Amount::default()
        });
    match nearest {
        _ if fits_none => format!("{asked}, and no node is that large even when it is empty"),
        Some((room, missing)) => format!(
            "{asked}; it would fit on {} if it asked for {} less, or if that much were freed there",
            room.node,
            amount(missing)
        ),
        None => {
            let no_help = if told.preemption_is_no_help {
                "; evicting pods of lower priority would not help"
            } else {
                ""
            };
            format!("{}{no_help}", headline(told))
        }
    }
}

fn suspects(pod: &Pod, told: &Unschedulable<'_>) -> Vec<Culprit> {
    let is_volume = |obstacle: &Obstacle<'_>| {
        matches!(
            obstacle,
            Obstacle::UnboundClaim | Obstacle::NoVolume | Obstacle::VolumeAffinity | Obstacle::ClaimMissing(_)
        )
    };
    let of_claims = told.obstacles.iter().any(|(_, obstacle)| is_volume(obstacle));
    let claims = pod.state.claims.iter().filter(|_| of_claims);
    claims
        .filter_map(|claim| suspects::claim(&pod.identity, claim))
        .collect()
}

fn remedies(
    pod: &Pod,
    told: &Unschedulable<'_>,
    nearest: Option<(Room<'_>, Amount)>,
    rooms: &[Room<'_>],
) -> Vec<Remedy> {
    let describe = Target::pod(&pod.identity).as_ref().map(kubectl::describe);
    let of_claims = !suspects(pod, told).is_empty();
    let claims = pod
        .identity
        .namespace
        .as_deref()
        .filter(|_| of_claims)
        .and_then(|name| kubectl::list("persistentvolumeclaims", name));
    let mut all = vec![advice::look(
        "Compare what the pod asks for with the nodes",
        "selectors, affinities, tolerations and claims stand in the pod; labels and taints on the nodes",
        [
            describe,
            claims.or_else(|| kubectl::list_all("nodes").map(|list| list.flag("--show-labels"))),
        ],
        "the pod has a node",
    )];
    all.extend(nearest.and_then(|(room, missing)| ask_less(pod, &room, missing)));
    let ask = capacity::ask(&pod.state);
    let held_back = rooms.iter().find(|room| {
        room.state.unschedulable
            && room
                .state
                .taints
                .iter()
                .all(|taint| taint.starts_with("node.kubernetes.io/unschedulable"))
            && room.missing(ask) == Amount::default()
    });
    let is_cordoned = told.obstacles.iter().any(|(_, obstacle)| {
        *obstacle == Obstacle::Cordoned
            || matches!(
                obstacle,
                Obstacle::Taint {
                    key: "node.kubernetes.io/unschedulable",
                    ..
                }
            )
    });
    all.extend(held_back.filter(|_| is_cordoned).and_then(|room| uncordon(room)));
    all
}

/// Lower requests, so that the pod fits: only where one container has them all and keeps at least half.
fn ask_less(pod: &Pod, room: &Room<'_>, missing: Amount) -> Option<Remedy> {
    let mut asking = pod
        .state
        .containers
        .iter()
        .filter(|container| container.cpu_request_millis.or(container.memory_request).is_some());
    let (container, None) = (asking.next()?, asking.next()) else {
        return None;
    };
    let target = Target::owner(&pod.identity).filter(|target| kubectl::rollout_status(target).is_some())?;
    let (cpu, memory) = (
        container.cpu_request_millis.unwrap_or_default(),
        container.memory_request.unwrap_or_default(),
    );
    if missing.cpu * 2 > cpu || missing.memory * 2 > memory {
        return None;
    }
    let requests = |less: Amount| {
        let cpu = (missing.cpu > 0).then(|| ("cpu".to_owned(), format!("{}m", cpu - less.cpu)));
        let memory = (missing.memory > 0).then(|| ("memory".to_owned(), format!("{}Mi", (memory - less.memory) >> 20)));
        let wanted = Resources {
            requests: cpu.into_iter().chain(memory).collect(),
            ..Resources::default()
        };
        kubectl::set_resources(&target, &container.name, &wanted)
    };
    let remedy = advice::change(
        &format!("Ask for {} less", amount(missing)),
        &format!("then it fits on {}", room.node),
        requests(missing),
        requests(Amount::default()),
        "the pod has a node",
    )?;
    Some(Remedy {
        risk: Risk::Medium,
        needs: Some("the container really uses less than it would then ask for".to_owned()),
        ..remedy
    })
}

fn uncordon(room: &Room<'_>) -> Option<Remedy> {
    let target = Target::node(room.node)?;
    let command = kubectl::uncordon(&target)?;
    Some(Remedy {
        risk: Risk::Low,
        impact: format!("new pods may go to {}", room.node),
        needs: Some("whatever the node was cordoned for is done".to_owned()),
        undo: kubectl::cordon(&target).as_ref().map(Kubectl::to_string),
        ..advice::look(
            &format!("Let {} take pods again", room.node),
            &format!("it is cordoned and has {} left", amount(room.free())),
            [Some(command)],
            "the pod has a node",
        )
    })
}
