//! What one consumer remembers of the map: answers for containers in memory of its own, which no other thread touches.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use correlator::Subject;
use rustc_hash::FxBuildHasher;

use crate::{PidMap, Task};

/// Containers that are remembered, in at most 8 MiB; with more the memory starts anew. A node has a few thousand cgroups.
const MOST: usize = 1 << 17;

/// The cgroup ids of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids {
    unified: u64,
    memory: u64,
}

impl Hash for Ids {
    /// In one step: both ids count up from 1, so turned against each other they seldom meet.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.unified ^ self.memory.rotate_left(32));
    }
}

/// Asks a [`PidMap`] for one thread. Answers are the map's own: whatever is learnt, renamed or forgotten there counts from
/// the next question on.
#[derive(Debug)]
pub struct Reader {
    map: Arc<PidMap>,
    most: usize,
    /// The map's version that the answers are of.
    version: u64,
    /// From the cgroup ids to an index into the answers: small, so that more of it fits a cache line.
    slots: HashMap<Ids, u32, FxBuildHasher>,
    answers: Vec<Subject>,
    /// The answer to the last question, where that is not remembered.
    other: Option<Subject>,
    /// Questions answered and not yet added to the map's count.
    hits: u64,
}

impl Reader {
    /// A reader that remembers nothing yet.
    #[must_use]
    pub fn new(map: Arc<PidMap>) -> Self {
        Self::bounded(map, MOST)
    }

    /// A reader that remembers at most so many.
    pub(crate) fn bounded(map: Arc<PidMap>, most: usize) -> Self {
        Self {
            most,
            version: map.index.version(),
            map,
            slots: HashMap::default(),
            answers: Vec::new(),
            other: None,
            hits: 0,
        }
    }

    /// Who a task is, as [`PidMap::subject_of`] says it. Does not allocate for a container that was asked for before.
    pub fn subject_of(&mut self, task: &Task<'_>) -> &Subject {
        let version = self.map.index.version();
        if version != self.version {
            self.forget(version);
        }
        let ids = Ids {
            unified: task.unified,
            memory: task.memory,
        };
        if let Some(&slot) = self.slots.get(&ids) {
            self.hits += 1;
            return &self.answers[slot as usize];
        }
        self.ask(ids, task)
    }

    #[cold]
    fn ask(&mut self, ids: Ids, task: &Task<'_>) -> &Subject {
        match self.map.known(task) {
            // Only what the cgroup ids alone say is the same for every task that has them.
            Some(container @ Subject::Container(_)) => {
                self.hits += 1;
                if self.slots.len() >= self.most {
                    self.forget(self.version);
                }
                let slot = self.answers.len();
                self.slots.insert(ids, u32::try_from(slot).unwrap_or(u32::MAX));
                self.answers.push(container);
                &self.answers[slot]
            }
            _ => self.other.insert(self.map.subject_of(task)),
        }
    }

    fn forget(&mut self, version: u64) {
        self.version = version;
        self.slots.clear();
        self.answers.clear();
        self.tell_hits();
    }

    fn tell_hits(&mut self) {
        let hits = std::mem::take(&mut self.hits);
        self.map.counts.hits.fetch_add(hits, Ordering::Relaxed);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tell_hits();
    }
}
