//! What keeps a pod's packets from being answered, as far as the API server's state explains it: a Service that leads nowhere,
//! network policies of either side, a pod that is gone, a node that is not ready.

use std::collections::BTreeSet;
use std::sync::Arc;

use correlator::{Culprit, ObjectRef, Peer, Pod, Remedy, Risk, Timestamp, World};

use crate::destination::{self, Destination, behind};
use crate::kubectl::{Kubectl, on_object};
use crate::policy::{Party, Passage, Port, egress, ingress};
use crate::suspects;

/// Why nobody answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Obstacle {
    pub(crate) cause: String,
    /// What stands in the way, the likeliest first.
    pub(crate) suspects: Vec<Culprit>,
    /// Network policies that do not let it through.
    pub(crate) policies: Vec<Arc<ObjectRef>>,
}

/// Where packets to a peer end up: parties, and the port they are reached at.
struct Targets<'a> {
    parties: Vec<Party<'a>>,
    port: u16,
}

/// What stands between a pod and a peer, if that can be told.
pub(crate) fn between(world: &World, from: &Pod, peer: &Peer, protocol: &str, at: Timestamp) -> Option<Obstacle> {
    let behind = behind(world, peer.address, at);
    if let Destination::Service(name, service) = &behind
        && let Some(cause) = destination::why_leads_nowhere(world, name, service, peer.port)
    {
        return Some(Obstacle {
            cause,
            suspects: suspects::peer(world, peer, at),
            policies: Vec::new(),
        });
    }
    let targets = targets(world, &behind, peer)?;
    let port = Port {
        protocol,
        number: targets.port,
    };
    by_policy(world, from, &targets.parties, port).or_else(|| by_absence(world, peer, &targets.parties))
}

fn targets<'a>(world: &'a World, behind: &Destination<'a>, peer: &Peer) -> Option<Targets<'a>> {
    match behind {
        Destination::Itself => None,
        Destination::Unknown => Some(Targets {
            parties: vec![Party {
                address: peer.address,
                pod: None,
            }],
            port: peer.port,
        }),
        Destination::Pod(pod) => Some(Targets {
            parties: vec![Party {
                address: peer.address,
                pod: Some(pod),
            }],
            port: peer.port,
        }),
        Destination::Service(name, service) => {
            let port = destination::target(world, name, service.port(peer.port)?)?;
            let parties = destination::ready(world, name).filter_map(|endpoint| {
                let pod = endpoint.pod.as_deref().and_then(|uid| world.pod(uid));
                Some(Party {
                    address: *endpoint.addresses.first()?,
                    pod: pod.filter(|pod| !pod.state.host_network),
                })
            });
            Some(Targets {
                parties: parties.collect(),
                port,
            })
        }
    }
}

/// Policies are to blame only when they let none of the ways through.
fn by_policy(world: &World, from: &Pod, parties: &[Party<'_>], port: Port<'_>) -> Option<Obstacle> {
    let own = Party {
        address: *from.state.ips.first()?,
        pod: Some(from).filter(|pod| !pod.state.host_network),
    };
    let mut ways = Vec::new();
    for party in parties {
        let out = egress(world, from, *party, port);
        let way = match (out, party.pod) {
            (Passage::Allowed, Some(pod)) => (ingress(world, pod, own, port), Some(pod)),
            (out, _) => (out, None),
        };
        ways.push(way);
    }
    let mut policies = BTreeSet::new();
    for (passage, _) in &ways {
        let Passage::Forbidden(names) = passage else {
            return None;
        };
        policies.extend(names.iter().map(|name| Arc::clone(name)));
    }
    let policies: Vec<_> = policies.into_iter().collect();
    let names: Vec<String> = policies.iter().map(ToString::to_string).collect();
    let (names, select) = (
        names.join(" and "),
        if policies.len() == 1 { "selects" } else { "select" },
    );
    let (protocol, number) = (port.protocol, port.number);
    let cause = match ways.first()?.1 {
        None => format!(
            "{names} {select} {} for what may go out, and no rule lets {protocol} to port {number} there through",
            from.identity.pod_label()
        ),
        Some(pod) => format!(
            "{names} {select} {} for what may come in, and no rule lets {protocol} to port {number} from {} through",
            pod.identity.pod_label(),
            from.identity.pod_label()
        ),
    };
    let suspects = policies.iter().cloned().map(Culprit::Object).collect();
    Some(Obstacle {
        cause,
        suspects,
        policies,
    })
}

/// The address is that of a pod that is gone, or all pods behind it are on nodes that are not ready.
fn by_absence(world: &World, peer: &Peer, parties: &[Party<'_>]) -> Option<Obstacle> {
    let pods: Vec<&Pod> = parties.iter().filter_map(|party| party.pod).collect();
    if pods.is_empty() {
        let had = |pod: &&Pod| !pod.exists() && !pod.state.host_network && pod.state.ips.contains(&peer.address);
        let gone = world.pods().find(had)?;
        let cause = format!(
            "{} was the address of {}, which is gone; a client that keeps the address asks a pod that no longer exists",
            peer.address,
            gone.identity.pod_label()
        );
        return Some(Obstacle {
            cause,
            suspects: Vec::new(),
            policies: Vec::new(),
        });
    }
    let is_down = |name: &&Arc<str>| world.node(name).is_some_and(|node| !node.is_ready());
    let nodes: BTreeSet<&Arc<str>> = pods
        .iter()
        .filter_map(|pod| pod.identity.node.as_ref())
        .filter(is_down)
        .collect();
    let on_them = |pod: &&Pod| pod.identity.node.as_ref().is_some_and(|node| nodes.contains(node));
    if !pods.iter().all(on_them) {
        return None;
    }
    let names: Vec<&str> = nodes.iter().map(|node| &***node).collect();
    let cause = format!("the pods behind it are on {}, which is not ready", names.join(" and "));
    let suspects = nodes.into_iter().cloned().map(Culprit::Node).collect();
    Some(Obstacle {
        cause,
        suspects,
        policies: Vec::new(),
    })
}

/// Read-only: the policies that stand in the way.
pub(crate) fn look(obstacle: &Obstacle) -> Option<Remedy> {
    let commands = obstacle
        .policies
        .iter()
        .filter_map(|policy| on_object(&["describe"], policy));
    let commands: Vec<String> = commands.map(|command: Kubectl| command.to_string()).collect();
    (!commands.is_empty()).then(|| Remedy {
        title: "Read the network policies and add a rule for this connection".to_owned(),
        why: "a pod that is selected for a direction may only talk with whom a rule names".to_owned(),
        risk: Risk::None,
        impact: "none, read-only".to_owned(),
        needs: Some("a network plugin that enforces network policies".to_owned()),
        commands,
        undo: None,
        verify: "a rule names the other side and the port, and connects succeed".to_owned(),
    })
}
