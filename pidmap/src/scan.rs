//! Walks of the cgroup trees: what is new is taken in, what is gone is kept for five minutes more.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::PidMap;
use crate::index::Occupant;
use crate::map::ContainerCgroup;
use crate::path::{self, CgroupOwner};
use crate::resident::{Resident, ResidentKey};
use crate::tree::{self, CgroupKey, Directory, Hierarchy, Layout};

/// At least this long between two walks.
const GAP: Duration = Duration::from_millis(100);
/// A walk that takes long is repeated only after this many times as long, so that walking stays below a tenth of a CPU.
const REST: u32 = 10;
/// How long a cgroup stays resolvable after its directory is gone.
const TOMBSTONE: Duration = Duration::from_mins(5);

/// What the last walk left.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// When the next walk may be.
    next: Option<Instant>,
    /// Indexed cgroups without a directory, and since when.
    gone: BTreeMap<CgroupKey, Instant>,
    alive: BTreeMap<ResidentKey, Home>,
}

/// Where a live container's own cgroup is in each hierarchy.
#[derive(Debug)]
struct Home {
    resident: Arc<Resident>,
    unified: Option<Arc<str>>,
    memory: Option<Arc<str>>,
}

impl Scan {
    /// The containers that had a directory at the last walk.
    pub(crate) fn containers(&self) -> Vec<ContainerCgroup> {
        let homes = self.alive.values();
        let cgroup = |home: &Home| ContainerCgroup {
            identity: home.resident.identity(),
            unified: home.unified.clone(),
            memory: home.memory.clone(),
        };
        homes.map(cgroup).collect()
    }

    /// Notes a container's directory. The topmost of its directories is its own, the others are its children.
    fn settle(&mut self, hierarchy: Hierarchy, occupant: &Occupant) {
        let Some(resident) = occupant.resident.as_ref().filter(|resident| resident.is_container()) else {
            return;
        };
        let home = self.alive.entry(resident.key()).or_insert_with(|| Home {
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
}

impl PidMap {
    /// Walks the trees unless that was done just now; says whether it did.
    pub(crate) fn rescan_if_due(&self, now: Instant) -> bool {
        let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
        if scan.next.is_some_and(|next| now < next) {
            return false;
        }
        let began = Instant::now();
        self.rescan(&mut scan, now);
        scan.next = Some(now + GAP.max(began.elapsed() * REST));
        self.rescans.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn rescan(&self, scan: &mut Scan, now: Instant) {
        let layout = Layout::of(&self.roots.cgroup);
        let directories = tree::walk(&layout);
        *self.layout.write().unwrap_or_else(PoisonError::into_inner) = layout;
        scan.alive.clear();
        let mut seen = HashSet::with_capacity(directories.len());
        for directory in directories {
            let key = directory.key;
            seen.insert(key);
            scan.settle(key.hierarchy, &self.admit(&directory));
        }
        self.bury(scan, &seen, now);
        self.names.sweep(now, TOMBSTONE);
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

    fn bury(&self, scan: &mut Scan, seen: &HashSet<CgroupKey>, now: Instant) {
        let mut gone = BTreeMap::new();
        for key in self.index.keys().into_iter().filter(|key| !seen.contains(key)) {
            let since = scan.gone.get(&key).copied().unwrap_or(now);
            if now.saturating_duration_since(since) < TOMBSTONE {
                gone.insert(key, since);
            } else {
                self.index.remove(&key);
            }
        }
        scan.gone = gone;
    }
}
