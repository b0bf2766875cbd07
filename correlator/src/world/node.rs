//! A node through time.

use std::collections::VecDeque;

use crate::node::NodeState;
use crate::time::Timestamp;

/// Changes of a node's readiness that are remembered.
const MAX_TURNS: usize = 16;

/// A node as the API server last told it, and when its readiness changed.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Its state.
    pub state: NodeState,
    turns: VecDeque<Timestamp>,
}

impl Node {
    /// Whether its kubelet says that it is ready. A node without that condition is not.
    pub fn is_ready(&self) -> bool {
        self.state
            .condition("Ready")
            .is_some_and(|ready| &*ready.status == "True")
    }

    /// When it stopped or began to be ready, oldest first, as far as tapio saw it; at most sixteen.
    pub fn turns(&self) -> impl DoubleEndedIterator<Item = Timestamp> {
        self.turns.iter().copied()
    }

    pub(super) fn seen(&mut self, state: &NodeState, at: Timestamp) {
        let (is_known, before) = (!self.state.conditions.is_empty(), self.is_ready());
        self.state = state.clone();
        if is_known && self.is_ready() != before {
            self.turns.push_back(at);
        }
        if self.turns.len() > MAX_TURNS {
            self.turns.pop_front();
        }
    }
}
