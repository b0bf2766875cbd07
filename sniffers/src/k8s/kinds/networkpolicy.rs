//! `networking.k8s.io/v1` `NetworkPolicy`.

use correlator::ObjectState;
use correlator::object::{NetworkPolicyState, PolicyPeer, PolicyPort, PolicyRule};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::probe::target;
use super::super::prune::Pruner;
use super::super::selector::Selector;
use super::super::wire::{resource, slim};
use super::Kind;

/// Rules of a direction, and peers, ports and exceptions of one.
const RULES: usize = 128;
const ENTRIES: usize = 128;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct NetworkPolicy {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
}

resource!(
    NetworkPolicy,
    "networking.k8s.io",
    "NetworkPolicy",
    "networkpolicies",
    NamespaceResourceScope
);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    pod_selector: Option<Selector>,
    policy_types: Option<Vec<String>>,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

/// A rule of either direction: one has `from`, the other `to`.
#[derive(Debug, Clone, Default, Deserialize)]
struct Rule {
    #[serde(alias = "from", alias = "to")]
    peers: Option<Vec<Peer>>,
    ports: Option<Vec<PortSpec>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    ip_block: Option<Block>,
    pod_selector: Option<Selector>,
    namespace_selector: Option<Selector>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Block {
    cidr: Option<String>,
    except: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortSpec {
    protocol: Option<String>,
    port: Option<IntOrString>,
    end_port: Option<i64>,
}

impl Kind for NetworkPolicy {
    const WATCHED: Watched = Watched {
        group: "networking.k8s.io",
        plural: "networkpolicies",
        what: "traffic that network policies forbid",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let nothing = Spec::default();
        let spec = self.spec.as_ref().unwrap_or(&nothing);
        ObjectState::NetworkPolicy(NetworkPolicyState {
            pods: pruner.selector(spec.pod_selector.as_ref()),
            ingress: spec
                .is_about("Ingress", true)
                .then(|| rules(spec.ingress.as_deref(), pruner)),
            egress: spec
                .is_about("Egress", spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()))
                .then(|| rules(spec.egress.as_deref(), pruner)),
        })
    }
}

impl Spec {
    /// Without `policyTypes` a policy is about what comes in, and about what goes out when it has rules for that.
    fn is_about(&self, direction: &str, otherwise: bool) -> bool {
        match self.policy_types.as_deref() {
            None | Some([]) => otherwise,
            Some(types) => types.iter().any(|kind| kind == direction),
        }
    }
}

fn rules(rules: Option<&[Rule]>, pruner: &mut Pruner) -> Vec<PolicyRule> {
    let kept = pruner.first(rules, RULES);
    kept.iter().map(|entry| rule(entry, pruner)).collect()
}

fn rule(rule: &Rule, pruner: &mut Pruner) -> PolicyRule {
    let peers = pruner.first(rule.peers.as_deref(), ENTRIES);
    let ports = pruner.first(rule.ports.as_deref(), ENTRIES);
    PolicyRule {
        peers: peers.iter().map(|entry| peer(entry, pruner)).collect(),
        ports: ports.iter().map(|entry| port(entry, pruner)).collect(),
    }
}

fn peer(peer: &Peer, pruner: &mut Pruner) -> PolicyPeer {
    if let Some(block) = &peer.ip_block {
        let except = pruner.first(block.except.as_deref(), ENTRIES);
        return PolicyPeer::Block {
            cidr: pruner.name(block.cidr.as_deref()),
            except: except.iter().map(|cidr| pruner.name(Some(cidr))).collect(),
        };
    }
    let mut read = |selector: &Option<Selector>| selector.as_ref().map(|selector| pruner.selector(Some(selector)));
    PolicyPeer::Pods {
        pods: read(&peer.pod_selector),
        namespaces: read(&peer.namespace_selector),
    }
}

fn port(port: &PortSpec, pruner: &mut Pruner) -> PolicyPort {
    PolicyPort {
        protocol: pruner.name(port.protocol.as_deref().or(Some("TCP"))),
        port: target(port.port.as_ref()),
        end: port.end_port.and_then(|end| u16::try_from(end).ok()),
    }
}
