//! Whether the network policies of a cluster let a pod talk with somebody, as `networking.k8s.io/v1` defines it: a pod that
//! no policy selects for a direction may talk with everybody, one that some select only with whom one of their rules lets.
//!
//! Labels of namespaces are not known but for `kubernetes.io/metadata.name`, which each has; what depends on others is
//! [`Passage::Unknown`]. So are addresses of nodes where pods are meant, blocks of addresses where a pod is, and pods of the
//! node's network: the documentation leaves those to the network plugin.

use std::net::IpAddr;
use std::sync::Arc;

use correlator::object::{Labels, NetworkPolicyState, PolicyPeer, PolicyPort, PolicyRule, TargetPort};
use correlator::selector::{LabelSelector, Requirement};
use correlator::{ObjectRef, Pod, World};

const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The other side of a connection: who has the address after a Service's address was replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Party<'a> {
    pub(crate) address: IpAddr,
    /// The pod that has it; `None` outside the cluster, and for the address of a node.
    pub(crate) pod: Option<&'a Pod>,
}

/// The port that a connection goes to, after a Service's port was replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port<'a> {
    /// `TCP`, `UDP`, `SCTP`.
    pub(crate) protocol: &'a str,
    pub(crate) number: u16,
}

/// What the policies say of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passage<'a> {
    /// They let it through.
    Allowed,
    /// These select the pod, and none of them lets it through.
    Forbidden(Vec<&'a Arc<ObjectRef>>),
    /// It depends on what tapio does not know.
    Unknown,
}

/// Whether a pod may open a connection.
pub(crate) fn egress<'a>(world: &'a World, from: &Pod, to: Party<'_>, port: Port<'_>) -> Passage<'a> {
    judge(
        world,
        from,
        |policy| policy.egress.as_deref(),
        |name, rule| {
            any(
                rule.peers.iter().map(|peer| matches_peer(world, name, peer, to)),
                rule.peers.is_empty(),
            )
            .and(any(
                rule.ports.iter().map(|one| matches_port(one, port, to.pod)),
                rule.ports.is_empty(),
            ))
        },
    )
}

/// Whether a pod may be reached.
pub(crate) fn ingress<'a>(world: &'a World, to: &Pod, from: Party<'_>, port: Port<'_>) -> Passage<'a> {
    judge(
        world,
        to,
        |policy| policy.ingress.as_deref(),
        |name, rule| {
            any(
                rule.peers.iter().map(|peer| matches_peer(world, name, peer, from)),
                rule.peers.is_empty(),
            )
            .and(any(
                rule.ports.iter().map(|one| matches_port(one, port, Some(to))),
                rule.ports.is_empty(),
            ))
        },
    )
}

fn judge<'a>(
    world: &'a World,
    pod: &Pod,
    rules: impl Fn(&'a NetworkPolicyState) -> Option<&'a [PolicyRule]>,
    passes: impl Fn(&ObjectRef, &PolicyRule) -> Match,
) -> Passage<'a> {
    let selecting: Vec<_> = world
        .policies_of(pod)
        .filter_map(|(name, policy)| Some((name, rules(policy)?)))
        .collect();
    if selecting.is_empty() {
        return Passage::Allowed;
    }
    let all = selecting
        .iter()
        .flat_map(|(name, rules)| rules.iter().map(|rule| passes(name, rule)));
    match any(all, false) {
        Match::Yes => Passage::Allowed,
        Match::No if !pod.state.host_network => {
            Passage::Forbidden(selecting.into_iter().map(|(name, _)| name).collect())
        }
        Match::No | Match::Unknown => Passage::Unknown,
    }
}

/// Whether something holds, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    No,
    Unknown,
    Yes,
}

impl Match {
    fn and(self, other: Self) -> Self {
        self.min(other)
    }

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Match {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// One of them is enough; `all` when an empty list means everything.
fn any(matches: impl Iterator<Item = Match>, all: bool) -> Match {
    matches.max().unwrap_or(Match::No).max(all.into())
}

fn matches_peer(world: &World, policy: &ObjectRef, peer: &PolicyPeer, party: Party<'_>) -> Match {
    match (peer, party.pod) {
        (PolicyPeer::Block { cidr, except }, pod) => {
            let left_out = any(except.iter().map(|cidr| is_in(cidr, party.address)), false);
            match (is_in(cidr, party.address).and(left_out.not()), pod) {
                (Match::No, _) => Match::No,
                (_, Some(_)) => Match::Unknown,
                (found, None) => found,
            }
        }
        (PolicyPeer::Pods { .. }, None) if is_node(world, party.address) => Match::Unknown,
        (PolicyPeer::Pods { .. }, None) => Match::No,
        (PolicyPeer::Pods { pods, namespaces }, Some(pod)) => {
            let theirs = pod.identity.namespace.as_deref().unwrap_or_default();
            let in_namespace = match namespaces {
                None => Match::from(*policy.namespace == *theirs),
                Some(selector) => selects_namespace(selector, theirs),
            };
            let selected = pods.as_ref().is_none_or(|selector| selector.selects(&pod.state.labels));
            in_namespace.and(selected.into())
        }
    }
}

fn is_node(world: &World, address: IpAddr) -> bool {
    world.nodes().any(|(_, node)| node.state.ips.contains(&address))
}

/// Whether a selector of namespaces selects the one of this name.
fn selects_namespace(selector: &LabelSelector, name: &str) -> Match {
    let labels: Labels = [(NAMESPACE_NAME.into(), name.into())].into();
    let equal = selector.labels.iter().map(|(key, value)| match &**key {
        NAMESPACE_NAME => Match::from(**value == *name),
        _ => Match::Unknown,
    });
    let met = |requirement: &Requirement| match &*requirement.key {
        NAMESPACE_NAME => {
            let alone = LabelSelector {
                labels: Labels::new(),
                requirements: vec![requirement.clone()],
            };
            Match::from(alone.selects(&labels))
        }
        _ => Match::Unknown,
    };
    equal
        .chain(selector.requirements.iter().map(met))
        .min()
        .unwrap_or(Match::Yes)
}

/// Named ports are those of the containers of the pod that is reached.
fn matches_port(wanted: &PolicyPort, port: Port<'_>, reached: Option<&Pod>) -> Match {
    if *wanted.protocol != *port.protocol {
        return Match::No;
    }
    match (&wanted.port, wanted.end) {
        (None, _) => Match::Yes,
        (Some(TargetPort::Number(first)), end) => (*first..=end.unwrap_or(*first)).contains(&port.number).into(),
        (Some(TargetPort::Name(name)), _) => {
            let containers = reached.into_iter().flat_map(|pod| &pod.state.containers);
            let mut numbers = containers.filter_map(|container| container.port_names.get(name));
            numbers.any(|number| *number == port.number).into()
        }
    }
}

/// Whether an address is in a block such as `10.0.0.0/8`; unknown for what is no block.
fn is_in(cidr: &str, address: IpAddr) -> Match {
    let parsed = cidr
        .split_once('/')
        .and_then(|(base, len)| Some((base.parse().ok()?, len.parse().ok()?)));
    let Some((base, len)): Option<(IpAddr, u32)> = parsed else {
        return Match::Unknown;
    };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (u128::from(base.to_bits()), u128::from(address.to_bits()), 32_u32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return Match::No,
    };
    let Some(rest) = width.checked_sub(len) else {
        return Match::Unknown;
    };
    Match::from(base.checked_shr(rest).unwrap_or(0) == address.checked_shr(rest).unwrap_or(0))
}

#[cfg(test)]
mod tests;
