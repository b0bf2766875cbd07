//! A pod through time: the names of all its containers and how they ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::Named;
use crate::identity::PodIdentity;
use crate::pod::{ContainerState, PodState, Termination};
use crate::time::Timestamp;

/// Most terminations remembered a container.
const MAX_TERMINATIONS: usize = 16;
/// Most container ids remembered a pod; a crash loop makes a new one each round.
const MAX_IDS: usize = 64;

/// A pod as the API server last told it, with what it told before.
#[derive(Debug, Clone, Default)]
pub struct Pod {
    /// Its names.
    pub identity: Arc<PodIdentity>,
    /// Its state.
    pub state: PodState,
    names: VecDeque<(Arc<str>, Arc<str>)>,
    terminations: BTreeMap<Arc<str>, VecDeque<Termination>>,
    pub(super) gone: Option<Timestamp>,
}

impl Pod {
    /// Whether the API server still has it.
    pub fn exists(&self) -> bool {
        self.gone.is_none()
    }

    /// The name of a container id, also of one that has ended.
    pub fn name_of(&self, container_id: &str) -> Option<&Arc<str>> {
        self.names
            .iter()
            .rev()
            .find(|(id, _)| &**id == container_id)
            .map(|(_, name)| name)
    }

    /// How a container ended so far, oldest first.
    pub fn terminations(&self, container: &str) -> impl DoubleEndedIterator<Item = &Termination> {
        self.terminations.get(container).into_iter().flatten()
    }

    pub(super) fn container_seen(&mut self, container: &ContainerState) -> Vec<Named> {
        let ended: Vec<&Termination> = container.ends().collect();
        let mut named = Vec::new();
        for id in ended
            .iter()
            .map(|termination| &termination.container_id)
            .chain([&container.id])
        {
            if !id.is_empty() && self.name_of(id).is_none() {
                self.names.push_back((id.clone(), container.name.clone()));
                named.push(Named {
                    id: id.clone(),
                    name: container.name.clone(),
                });
            }
        }
        while self.names.len() > MAX_IDS {
            self.names.pop_front();
        }
        if ended.is_empty() {
            return named;
        }
        let known = self.terminations.entry(container.name.clone()).or_default();
        for termination in ended {
            if !known.iter().any(|other| is_same(other, termination)) {
                known.push_back(termination.clone());
            }
        }
        while known.len() > MAX_TERMINATIONS {
            known.pop_front();
        }
        named
    }
}

/// One end of a container is told twice: as `state.terminated` and later as `lastState.terminated`.
fn is_same(a: &Termination, b: &Termination) -> bool {
    a.finished == b.finished && a.container_id == b.container_id
}
