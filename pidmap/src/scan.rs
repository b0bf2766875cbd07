//! Walks of the cgroup trees: what is new is taken in, what is gone is kept for five minutes more.
//!
//! A walk holds back only other walks. Whoever asks meanwhile is answered from what was known, and what is watched to come
//! meanwhile is taken in at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::PidMap;
use crate::index::Occupant;
use crate::map::ContainerCgroup;
use crate::path::{self, CgroupOwner};
use crate::resident::{Resident, ResidentKey};
use crate::tree::{CgroupKey, Directory, Hierarchy, Layout, Walk};

/// At least this long between two walks.
const GAP: Duration = Duration::from_millis(100);
/// A walk that takes long is repeated only after this many times as long, so that walking stays below a tenth of a CPU.
const REST: u32 = 10;
/// How long a cgroup or a process stays resolvable after it is gone.
pub(crate) const TOMBSTONE: Duration = Duration::from_mins(5);
/// A walk in the background leaves the processor to others after so long, and for so long.
const SLICE: Duration = Duration::from_millis(1);
/// Cgroup ids that wait for the next walk to find them; more are asked for again when they come again.
const MAX_SOUGHT: usize = 1024;

/// What the walks left.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    walker: Mutex<Walker>,
    alive: Mutex<Alive>,
    sought: Mutex<Vec<CgroupKey>>,
    /// Directories went away since the last walk began.
    stale: AtomicBool,
}

/// What only one walk at a time may touch.
#[derive(Debug, Default)]
struct Walker {
    /// When the next walk may be.
    next: Option<Instant>,
    /// Indexed cgroups without a directory, and since when.
    gone: BTreeMap<CgroupKey, Instant>,
}

/// The containers that have a directory.
#[derive(Debug, Default)]
struct Alive {
    homes: BTreeMap<ResidentKey, Home>,
    /// What came while a walk is under way, which may have missed it.
    meanwhile: Option<Vec<(Hierarchy, Arc<Occupant>)>>,
}

/// Where a live container's own cgroup is in each hierarchy.
#[derive(Debug)]
struct Home {
    resident: Arc<Resident>,
    unified: Option<Arc<str>>,
    memory: Option<Arc<str>>,
}

impl Scan {
    /// The containers that had a directory at the last walk or came since.
    pub(crate) fn containers(&self) -> Vec<ContainerCgroup> {
        let cgroup = |home: &Home| ContainerCgroup {
            identity: home.resident.identity(),
            unified: home.unified.clone(),
            memory: home.memory.clone(),
        };
        lock(&self.alive).homes.values().map(cgroup).collect()
    }

    /// Notes the directory of something that came after the last walk.
    pub(crate) fn came(&self, hierarchy: Hierarchy, occupant: &Arc<Occupant>) {
        let mut alive = lock(&self.alive);
        settle(&mut alive.homes, hierarchy, occupant);
        if let Some(meanwhile) = &mut alive.meanwhile {
            meanwhile.push((hierarchy, Arc::clone(occupant)));
        }
    }

