//! What the DNS detectors share: what a container's queries came to, who the cluster's DNS server is, and whether a whole node
//! or cluster fails at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use correlator::object::ServiceState;
use correlator::{
    ContainerView, Culprit, Failure, ObjectRef, ObjectState, Outcome, Peer, PodIdentity, Remedy, Signal, Subject,
    Timestamp, Tunable, Window, World,
};

use crate::destination::{Destination, behind};
use crate::kubectl::{Kubectl, on_object};
use crate::rates;

/// Span: a query to its answer or its timeout.
pub(crate) const QUERY: Signal = Signal::new("dns.query");
/// Count: queries that were not answered within five seconds.
pub(crate) const TIMEOUTS: Signal = Signal::new("dns.timeouts");
/// Count: answers that a name exists, and that it does not.
pub(crate) const GOOD: Signal = Signal::new("dns.responses:NOERROR");
pub(crate) const MISSING: Signal = Signal::new("dns.responses:NXDOMAIN");
/// Counts: answers that the server could not, or would not, answer.
pub(crate) const BROKEN: [Signal; 5] = [SERVFAIL, REFUSED, FORMERR, NOTIMP, NOTAUTH];
/// Counts: all answers.
pub(crate) const ANSWERED: [Signal; 7] = [GOOD, MISSING, SERVFAIL, REFUSED, FORMERR, NOTIMP, NOTAUTH];

const SERVFAIL: Signal = Signal::new("dns.responses:SERVFAIL");
const REFUSED: Signal = Signal::new("dns.responses:REFUSED");
const FORMERR: Signal = Signal::new("dns.responses:FORMERR");
const NOTIMP: Signal = Signal::new("dns.responses:NOTIMP");
const NOTAUTH: Signal = Signal::new("dns.responses:NOTAUTH");

/// The port that DNS servers listen on.
const PORT: u16 = 53;
/// Where `NodeLocal DNSCache` listens (kubernetes.io/docs/tasks/administer-cluster/nodelocaldns).
const NODE_LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 20, 10));
/// What is looked at, back from now.
pub(crate) const LATELY: Duration = Duration::from_secs(60);
/// Insights that say that the queries of one pod fail.
const OF_ONE_POD: [&str; 2] = ["dns-failing", "dns-timeout"];
pub(crate) const ENOUGH: Tunable = Tunable {
    detector: "dns-down",
    name: "leastPods",
    default: 3.0,
    bounds: [2.0, 1000.0],
    meaning: "pods that get next to no answer that are enough; single ones wait for that for 20 s",
};
/// When so many other pods fail as well, a pod is silent for this long, so that what is said is that all of them fail.
const WAIT_FOR_ALL: Duration = Duration::from_secs(20);

/// What queries came to in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    /// Answers of any kind.
    pub(crate) answered: f64,
    /// Those that the server could not or would not answer.
    pub(crate) broken: f64,
    /// Queries without an answer.
    pub(crate) timeouts: f64,
}

impl Tally {
    /// What the queries of a container came to lately.
    pub(crate) fn lately(container: &ContainerView<'_>, now: Timestamp) -> Self {
        let (from, to) = (now.minus(LATELY), now.plus(Duration::from_nanos(1)));
        let sum = |signals: &[Signal]| -> f64 {
            signals
                .iter()
                .map(|signal| rates::between(container, signal, from, to))
                .sum()
        };
        Self {
            answered: sum(&ANSWERED),
            broken: sum(&BROKEN),
            timeouts: sum(&[TIMEOUTS]),
        }
    }

    /// Queries that ended.
    pub(crate) fn queries(&self) -> f64 {
        self.answered + self.timeouts
    }

    /// Whether next to nothing works: four of five queries or more.
    fn is_down(&self) -> bool {
        self.queries() > 0.0 && self.broken + self.timeouts >= 0.8 * self.queries()
    }
}

/// The queries of a container that failed so lately, by the server that was asked.
pub(crate) fn failed<'a>(
    container: &ContainerView<'a>,
    now: Timestamp,
    is_so: impl Fn(Outcome) -> bool,
) -> BTreeMap<&'a Peer, Vec<&'a Failure>> {
    let mut by_server: BTreeMap<&Peer, Vec<&Failure>> = BTreeMap::new();
    for failure in container.failures(&QUERY) {
        if let (true, true, Some(server)) = (is_so(failure.outcome), now.since(failure.at) < LATELY, &failure.peer) {
            by_server.entry(server).or_default().push(failure);
        }
    }
    by_server
}

/// The Service of the cluster's DNS server: `kube-system/kube-dns` by convention (also of `CoreDNS`), else one on port 53 in
/// the namespaces where distributions put it.
pub(crate) fn service(world: &World) -> Option<(&Arc<ObjectRef>, &ServiceState)> {
    let services = world.objects().filter_map(|(name, state)| match state {
        ObjectState::Service(service) if service.port(PORT).is_some() => Some((name, service)),
        _ => None,
    });
    let of_cluster = |name: &ObjectRef| matches!(&*name.namespace, "kube-system" | "openshift-dns");
    let mut found: Vec<_> = services.filter(|(name, _)| of_cluster(name)).collect();
    found.sort_by_key(|(name, _)| &*name.name != "kube-dns");
    found.first().copied()
}

