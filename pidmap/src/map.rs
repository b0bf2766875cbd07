//! The map itself: from the cgroup ids and the pid in a kernel record to a subject.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use correlator::{HostProcess, PodIdentity, Subject};

use crate::index::{Index, Occupant};
use crate::names::Names;
use crate::pids::Pids;
use crate::procfs;
use crate::resident::Register;
use crate::scan::Scan;
use crate::tree::{CgroupKey, Hierarchy, Layout};
use crate::watch::Watches;
use crate::{PodNames, Roots, Task};

/// Id of a hierarchy's root cgroup: the first node of its kernfs.
pub(crate) const ROOT_ID: u64 = 1;

/// Which container, pod or host process a task is. Thread-safe; share it by `Arc`.
///
/// A known container costs a look into the index and a reference count; a [`Reader`](crate::Reader) spares those. An
/// unknown cgroup id costs a look at what [`PidMap::watch`] queued and a read of `/proc/<pid>/cgroup`, or, where the trees
/// are not watched, a walk of them, at most one per 100 ms.
pub struct PidMap {
    pub(crate) roots: Roots,
    pub(crate) index: Index,
    pub(crate) names: Names,
    pub(crate) register: Register,
    pub(crate) pids: Pids,
    pub(crate) scan: Scan,
    pub(crate) layout: RwLock<Arc<Layout>>,
    pub(crate) watches: RwLock<Option<Arc<Watches>>>,
    /// The root cgroup, of any hierarchy.
    pub(crate) root: Arc<Occupant>,
    /// A cgroup that nothing is known of.
    nowhere: Arc<Occupant>,
    pub(crate) counts: Counts,
}

/// What is counted, since the map was made.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: AtomicU64,
    misses: AtomicU64,
    unresolved: AtomicU64,
    pub(crate) rescans: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) overflows: AtomicU64,
    pub(crate) unwatched: AtomicUsize,
}

/// How the map is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Tasks answered from the index alone.
    pub hits: u64,
    /// Tasks that needed a rescan or `/proc`.
    pub misses: u64,
    /// Tasks that nothing at all was found for: no cgroup by their ids, no process by their pid.
    pub unresolved: u64,
    /// Walks of the cgroup trees.
    pub rescans: u64,
    /// Walks that ended early, as there were more than 100,000 directories.
    pub cut: u64,
    /// How often more cgroups came and went at once than inotify queues; each is followed by a walk.
    pub overflows: u64,
    /// Directories that are not watched, as there may be no more watches; walks find what is made there.
    pub unwatched: usize,
    /// Cgroups held: alive, exited less than five minutes ago, and ids never found.
    pub entries: usize,
    /// What these entries weigh against the budget, bytes.
    pub bytes: u64,
    /// Processes held for records that have only a pid.
    pub pids: usize,
    /// Processes that could not be held, as there were too many.
    pub pids_refused: u64,
}

/// A live container and where its cgroups are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerCgroup {
    /// What is known of it now.
    pub identity: Arc<PodIdentity>,
    /// Its path in cgroup v2, relative to [`Layout::unified`] and starting with `/`.
    pub unified: Option<Arc<str>>,
    /// Its path in the v1 hierarchies, relative to [`Layout::memory`] and starting with `/`.
    pub memory: Option<Arc<str>>,
}

/// What the index says of one of a task's cgroup ids.
enum Sight {
    /// The record has no id of this hierarchy.
    NotGiven,
    /// Never seen.
    Unknown,
    /// This lives there.
    Known(Arc<Occupant>),
}

impl PidMap {
    /// A map that reads under `roots` and keeps at most `capacity` bytes, half for cgroups and half for names.
    #[must_use]
    pub fn new(roots: Roots, capacity: u64) -> Self {
        Self {
            layout: RwLock::new(Arc::new(Layout::of(&roots.cgroup))),
            roots,
            index: Index::new(capacity / 2),
            names: Names::new(capacity / 2),
            register: Register::default(),
            pids: Pids::new(Instant::now()),
            scan: Scan::default(),
            watches: RwLock::default(),
            root: Arc::new(Occupant::host("/")),
            nowhere: Arc::new(Occupant::host("")),
            counts: Counts::default(),
        }
    }

    /// Who a task is: the container its cgroup belongs to, or an honest host process. Never guesses.
    ///
    /// `/proc/<pid>/cgroup` is believed only where it agrees with the record's cgroup ids, so a reused pid names nobody;
    /// a record without any id has just the pid to go by.
    #[must_use]
    pub fn subject_of(&self, task: &Task<'_>) -> Subject {
        self.hit(task).unwrap_or_else(|| self.resolve(task, Instant::now()))
    }

    /// Learns or refreshes a pod's names. Containers found before are named at once.
    pub fn learn_pod(&self, pod: PodNames) {
        if let Some(named) = self.names.learn(pod) {
            self.register.learn(&named);
            self.index.outdate();
        }
    }

    /// Marks a pod gone; it stays resolvable for five minutes.
    pub fn forget_pod(&self, uid: &str) {
        self.names.forget(uid, Instant::now());
    }

    /// What is known of the pod that a cgroup path or a folder of the kubelet names by this uid.
    #[must_use]
    pub fn pod(&self, uid: &str) -> Arc<PodIdentity> {
        self.register.resident(uid, None, &self.names).identity()
    }

    /// The containers that have a cgroup now, by uid and container id. Walks the trees when they are not watched or when a
    /// cgroup went away, unless that was done in the last 100 ms.
    #[must_use]
    pub fn containers(&self) -> Vec<ContainerCgroup> {
        self.containers_at(Instant::now())
    }

