//! Cgroup id to occupant: a hot index to read, and a byte budget that says what must go.
//!
//! Reads touch only the index. The budget holds the same entries by weight and drops the longest untouched when it is
//! full; a rescan touches what is alive, so what goes first is what is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use rustc_hash::FxBuildHasher;

use crate::resident::Resident;
use crate::tree::CgroupKey;

/// What an entry costs in both structures besides its path: nodes, keys, counters.
const ENTRY_BYTES: usize = 512;
/// What its container or pod costs more: the identity, its strings, its places in the register and among the living.
const RESIDENT_BYTES: usize = 512;

/// Who lives in a cgroup.
#[derive(Debug)]
pub(crate) struct Occupant {
    /// Path in its hierarchy; empty for an id whose cgroup was never seen.
    pub(crate) path: Arc<str>,
    /// The container or pod; `None` for the host's own.
    pub(crate) resident: Option<Arc<Resident>>,
}

impl Occupant {
    /// A cgroup of the host's own.
    pub(crate) fn host(path: &str) -> Self {
        Self {
            path: path.into(),
            resident: None,
        }
    }

    /// Whether one container lives here.
    pub(crate) fn is_container(&self) -> bool {
        self.resident.as_ref().is_some_and(|resident| resident.is_container())
    }

    /// How much this tells: a container more than a pod, a pod more than a host path, a path more than the root, the
    /// root more than nothing.
    pub(crate) fn rank(&self) -> u8 {
        match (&self.resident, &*self.path) {
            (Some(_), _) if self.is_container() => 4,
            (Some(_), _) => 3,
            (None, "") => 0,
            (None, "/") => 1,
            (None, _) => 2,
        }
    }
}

/// The two structures.
pub(crate) struct Index {
    hot: Arc<DashMap<CgroupKey, Arc<Occupant>, FxBuildHasher>>,
    budget: Cache<CgroupKey, Arc<Occupant>>,
    version: Arc<AtomicU64>,
}

impl Index {
    /// An index of at most `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        let hot = Arc::new(DashMap::<CgroupKey, Arc<Occupant>, FxBuildHasher>::default());
        let version = Arc::new(AtomicU64::new(0));
        let (mirror, changes) = (Arc::clone(&hot), Arc::clone(&version));
        let budget = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, occupant: &Arc<Occupant>| weight(occupant))
            .eviction_listener(move |key, evicted, cause| {
                if cause.was_evicted() {
                    mirror.remove_if(&key, |_, current| Arc::ptr_eq(current, &evicted));
                    changes.fetch_add(1, Ordering::Release);
                }
            })
            .build();
        Self { hot, budget, version }
    }

    /// The occupant of a cgroup. Does not allocate.
    pub(crate) fn get(&self, key: &CgroupKey) -> Option<Arc<Occupant>> {
        self.hot.get(key).map(|occupant| Arc::clone(occupant.value()))
    }

    /// Says that an entry is still in use.
    pub(crate) fn touch(&self, key: &CgroupKey) {
        self.budget.get(key);
    }

    /// Adds or replaces an entry. No reference into the index may be held: the budget may evict right now.
    pub(crate) fn insert(&self, key: CgroupKey, occupant: Arc<Occupant>) {
        if self.hot.insert(key, Arc::clone(&occupant)).is_some() {
            self.outdate();
        }
        self.budget.insert(key, occupant);
    }

    /// Drops an entry.
    pub(crate) fn remove(&self, key: &CgroupKey) {
        self.budget.invalidate(key);
        self.hot.remove(key);
        self.outdate();
    }

    /// Rises when something that was answered before would be answered differently now.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Makes whatever was answered before be asked for again.
    pub(crate) fn outdate(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Lets the budget do its evictions now.
    pub(crate) fn settle(&self) {
        self.budget.run_pending_tasks();
    }

    /// The keys of all entries, in no order.
    pub(crate) fn keys(&self) -> Vec<CgroupKey> {
        self.hot.iter().map(|entry| *entry.key()).collect()
    }

    /// What the entries weigh, bytes; evictions under way may not be counted yet.
    pub(crate) fn weight(&self) -> u64 {
        self.budget.weighted_size()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.hot.len()
    }
}

fn weight(occupant: &Occupant) -> u32 {
    let resident = occupant.resident.as_ref().map_or(0, |_| RESIDENT_BYTES);
    u32::try_from(ENTRY_BYTES + resident + occupant.path.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Hierarchy;

    fn key(id: u64) -> CgroupKey {
        CgroupKey {
            hierarchy: Hierarchy::Unified,
            id,
        }
    }

    fn host(path: &str) -> Arc<Occupant> {
        Arc::new(Occupant::host(path))
    }

    #[test]
    fn it_holds_no_more_than_its_budget_and_keeps_what_was_touched() {
        let index = Index::new(100 * (ENTRY_BYTES as u64 + 2));
        index.insert(key(0), host("/a"));
        for id in 1..10_000 {
            index.touch(&key(0));
            index.insert(key(id), host("/b"));
            index.settle();
        }
        assert!(index.len() <= 100, "{} entries", index.len());
        assert!(index.len() >= 90, "{} entries", index.len());
        assert!(index.get(&key(0)).is_some());
        assert!(index.get(&key(1)).is_none());
        assert!(index.get(&key(9_999)).is_some());
    }

    #[test]
    fn replacing_an_entry_keeps_the_new_one() {
        let index = Index::new(1 << 20);
        index.insert(key(1), host("/a"));
        index.insert(key(1), host("/b"));
        index.settle();
        assert_eq!(&*index.get(&key(1)).unwrap().path, "/b");
    }

    #[test]
    fn an_entry_replaced_by_itself_stays() {
        let (index, occupant) = (Index::new(1 << 20), host("/a"));
        index.insert(key(1), Arc::clone(&occupant));
        index.insert(key(1), occupant);
        index.settle();
        assert!(index.get(&key(1)).is_some());
    }

    #[test]
    fn equal_ids_of_two_hierarchies_are_two_entries() {
        let index = Index::new(1 << 20);
        let memory = CgroupKey {
            hierarchy: Hierarchy::Memory,
            id: 1,
        };
        index.insert(key(1), host("/a"));
        index.insert(memory, host("/b"));
        assert_eq!(&*index.get(&key(1)).unwrap().path, "/a");
        assert_eq!(&*index.get(&memory).unwrap().path, "/b");
    }

    #[test]
    fn an_entry_larger_than_the_budget_is_not_kept() {
        let index = Index::new(10);
        index.insert(key(1), host("/a"));
        index.settle();
        assert_eq!(index.len(), 0);
    }
}
