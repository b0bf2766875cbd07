//! # A node is not ready, or keeps changing its mind
//!
//! **Why it matters.** Its pods get no traffic, and after five minutes (`tolerationSeconds` of the default tolerations) they
//! are evicted and started elsewhere. Until then everything on it looks broken at once, each pod in its own way.
//!
//! **How it is seen.** The node's `Ready` condition. `Unknown` is written by the node controller when the kubelet has not
//! renewed its lease for 40 to 50 s: the machine, its network or its kubelet is gone. `False` is written by the kubelet itself,
//! which says why: the container runtime, the network plugin, or a shutdown.
//!
//! **Thresholds.** Not ready: at once when it is `Unknown`, after 15 s when the kubelet says so itself; a node that tapio has
//! not yet seen ready has two minutes, as one that joins has to set up its network first. Flapping: more than two changes within 15 minutes. Critical; flapping is a warning while it is
//! ready. What ails the node's pods meanwhile is counted with this insight and not said on its own.
//!
//! **What to do.** Look at the node. If it does not come back, let its pods go elsewhere.

use std::time::Duration;

use correlator::{
    Condition, Culprit, Insight, Node, Remedy, Risk, Scope, Severity, Source, Subject, Tunable, Verdict, Window,
};

use crate::kubectl::{Target, cordon, drain, uncordon};
use crate::nodes::{look_at, pods_on};
use crate::phrase::{count, duration, escape};
use crate::rule::Rule;

const STARTING: Tunable = Tunable {
    detector: "node-not-ready",
    name: "startingSeconds",
    default: 15.0,
    bounds: [0.0, 3600.0],
    meaning: "how long a kubelet may say itself that it is not ready, as when it starts",
};
const JOINING: Tunable = Tunable {
    detector: "node-not-ready",
    name: "joiningSeconds",
    default: 120.0,
    bounds: [0.0, 3600.0],
    meaning: "how long a node that was not seen ready yet may join",
};
/// Changes of readiness within this time are counted.
const FLAPPING: Duration = Duration::from_secs(900);
const TURNS: Tunable = Tunable {
    detector: "node-not-ready",
    name: "leastChanges",
    default: 3.0,
    bounds: [2.0, 16.0],
    meaning: "changes of readiness within 15 minutes that are flapping",
};
const TOLERATED: Tunable = Tunable {
    detector: "node-not-ready",
    name: "toleratedSeconds",
    default: 300.0,
    bounds: [0.0, 86400.0],
    meaning: "how long pods tolerate a lost node (default-not-ready-toleration-seconds of the API server); then it is said again",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/nodes", "k8s/pods"],
    tunables: &[STARTING, JOINING, TURNS, TOLERATED],
    ..Rule::new("node-not-ready", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Node(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(node) = window.world().node(name) else {
        return Verdict::Quiet;
    };
    let Some(ready) = node.state.condition("Ready") else {
        return Verdict::Quiet;
    };
    let turns = node.turns().filter(|at| window.now().since(*at) <= FLAPPING).count();
    let flaps = turns as f64 >= window.tuned(&TURNS);
    if node.is_ready() {
        let found = flaps.then(|| insight(window, name, node, ready, turns));
        return Verdict::of(found.into_iter().collect());
    }
    let since = ready.since.map_or(Duration::MAX, |since| window.now().since(since));
    let grace = if was_ready(node) { &STARTING } else { &JOINING };
    if &*ready.status == "False" && since < window.tuned_time(grace) && !flaps {
        return Verdict::NotYet;
    }
    Verdict::of(vec![insight(window, name, node, ready, turns)])
}

/// Whether it was ready at a time that tapio watched.
fn was_ready(node: &Node) -> bool {
    node.turns().next().is_some()
}

fn insight(window: &Window<'_>, name: &str, node: &Node, ready: &Condition, turns: usize) -> Insight {
    let pods = pods_on(window.world(), name).count();
    let flaps = turns as f64 >= window.tuned(&TURNS);
    let changes = count(turns, "change");
    let title = match (node.is_ready(), flaps) {
        (true, _) => format!("node {name} keeps becoming unready: {changes} in 15 minutes"),
        (false, true) => format!("node {name} is not ready, after {changes} in 15 minutes"),
        (false, false) => format!("node {name} is not ready, with {} on it", count(pods, "pod")),
    };
    let severity = if node.is_ready() {
        Severity::Warning
    } else {
        Severity::Critical
    };
    let mut insight = Insight::new(
        "node-not-ready",
        Subject::Node(name.into()),
        severity,
        title,
        cause(ready),
    );
    insight.about = vec![Culprit::Node(name.into())];
    insight.suspects = node.state.zone.clone().map(Culprit::Zone).into_iter().collect();
    let lost = ready.since.map_or(Duration::ZERO, |since| window.now().since(since));
    let is_given_up = !node.is_ready() && lost >= window.tuned_time(&TOLERATED);
    insight.revision = turns.max(1) as u64 * if is_given_up { 2 } else { 1 };
    let mut says = format!("Ready is {} ({})", ready.status, ready.reason);
    if !ready.message.is_empty() {
        says = format!("{says}: \"{}\"", escape(&ready.message, 300));
    }
    insight = insight.because(ready.since.unwrap_or(window.now()), Source::Kubernetes, says);
    for at in node.turns().filter(|at| flaps && window.now().since(*at) <= FLAPPING) {
        insight = insight.because(at, Source::Kubernetes, "its readiness changed");
    }
    insight.remedies.extend(look_at(
        name,
        "the conditions, the last events and the pods of the node tell which part is gone",
    ));
    if is_given_up {
        insight.remedies.extend(give_up(name, lost));
    }
    insight
}

fn cause(ready: &Condition) -> String {
    let message = ready.message.to_lowercase();
    let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match (&*ready.status, &*ready.reason) {
        ("Unknown", _) => {
            "its kubelet has stopped reporting: the machine, its network or the kubelet is gone".to_owned()
        }
        ("True", _) => "it is ready at the moment; something in it or on the way to it comes and goes".to_owned(),
        _ if said(&["network plugin", "cni"]) => "its network plugin (CNI) does not work".to_owned(),
        _ if said(&["container runtime", "pleg", "cri"]) => "its container runtime does not answer".to_owned(),
        _ if said(&["shutting down", "shutdown"]) => "the machine is being shut down".to_owned(),
        (_, reason) => format!("its kubelet reports {reason}"),
    }
}

fn give_up(name: &str, lost: Duration) -> Option<Remedy> {
    let node = Target::node(name)?;
    Some(Remedy {
        title: "Let its pods go elsewhere".to_owned(),
        why: format!(
            "it has been away for {}, longer than the default tolerations wait",
            duration(lost)
        ),
        risk: Risk::High,
        impact: "every pod on it is deleted and made anew where there is room; what they keep on the node is lost"
            .to_owned(),
        needs: Some(
            "room on the other nodes; a machine that is really off: a pod that still runs there can write twice"
                .to_owned(),
        ),
        commands: [cordon(&node), drain(&node)]
            .into_iter()
            .flatten()
            .map(|command| command.to_string())
            .collect(),
        undo: uncordon(&node).map(|command| command.to_string()),
        verify: "the workloads have all their pods on other nodes".to_owned(),
    })
}