/// Whether a server belongs to the cluster: its DNS Service, a pod, the cache of the node, or something in the pod itself.
/// `None` while the cluster's DNS Service is not known.
pub(crate) fn is_of_cluster(world: &World, server: &Peer, at: Timestamp) -> Option<bool> {
    service(world)?;
    let known = !matches!(behind(world, server.address, at), Destination::Unknown);
    Some(known || server.address == NODE_LOCAL)
}

/// What may be at the root when a container's queries fail: the cluster's DNS server, and the node.
pub(crate) fn suspects(container: &ContainerView<'_>) -> Vec<Culprit> {
    let node = container.identity.node.clone().map(Culprit::Node);
    [Culprit::Dns].into_iter().chain(node).collect()
}

/// `service kube-system/kube-dns (10.96.0.10:53)`, or the address alone.
pub(crate) fn server(world: &World, server: &Peer, at: Timestamp) -> String {
    match server.address {
        NODE_LOCAL => format!("the DNS cache of the node ({server})"),
        _ => crate::peers::name(world, server, at),
    }
}

/// Whether an insight about all pods is about to be said, so that this one need not be: three other pods fail as well, and this
/// one began to not long ago.
pub(crate) fn waits_for_all(window: &Window<'_>, began: Timestamp) -> bool {
    let is_known = window.found().any(|insight| insight.about.contains(&Culprit::Dns));
    !is_known && window.now().since(began) < WAIT_FOR_ALL && are_enough(window, pods_that_fail(window, None).len())
}

/// Whether so many pods fail that it may be all of them.
pub(crate) fn are_enough(window: &Window<'_>, pods: usize) -> bool {
    pods as f64 >= window.tuned(&ENOUGH)
}

/// The pods, by uid, of which it was found that their queries fail through no fault of their own, such as a network policy:
/// those of a node, or all.
pub(crate) fn pods_that_fail(window: &Window<'_>, node: Option<&str>) -> BTreeSet<Arc<str>> {
    let ours = window
        .found()
        .filter(|insight| OF_ONE_POD.contains(&insight.id) && insight.suspects.contains(&Culprit::Dns));
    let pods = ours.filter_map(|insight| match &insight.subject {
        Subject::Container(pod) if node.is_none() || pod.node.as_deref() == node => Some(pod.uid.clone()),
        _ => None,
    });
    pods.collect()
}

/// How many pods asked for names lately, and how many of them got next to no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) asked: usize,
    pub(crate) down: usize,
}

/// How the queries of these pods fared lately.
pub(crate) fn reach<'a>(window: &Window<'_>, pods: impl Iterator<Item = &'a correlator::Pod>) -> Reach {
    let mut reach = Reach::default();
    for pod in pods {
        let Some(view) = window.of(&correlator::Scope::Pod(pod.identity.uid.clone())) else {
            continue;
        };
        let tallies = view
            .containers()
            .iter()
            .map(|container| Tally::lately(container, window.now()));
        let tallies: Vec<Tally> = tallies.filter(|tally| tally.queries() > 0.0).collect();
        reach.asked += usize::from(!tallies.is_empty());
        reach.down += usize::from(!tallies.is_empty() && tallies.iter().all(Tally::is_down));
    }
    reach
}

/// The workload that made a pod, when changing its template replaces the pods.
pub(crate) fn rolled_out(pod: &PodIdentity) -> Option<ObjectRef> {
    let owner = pod
        .owner
        .as_ref()
        .filter(|owner| matches!(&*owner.kind, "Deployment" | "StatefulSet" | "DaemonSet"))?;
    Some(ObjectRef {
        kind: owner.kind.clone(),
        namespace: pod.namespace.clone()?,
        name: owner.name.clone(),
    })
}

/// Read-only: how the cluster's DNS server fares. `None` while its Service is not known.
pub(crate) fn look(world: &World) -> Option<Remedy> {
    let (name, service) = service(world)?;
    let labels: Vec<String> = service
        .selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let selector = format!("--selector={}", labels.join(","));
    let of_pods = |words: &[&str]| {
        let command = Kubectl::new(words).namespace(&name.namespace)?.arg(selector.clone());
        (!labels.is_empty()).then_some(command)
    };
    let commands = [
        of_pods(&["get", "pods", "--output=wide"]),
        of_pods(&["logs", "--tail=50", "--prefix"]),
        on_object(&["describe"], name),
    ];
    Some(Remedy::look(
        "Look at the cluster's DNS server".to_owned(),
        "every pod that uses the cluster's names depends on it".to_owned(),
        commands
            .into_iter()
            .flatten()
            .map(|command| command.to_string())
            .collect(),
        "its pods are ready and their logs hold no errors".to_owned(),
    ))
}
