//! What the API server said of pods, by container id and by pod uid, within a byte budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use correlator::{Owner, PodIdentity};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::PodNames;

/// What one key costs besides the strings.
const ENTRY_BYTES: usize = 384;
/// Deleted pods that wait for their five minutes; beyond that the oldest goes early.
const MAX_DEPARTED: usize = 16_384;

/// The names of one pod.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    uids: Vec<Arc<str>>,
    namespace: Arc<str>,
    pod: Arc<str>,
    node: Option<Arc<str>>,
    owner: Option<Owner>,
    containers: Vec<(Arc<str>, Arc<str>)>,
}

impl From<PodNames> for Named {
    fn from(names: PodNames) -> Self {
        Self {
            uids: names
                .uids
                .into_iter()
                .filter(|uid| !uid.is_empty())
                .map(Into::into)
                .collect(),
            namespace: names.namespace.into(),
            pod: names.pod.into(),
            node: names.node.map(Into::into),
            owner: names.owner,
            containers: names
                .containers
                .into_iter()
                .filter(|(id, _)| !id.is_empty())
                .map(|(id, name)| (id.into(), name.into()))
                .collect(),
        }
    }
}

impl Named {
    /// Whether a cgroup of that uid and container id is this pod's.
    pub(crate) fn has(&self, uid: &str, container_id: Option<&str>) -> bool {
        self.uids.iter().any(|known| &**known == uid)
            || container_id.is_some_and(|id| self.containers.iter().any(|(known, _)| &**known == id))
    }

    /// The identity of one of its containers, or of the pod. It carries the first uid, so that a static pod's cgroups
    /// and its mirror in the API are one.
    pub(crate) fn identity(&self, container_id: Option<&Arc<str>>) -> PodIdentity {
        let name_of = |id: &Arc<str>| {
            self.containers
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, name)| name.clone())
        };
        PodIdentity {
            uid: self.uids.first().cloned().unwrap_or_default(),
            namespace: Some(self.namespace.clone()),
            pod: Some(self.pod.clone()),
            container: container_id.and_then(name_of),
            container_id: container_id.cloned(),
            node: self.node.clone(),
            owner: self.owner.clone(),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.uids.iter().chain(self.containers.iter().map(|(id, _)| id))
    }

    /// Bytes one key of this pod stands for: the pod is shared by all its keys.
    fn weight(&self) -> u32 {
        let strings: usize = self.keys().map(|key| key.len() + 32).sum();
        let names = self.namespace.len() + self.pod.len();
        u32::try_from(ENTRY_BYTES + strings + names).unwrap_or(u32::MAX)
    }
}

/// A deleted pod, and since when.
type Departed = (Instant, Arc<Named>);

/// All names that were learnt.
#[derive(Debug)]
pub(crate) struct Names {
    by_key: Cache<Arc<str>, Arc<Named>>,
    departed: Mutex<BTreeMap<Arc<str>, Departed>>,
}