    /// Counters since the map was made.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            hits: self.counts.hits.load(Ordering::Relaxed),
            misses: self.counts.misses.load(Ordering::Relaxed),
            unresolved: self.counts.unresolved.load(Ordering::Relaxed),
            rescans: self.counts.rescans.load(Ordering::Relaxed),
            cut: self.counts.cut.load(Ordering::Relaxed),
            overflows: self.counts.overflows.load(Ordering::Relaxed),
            unwatched: self.counts.unwatched.load(Ordering::Relaxed),
            entries: self.index.len(),
            bytes: self.index.weight(),
            pids: self.pids.len(),
            pids_refused: self.pids.refused(),
        }
    }

    pub(crate) fn containers_at(&self, now: Instant) -> Vec<ContainerCgroup> {
        if !self.is_up_to_date() {
            self.rescan_if_due(now);
        }
        self.scan.containers()
    }

    #[cfg(test)]
    pub(crate) fn subject_at(&self, task: &Task<'_>, now: Instant) -> Subject {
        self.hit(task).unwrap_or_else(|| self.resolve(task, now))
    }

    fn hit(&self, task: &Task<'_>) -> Option<Subject> {
        let subject = self.known(task)?;
        self.counts.hits.fetch_add(1, Ordering::Relaxed);
        Some(subject)
    }

    /// The answer of the index alone, when it is enough. Does not allocate for containers and pods.
    pub(crate) fn known(&self, task: &Task<'_>) -> Option<Subject> {
        let unified = self.sight(Hierarchy::Unified, task.unified);
        if let Sight::Known(occupant) = &unified
            && occupant.is_container()
        {
            return Some(self.subject(task, occupant));
        }
        match (unified, self.sight(Hierarchy::Memory, task.memory)) {
            (_, Sight::Known(container)) if container.is_container() => Some(self.subject(task, &container)),
            (Sight::Known(one), Sight::Known(other)) => Some(self.subject(task, better(&one, &other))),
            (Sight::NotGiven, Sight::Known(only)) => Some(self.subject(task, &only)),
            // Without its memory cgroup a hybrid host's record is not enough: where the runtime makes no v2 cgroup a
            // container's tasks are in that of the runtime, or in the root.
            (Sight::Known(only), Sight::NotGiven) if !self.has_memory_tree() => Some(self.subject(task, &only)),
            _ => None,
        }
    }

    fn sight(&self, hierarchy: Hierarchy, id: u64) -> Sight {
        match id {
            0 => Sight::NotGiven,
            ROOT_ID => Sight::Known(Arc::clone(&self.root)),
            id => self
                .index
                .get(&CgroupKey { hierarchy, id })
                .map_or(Sight::Unknown, Sight::Known),
        }
    }

    fn resolve(&self, task: &Task<'_>, now: Instant) -> Subject {
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        if task.unified == 0 && task.memory == 0 {
            let occupant = self.by_pid_alone(task, now);
            return self.subject(task, occupant.as_ref().unwrap_or(&self.nowhere));
        }
        let unknown = self.unknown(task);
        let watched = !unknown.is_empty() && self.catch_up();
        let scanned = !unknown.is_empty() && !watched && self.rescan_if_due(now);
        if let Some(subject) = self.known(task) {
            return subject;
        }
        if let Some(occupant) = self.by_pid(task) {
            return self.subject(task, &occupant);
        }
        if scanned {
            self.remember_as_host(&unknown);
        } else if watched {
            self.scan.seek(&unknown);
            self.ask_for_walk();
        }
        let known = [(Hierarchy::Unified, task.unified), (Hierarchy::Memory, task.memory)].map(|(hierarchy, id)| {
            match self.sight(hierarchy, id) {
                Sight::Known(occupant) => occupant,
                Sight::NotGiven | Sight::Unknown => Arc::clone(&self.nowhere),
            }
        });
        self.subject(task, better(&known[0], &known[1]))
    }

    fn unknown(&self, task: &Task<'_>) -> Vec<CgroupKey> {
        [(Hierarchy::Unified, task.unified), (Hierarchy::Memory, task.memory)]
            .into_iter()
            .filter(|&(hierarchy, id)| matches!(self.sight(hierarchy, id), Sight::Unknown))
            .map(|(hierarchy, id)| CgroupKey { hierarchy, id })
            .collect()
    }

    /// Ids that a walk just now did not find are of cgroups that are gone: no further walk for them.
    pub(crate) fn remember_as_host(&self, unknown: &[CgroupKey]) {
        for key in unknown {
            if self.layout().tree(key.hierarchy).is_some() && self.index.get(key).is_none() {
                self.index.insert(*key, Arc::clone(&self.nowhere));
            }
        }
    }

    fn subject(&self, task: &Task<'_>, occupant: &Occupant) -> Subject {
        if let Some(resident) = &occupant.resident {
            return resident.subject();
        }
        if occupant.path.is_empty() {
            self.counts.unresolved.fetch_add(1, Ordering::Relaxed);
        }
        let comm = match task.comm {
            "" if task.pid != 0 => procfs::comm(&self.roots.proc, task.pid).into(),
            comm => comm.into(),
        };
        Subject::Process(Arc::new(HostProcess {
            pid: task.pid,
            comm,
            cgroup: Arc::clone(&occupant.path),
        }))
    }

    pub(crate) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn has_memory_tree(&self) -> bool {
        self.layout
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .memory
            .is_some()
    }
}

impl fmt::Debug for PidMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PidMap")
            .field("roots", &self.roots)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The one of two cgroups of a task that tells more; v2 when they tell as much.
pub(crate) fn better<'a>(unified: &'a Arc<Occupant>, memory: &'a Arc<Occupant>) -> &'a Arc<Occupant> {
    if memory.rank() > unified.rank() {
        memory
    } else {
        unified
    }
}

#[cfg(test)]
mod tests;
