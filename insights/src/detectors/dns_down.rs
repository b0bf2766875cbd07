//! # Name resolution is down for a whole node, or for the cluster
//!
//! **Why it matters.** Nearly everything begins with a lookup: applications that have nothing to do with each other fail at the
//! same time, each with an error of its own. This is said once, and what follows from it is counted with it.
//!
//! **How it is seen.** The queries of all pods that ask for names: on a node, and on all nodes that tapio sees. The endpoints of
//! the cluster's DNS Service say whether the server itself is there.
//!
//! **Thresholds.** Three pods whose queries fail (`dns-timeout`, `dns-failing`), and four of five pods that asked within the last
//! minute got next to no answer. It is the cluster's when its DNS Service has no ready endpoint, or when pods of two nodes or
//! more are struck and four of five everywhere; else it is the node's. Critical.
//!
//! **What to do.** For the cluster, bring its DNS server back: look at its pods, its last rollout and its `ConfigMap`. For a node,
//! look at its DNS cache, kube-proxy and network plugin.

use std::collections::BTreeSet;
use std::sync::Arc;

use correlator::{
    Culprit, Insight, ObjectRef, Pod, Remedy, Scope, Severity, Source, Subject, Tunable, Verdict, Window,
};

use crate::destination;
use crate::dns::{self, Reach};
use crate::kubectl::Kubectl;
use crate::phrase::count;
use crate::remedies;
use crate::rule::Rule;

const SHARE: Tunable = Tunable {
    detector: "dns-down",
    name: "downRatio",
    default: 0.8,
    bounds: [0.1, 1.0],
    meaning: "part of the pods that asked, of a node or the cluster, that gets next to no answer",
};
/// The port that the DNS Service is asked at.
const PORT: u16 = 53;

pub(crate) const RULE: Rule = Rule {
    needs: &[
        "ebpf/dns",
        "k8s/pods",
        "k8s/nodes",
        "k8s/services",
        "k8s/endpointslices",
    ],
    tunables: &[SHARE, dns::ENOUGH],
    ..Rule::new("dns-down", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let found = match window.scope() {
        Scope::Node(name) => on_node(window, name),
        Scope::Object(name) if dns::service(window.world()).is_some_and(|(ours, _)| ours == name) => {
            in_cluster(window, name)
        }
        _ => None,
    };
    Verdict::of(found.into_iter().collect())
}

/// Whether so many pods are down that it is no single one's fault.
fn is_general(window: &Window<'_>, reach: Reach) -> bool {
    dns::are_enough(window, reach.down) && reach.down as f64 >= window.tuned(&SHARE) * reach.asked as f64
}

fn pods<'a>(window: &'a Window<'_>, node: Option<&'a str>) -> impl Iterator<Item = &'a Pod> {
    let is_there = move |pod: &&Pod| pod.exists() && (node.is_none() || pod.identity.node.as_deref() == node);
    window.world().pods().filter(is_there)
}

/// What is wrong with the whole cluster's name resolution, and how far it reaches.
fn of_cluster(window: &Window<'_>) -> Option<(Reach, Option<String>)> {
    let fail = dns::pods_that_fail(window, None);
    if !dns::are_enough(window, fail.len()) {
        return None;
    }
    let world = window.world();
    let nowhere =
        dns::service(world).and_then(|(name, service)| destination::why_leads_nowhere(world, name, service, PORT));
    let nodes: BTreeSet<_> = fail
        .iter()
        .filter_map(|uid| world.pod(uid)?.identity.node.as_deref())
        .collect();
    if nowhere.is_none() && nodes.len() < 2 {
        return None;
    }
    let reach = dns::reach(window, pods(window, None));
    is_general(window, reach).then_some((reach, nowhere))
}

fn in_cluster(window: &Window<'_>, service: &Arc<ObjectRef>) -> Option<Insight> {
    let (reach, nowhere) = of_cluster(window)?;
    let title = format!(
        "DNS is down in the cluster: {} of {} get no answers",
        reach.down,
        count(reach.asked, "pod")
    );
    let is_gone = nowhere.is_some();
    let cause = nowhere.unwrap_or_else(|| {
        format!("{service} has ready endpoints, but queries of pods on several nodes are not answered or fail")
    });
    let subject = Subject::Object(service.clone());
    let mut insight = Insight::new("dns-down", subject, Severity::Critical, title, cause.clone());
    insight.about = vec![Culprit::Dns, Culprit::Object(service.clone())];
    insight.suspects = behind(window, service);
    insight = with_reach(window, insight, reach);
    if is_gone {
        insight = insight.because(window.now(), Source::Kubernetes, cause);
    }
    insight.remedies.extend(dns::look(window.world()));
    insight.remedies.push(configuration(service));
    Some(insight)
}

/// The pods of the DNS server.
fn behind(window: &Window<'_>, service: &ObjectRef) -> Vec<Culprit> {
    let world = window.world();
    let Some((_, state)) = dns::service(world).filter(|(_, state)| !state.selector.is_empty()) else {
        return Vec::new();
    };
    let pods = destination::selected(world, service, state);
    pods.map(|pod| Culprit::Pod(pod.identity.uid.clone())).collect()
}

fn on_node(window: &Window<'_>, node: &str) -> Option<Insight> {
    if !dns::are_enough(window, dns::pods_that_fail(window, Some(node)).len()) || of_cluster(window).is_some() {
        return None;
    }
    let reach = dns::reach(window, pods(window, Some(node)));
    if !is_general(window, reach) {
        return None;
    }
    let title = format!(
        "DNS is down on node {node}: {} of {} get no answers",
        reach.down,
        count(reach.asked, "pod")
    );
    let is_ready = window.world().node(node).is_none_or(correlator::Node::is_ready);
    let cause = if is_ready {
        "the cluster's DNS server is there, but the pods of this node do not reach it: its DNS cache, kube-proxy or network \
         plugin"
    } else {
        "the node is not ready, and its pods do not reach the DNS server"
    };
    let mut insight = Insight::new(
        "dns-down",
        window.subject(),
        Severity::Critical,
        title,
        cause.to_owned(),
    );
    insight.about = vec![Culprit::Node(node.into())];
    insight = with_reach(window, insight, reach);
    insight.remedies.extend(remedies::look_at_node(Some(node)));
    insight.remedies.extend(dns::look(window.world()));
    Some(insight)
}

fn with_reach(window: &Window<'_>, mut insight: Insight, reach: Reach) -> Insight {
    insight.revision = reach.down as u64;
    let says = format!(
        "{} asked for names within a minute, {} of them got next to no answer",
        count(reach.asked, "pod"),
        reach.down
    );
    insight.because(window.now(), Source::Kernel, says)
}

/// Read-only: what was changed last.
fn configuration(service: &ObjectRef) -> Remedy {
    let list = |kind: &str| Kubectl::new(&["get", kind]).namespace(&service.namespace);
    let newest_last = |kind: &str| list(kind).map(|command| command.flag("--sort-by=.metadata.creationTimestamp"));
    let commands = [
        newest_last("replicasets"),
        list("configmaps").map(|command| command.flag("--output=yaml")),
    ];
    Remedy::look(
        "See what was changed last".to_owned(),
        "a DNS server that was well and stopped at once was most often rolled out or configured anew".to_owned(),
        commands
            .into_iter()
            .flatten()
            .map(|command| command.to_string())
            .collect(),
        "the last change is known, and taking it back brings answers".to_owned(),
    )
}