impl Names {
    /// Names of at most `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        let by_key = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, named: &Arc<Named>| named.weight())
            .build();
        Self {
            by_key,
            departed: Mutex::default(),
        }
    }

    /// Takes a pod in; `None` when all of it was known.
    pub(crate) fn learn(&self, pod: PodNames) -> Option<Arc<Named>> {
        let named = Arc::new(Named::from(pod));
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        for uid in &named.uids {
            departed.remove(uid);
        }
        drop(departed);
        if named
            .keys()
            .all(|key| self.by_key.get(key).is_some_and(|known| known == named))
        {
            return None;
        }
        for key in named.keys() {
            self.by_key.insert(key.clone(), Arc::clone(&named));
        }
        Some(named)
    }

    /// The pod of a cgroup: by container id first, then by pod uid.
    pub(crate) fn of(&self, uid: &str, container_id: Option<&str>) -> Option<Arc<Named>> {
        container_id
            .and_then(|id| self.by_key.get(id))
            .or_else(|| self.by_key.get(uid))
    }

    /// Starts the five minutes of a deleted pod.
    pub(crate) fn forget(&self, uid: &str, now: Instant) {
        let Some(named) = self.by_key.get(uid) else { return };
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        departed.entry(uid.into()).or_insert((now, named));
        if departed.len() > MAX_DEPARTED
            && let Some(oldest) = departed
                .iter()
                .min_by_key(|(_, (since, _))| *since)
                .map(|(uid, _)| uid.clone())
            && let Some((_, named)) = departed.remove(&oldest)
        {
            self.drop_pod(&named);
        }
    }

    /// Drops the pods that were deleted at least `keep` ago and not learnt anew since.
    pub(crate) fn sweep(&self, now: Instant, keep: Duration) {
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        departed.retain(|_, (since, named)| {
            let stays = now.saturating_duration_since(*since) < keep;
            if !stays {
                self.drop_pod(named);
            }
            stays
        });
    }

    fn drop_pod(&self, named: &Arc<Named>) {
        for key in named.keys() {
            if self.by_key.get(key).is_some_and(|current| Arc::ptr_eq(&current, named)) {
                self.by_key.invalidate(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_mins(5);

    fn pod(uid: &str, name: &str) -> PodNames {
        PodNames {
            uids: vec![uid.to_owned()],
            namespace: "shop".to_owned(),
            pod: name.to_owned(),
            containers: vec![(format!("{uid}-c"), "app".to_owned())],
            ..PodNames::default()
        }
    }

    #[test]
    fn a_container_id_counts_before_a_uid() {
        let names = Names::new(1 << 20);
        names.learn(pod("a", "one"));
        names.learn(pod("b", "two"));
        assert_eq!(&*names.of("a", Some("b-c")).unwrap().pod, "two");
        assert_eq!(&*names.of("a", Some("unheard")).unwrap().pod, "one");
        assert_eq!(names.of("unheard", None), None);
    }

    #[test]
    fn learning_the_same_again_is_nothing_new() {
        let names = Names::new(1 << 20);
        assert!(names.learn(pod("a", "one")).is_some());
        assert!(names.learn(pod("a", "one")).is_none());
        assert!(names.learn(pod("a", "two")).is_some());
    }

    #[test]
    fn a_deleted_pod_is_known_for_five_minutes() {
        let (names, start) = (Names::new(1 << 20), Instant::now());
        names.learn(pod("a", "one"));
        names.forget("a", start);
        names.sweep(start + Duration::from_secs(299), KEEP);
        assert!(names.of("a", None).is_some());
        names.sweep(start + KEEP, KEEP);
        assert!(names.of("a", None).is_none());
        assert!(names.of("", Some("a-c")).is_none());
    }

    #[test]
    fn a_pod_learnt_anew_after_its_deletion_stays() {
        let (names, start) = (Names::new(1 << 20), Instant::now());
        names.learn(pod("a", "one"));
        for name in ["one", "two"] {
            names.forget("a", start);
            names.learn(pod("a", name));
            names.sweep(start + KEEP, KEEP);
            assert_eq!(&*names.of("a", None).unwrap().pod, name);
        }
    }

    #[test]
    fn an_empty_uid_or_container_id_names_nobody() {
        let names = Names::new(1 << 20);
        let mut nobody = pod("", "one");
        nobody.containers = vec![(String::new(), "app".to_owned())];
        names.learn(nobody);
        assert_eq!(names.of("", Some("")), None);
    }

    #[test]
    fn a_flood_of_pods_stays_within_the_budget() {
        let names = Names::new(64 << 10);
        for number in 0..5_000 {
            names.learn(pod(&format!("uid-{number}"), "one"));
            names.forget(&format!("uid-{number}"), Instant::now());
        }
        names.by_key.run_pending_tasks();
        assert!(names.by_key.weighted_size() <= 64 << 10);
        assert!(names.by_key.entry_count() > 50);
        assert!(names.of("uid-4999", None).is_some());
    }
}
