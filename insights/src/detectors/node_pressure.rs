//! # A node is short of memory, disk space or process ids
//!
//! **Why it matters.** The kubelet evicts pods until the pressure is gone, and no new pods come. Which pods go follows a rule:
//! first those that use more than they asked for.
//!
//! **How it is seen.** The node's conditions `MemoryPressure`, `DiskPressure`, `PIDPressure` and `NetworkUnavailable`. Where
//! tapio watches the node's cgroups, what each pod uses is set against what it asks for (`resources.requests.memory`).
//!
//! **Thresholds.** None of its own: the kubelet's eviction thresholds decide. Warning; critical when the network is not set up.
//!
//! **What to do.** Free what is short: move or shrink the pods that use more than they asked for, clean up disks and images.

use correlator::{Condition, Culprit, Insight, Scope, Severity, Source, Subject, Verdict, Window};

use crate::consumers::{self, Consumer};
use crate::nodes::look_at;
use crate::rule::Rule;

/// Pods that are named.
const NAMED: usize = 5;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/nodes", "k8s/pods", "cgroup"],
    ..Rule::new("node-pressure", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Node(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(node) = window.world().node(name) else {
        return Verdict::Quiet;
    };
    let pressed = node
        .state
        .conditions
        .iter()
        .filter(|condition| &*condition.status == "True");
    let found = pressed.filter_map(|condition| Some(insight(window, name, condition, short_of(&condition.kind)?)));
    Verdict::of(found.collect())
}

fn short_of(condition: &str) -> Option<&'static str> {
    match condition {
        "MemoryPressure" => Some("memory"),
        "DiskPressure" => Some("disk space or inodes"),
        "PIDPressure" => Some("process ids"),
        "NetworkUnavailable" => Some("a network"),
        _ => None,
    }
}

fn insight(window: &Window<'_>, name: &str, condition: &Condition, what: &str) -> Insight {
    let has_no_network = &*condition.kind == "NetworkUnavailable";
    let (title, cause, severity) = if has_no_network {
        let cause = "the network of the node is not set up: its route or its network plugin is missing";
        (
            format!("node {name} has no network"),
            cause.to_owned(),
            Severity::Critical,
        )
    } else {
        let cause = format!(
            "the kubelet is below its eviction threshold for {what} and will evict pods ({})",
            condition.reason
        );
        (format!("node {name} is short of {what}"), cause, Severity::Warning)
    };
    let over = match &*condition.kind {
        "MemoryPressure" => over_request(window, name),
        _ => Vec::new(),
    };
    let cause = over.first().map_or(cause.clone(), |worst| format!("{cause}; {worst}"));
    let mut insight = Insight::new("node-pressure", Subject::Node(name.into()), severity, title, cause);
    insight.what = condition.kind.to_string();
    if has_no_network {
        insight.about = vec![Culprit::Node(name.into())];
    }
    let says = format!("{} is True ({})", condition.kind, condition.reason);
    insight = insight.because(condition.since.unwrap_or(window.now()), Source::Kubernetes, says);
    for says in over {
        insight = insight.because(window.now(), Source::Cgroup, says);
    }
    insight.remedies.extend(look_at(
        name,
        "the pods that use more than they asked for go first, and are the ones to move or shrink",
    ));
    insight
}

/// The pods that use more memory than they request, the worst first: in this order the kubelet evicts pods of one
/// priority (`pkg/kubelet/eviction/helpers.go`).
fn over_request(window: &Window<'_>, node: &str) -> Vec<String> {
    let all = consumers::on_node(window, node);
    let over = all.iter().filter(|consumer| consumer.over() > 0.0);
    over.take(NAMED).map(Consumer::says).collect()
}
