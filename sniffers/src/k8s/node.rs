//! The watch of nodes: their conditions and what they can hold.

use std::sync::Arc;

use correlator::{Body, Event, Fact, NodeState, Subject, signals};
use kube::core::ObjectMeta;

use super::gap::Watched;
use super::prune::{Pruner, tell_left_out};
use super::quantity::{thousandths, whole};
use super::text::{NAME, bounded, bounded_or_empty};
use super::told::Told;
use super::watch::Reader;
use super::wire::{Node, Taint};
use crate::clock;
use crate::sniffer::Context;

/// Addresses and taints that are kept of a node.
const ENTRIES: usize = 32;
/// The label with the zone, and its name before Kubernetes 1.17.
const ZONES: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

/// Reads nodes.
pub(super) struct Nodes {
    cx: Context,
    pruner: Pruner,
    told: Told,
}

impl Nodes {
    pub(super) fn new(cx: Context) -> Self {
        Self {
            cx,
            pruner: Pruner::default(),
            told: Told::default(),
        }
    }

    fn send(&self, name: Arc<str>, fact: Fact) {
        self.cx.events.send(Event {
            at: clock::now(),
            subject: Subject::Node(name),
            signal: signals::KUBE_NODE,
            body: Body::Fact(fact),
        });
    }
}

impl Reader for Nodes {
    type Object = Node;
    const WATCHED: Watched = Watched {
        group: "",
        plural: "nodes",
        what: "node conditions, taints and what a node can hold",
    };

    /// A node is its name: pods and Events name it by nothing else.
    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        metadata.name.as_deref().map(|name| bounded(name, NAME))
    }

    fn apply(&mut self, node: Node) {
        let Some(name) = Self::key(&node.metadata) else { return };
        let state = state(&node, &mut self.pruner);
        let left_out = self.pruner.take_left_out();
        if !self.told.is_news(&name, &state) {
            return;
        }
        tell_left_out(&self.cx, Self::WATCHED, left_out);
        self.send(name, Fact::Node(Box::new(state)));
    }

    fn gone(&mut self, key: &str) {
        self.told.forget(key);
        self.send(key.into(), Fact::NodeDeleted);
    }
}

fn state(node: &Node, pruner: &mut Pruner) -> NodeState {
    let (spec, status) = (node.spec.as_ref(), node.status.as_ref());
    let allocatable = status.and_then(|status| status.allocatable.as_ref());
    let capacity = status.and_then(|status| status.capacity.as_ref());
    let addresses = pruner.first(status.and_then(|status| status.addresses.as_deref()), ENTRIES);
    let taints = pruner.first(spec.and_then(|spec| spec.taints.as_deref()), ENTRIES);
    let zone = ZONES
        .iter()
        .find_map(|label| node.metadata.labels.as_ref()?.get(*label));
    NodeState {
        allocatable_memory: allocatable.and_then(|amounts| whole(amounts.memory.as_deref()?)),
        allocatable_cpu_millis: allocatable.and_then(|amounts| thousandths(amounts.cpu.as_deref()?)),
        allocatable_pods: allocatable.and_then(|amounts| whole(amounts.pods.as_deref()?)),
        memory: capacity.and_then(|amounts| whole(amounts.memory.as_deref()?)),
        taints: taints.iter().map(taint).collect(),
        zone: pruner.named(zone.map(String::as_str)),
        ips: addresses
            .iter()
            .filter_map(|entry| entry.address.as_deref()?.parse().ok())
            .collect(),
        conditions: pruner.conditions(status.and_then(|status| status.conditions.as_deref())),
        unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
    }
}

/// `key=value:effect`, or `key:effect` without a value, as `kubectl taint` takes it.
fn taint(taint: &Taint) -> Arc<str> {
    let part = |part: &Option<String>| bounded_or_empty(part.as_deref(), NAME);
    let (key, value, effect) = (part(&taint.key), part(&taint.value), part(&taint.effect));
    let equals = if value.is_empty() { "" } else { "=" };
    format!("{key}{equals}{value}:{effect}").into()
}

#[cfg(test)]
mod tests {
    use fixtures::kube::NodeObject;

    use super::*;

    #[test]
    fn what_a_node_says_is_kept_without_its_host_name() {
        let node = NodeObject::new("n1")
            .ip("10.0.0.4")
            .unschedulable()
            .allocatable_memory("7961Mi")
            .condition(
                "MemoryPressure",
                "True",
                "KubeletHasInsufficientMemory",
                "2026-11-21T15:10:00Z",
            );
        let state = state(&serde_json::from_value(node.into()).unwrap(), &mut Pruner::default());
        assert_eq!(
            (state.allocatable_memory, state.ips.len(), state.unschedulable),
            (Some(7961 << 20), 1, true)
        );
        let pressure = state
            .conditions
            .iter()
            .find(|condition| &*condition.kind == "MemoryPressure")
            .unwrap();
        assert_eq!(
            (&*pressure.status, &*pressure.reason),
            ("True", "KubeletHasInsufficientMemory")
        );
        assert!(pressure.since.is_some());
    }

    #[test]
    fn taints_zone_and_what_it_can_hold_are_kept() {
        let mut node = serde_json::Value::from(NodeObject::new("n1"));
        node["metadata"]["labels"] = serde_json::json!({"topology.kubernetes.io/zone": "eu-1a"});
        node["spec"]["taints"] = serde_json::json!([
            {"key": "gpu", "value": "a100", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
        ]);
        let state = state(&serde_json::from_value(node).unwrap(), &mut Pruner::default());
        let taints = ["gpu=a100:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"];
        assert_eq!(state.taints, taints.map(Arc::from));
        assert_eq!(state.zone.as_deref(), Some("eu-1a"));
        assert_eq!(
            (state.allocatable_cpu_millis, state.allocatable_pods),
            (Some(4000), Some(110))
        );
        assert_eq!(state.memory, Some(8_290_304 << 10));
    }
}