    /// Says that some directory went away.
    pub(crate) fn went(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// Whether a directory went away since the last walk began.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// Wants the next walk to look for these ids.
    pub(crate) fn seek(&self, keys: &[CgroupKey]) {
        let mut sought = lock(&self.sought);
        for key in keys {
            if sought.len() < MAX_SOUGHT && !sought.contains(key) {
                sought.push(*key);
            }
        }
    }

    /// Lets the next walk be at any time.
    pub(crate) fn let_walk(&self) {
        lock(&self.walker).next = None;
    }

    /// How long until a walk may be, from `now`.
    pub(crate) fn due_in(&self, now: Instant) -> Duration {
        let next = lock(&self.walker).next;
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a container's directory. The topmost of its directories is its own, the others are its children.
fn settle(homes: &mut BTreeMap<ResidentKey, Home>, hierarchy: Hierarchy, occupant: &Occupant) {
    let Some(resident) = occupant.resident.as_ref().filter(|resident| resident.is_container()) else {
        return;
    };
    let home = homes.entry(resident.key()).or_insert_with(|| Home {
        resident: Arc::clone(resident),
        unified: None,
        memory: None,
    });
    let place = match hierarchy {
        Hierarchy::Unified => &mut home.unified,
        Hierarchy::Memory => &mut home.memory,
    };
    let order = |path: &Arc<str>| (path.matches('/').count(), Arc::clone(path));
    if place.as_ref().is_none_or(|known| order(&occupant.path) < order(known)) {
        *place = Some(Arc::clone(&occupant.path));
    }
}

impl PidMap {
    /// Walks the trees unless that was done just now; says whether it did.
    pub(crate) fn rescan_if_due(&self, now: Instant) -> bool {
        self.walk_if_due(now, |_| ())
    }

    /// Like [`PidMap::rescan_if_due`], but leaves the processor to others again and again, and shows `see` every
    /// directory before its children are looked for.
    pub(crate) fn rescan_in_background(&self, now: Instant, mut see: impl FnMut(&Directory)) -> bool {
        let mut slice = Instant::now();
        self.walk_if_due(now, |directory| {
            see(directory);
            if slice.elapsed() >= SLICE {
                std::thread::sleep(SLICE);
                slice = Instant::now();
            }
        })
    }

    fn walk_if_due(&self, now: Instant, see: impl FnMut(&Directory)) -> bool {
        let mut walker = lock(&self.scan.walker);
        if walker.next.is_some_and(|next| now < next) {
            return false;
        }
        let began = Instant::now();
        self.rescan(&mut walker, now, see);
        walker.next = Some(now + GAP.max(began.elapsed() * REST));
        self.counts.rescans.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn rescan(&self, walker: &mut Walker, now: Instant, mut see: impl FnMut(&Directory)) {
        self.scan.stale.store(false, Ordering::Release);
        let sought = std::mem::take(&mut *lock(&self.scan.sought));
        lock(&self.scan.alive).meanwhile = Some(Vec::new());
        let layout = Arc::new(Layout::of(&self.roots.cgroup));
        *self.layout.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&layout);
        let (mut homes, mut seen) = (BTreeMap::new(), HashSet::new());
        let mut walk = Walk::new(&layout);
        for directory in &mut walk {
            see(&directory);
            let key = directory.key;
            seen.insert(key);
            settle(&mut homes, key.hierarchy, &self.admit(&directory));
        }
        self.counts.cut.fetch_add(u64::from(walk.cut), Ordering::Relaxed);
        let mut alive = lock(&self.scan.alive);
        for (hierarchy, occupant) in alive.meanwhile.take().into_iter().flatten() {
            settle(&mut homes, hierarchy, &occupant);
        }
        alive.homes = homes;
        drop(alive);
        self.bury(walker, &seen, now);
        self.remember_as_host(&sought);
        self.names.sweep(now, TOMBSTONE);
        self.pids.sweep(now);
        self.index.settle();
        self.register.prune();
    }

    /// The indexed occupant of a directory that exists.
    pub(crate) fn admit(&self, directory: &Directory) -> Arc<Occupant> {
        if let Some(occupant) = self
            .index
            .get(&directory.key)
            .filter(|known| *known.path == *directory.path)
        {
            self.index.touch(&directory.key);
            return occupant;
        }
        let occupant = Arc::new(self.occupant(&directory.path));
        self.index.insert(directory.key, Arc::clone(&occupant));
        occupant
    }

    /// Who lives at a path.
    pub(crate) fn occupant(&self, path: &str) -> Occupant {
        let resident = match path::parse(path) {
            CgroupOwner::Container {
                pod_uid, container_id, ..
            } => Some(
                self.register
                    .resident(pod_uid.as_deref().unwrap_or_default(), Some(container_id), &self.names),
            ),
            CgroupOwner::Pod { uid, .. } => Some(self.register.resident(&uid, None, &self.names)),
            CgroupOwner::Host(_) => None,
        };
        Occupant {
            path: path.into(),
            resident,
        }
    }

    fn bury(&self, walker: &mut Walker, seen: &HashSet<CgroupKey>, now: Instant) {
        let mut gone = BTreeMap::new();
        for key in self.index.keys().into_iter().filter(|key| !seen.contains(key)) {
            let since = walker.gone.get(&key).copied().unwrap_or(now);
            if now.saturating_duration_since(since) < TOMBSTONE {
                gone.insert(key, since);
            } else {
                self.index.remove(&key);
            }
        }
        walker.gone = gone;
    }
}
