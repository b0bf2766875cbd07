//! The watch of nodes: their conditions and what they can hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::{Body, Condition, Event, Fact, NodeState, Subject, signals};
use kube::core::ObjectMeta;

use super::gap::Watched;
use super::quantity::whole;
use super::text::{NAME, bounded, bounded_or_empty, timestamp};
use super::watch::Reader;
use super::wire::Node;
use crate::clock;
use crate::sniffer::Context;

/// Addresses and conditions that are kept of a node.
const ENTRIES: usize = 32;
/// Nodes whose last state is remembered, so that repeats are not told; three times what Kubernetes supports.
const NODES: usize = 15_000;

/// Reads nodes.
pub(super) struct Nodes {
    cx: Context,
    told: BTreeMap<Arc<str>, NodeState>,
}

impl Nodes {
    pub(super) fn new(cx: Context) -> Self {
        Self {
            cx,
            told: BTreeMap::new(),
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
        what: "node conditions and allocatable memory",
    };

    /// A node is its name: pods and Events name it by nothing else.
    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        metadata.name.as_deref().map(|name| bounded(name, NAME))
    }

    fn apply(&mut self, node: Node) {
        let Some(name) = Self::key(&node.metadata) else { return };
        let state = state(&node);
        if self.told.get(&name) == Some(&state) {
            return;
        }
        if self.told.len() < NODES || self.told.contains_key(&name) {
            self.told.insert(name.clone(), state.clone());
        }
        self.send(name, Fact::Node(Box::new(state)));
    }

    fn gone(&mut self, key: &str) {
        self.told.remove(key);
        self.send(key.into(), Fact::NodeDeleted);
    }
}

/// Heartbeat times are left out: they change and mean nothing.
fn state(node: &Node) -> NodeState {
    let status = node.status.clone().unwrap_or_default();
    let allocatable = status.allocatable.and_then(|amounts| whole(amounts.memory.as_deref()?));
    let addresses = status
        .addresses
        .iter()
        .flatten()
        .filter_map(|entry| entry.address.as_deref()?.parse().ok());
    let conditions = status
        .conditions
        .iter()
        .flatten()
        .take(ENTRIES)
        .map(|condition| Condition {
            kind: bounded_or_empty(condition.kind.as_deref(), NAME),
            status: bounded_or_empty(condition.status.as_deref(), NAME),
            reason: bounded_or_empty(condition.reason.as_deref(), NAME),
            since: timestamp(condition.last_transition_time.as_ref()),
            ..Condition::default()
        });
    NodeState {
        allocatable_memory: allocatable,
        ips: addresses.take(ENTRIES).collect(),
        conditions: conditions.collect(),
        unschedulable: node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false),
        ..NodeState::default()
    }
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
        let state = state(&serde_json::from_value(node.into()).unwrap());
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
}
