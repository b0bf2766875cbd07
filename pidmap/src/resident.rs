//! Containers and pods that were found in the cgroup tree, each with one shared identity that names are added to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use correlator::{PodIdentity, Subject};

use crate::names::{Named, Names};

/// A container, or a pod's own cgroup. All its cgroups (both hierarchies, children) share it.
#[derive(Debug)]
pub(crate) struct Resident {
    uid: Arc<str>,
    container_id: Option<Arc<str>>,
    identity: RwLock<Arc<PodIdentity>>,
}

impl Resident {
    fn new(uid: Arc<str>, container_id: Option<Arc<str>>, names: &Names) -> Self {
        let mut identity = PodIdentity {
            uid: uid.clone(),
            container_id: container_id.clone(),
            ..PodIdentity::default()
        };
        if let Some(named) = names.of(&uid, container_id.as_deref()) {
            identity = named.identity(container_id.as_ref());
        }
        let identity = RwLock::new(Arc::new(identity));
        Self {
            uid,
            container_id,
            identity,
        }
    }

    /// Whether this is one container rather than a pod.
    pub(crate) fn is_container(&self) -> bool {
        self.container_id.is_some()
    }

    /// Pod uid and container id as the cgroup path has them.
    pub(crate) fn key(&self) -> ResidentKey {
        (self.uid.clone(), self.container_id.clone().unwrap_or_default())
    }

    /// What is known of it now.
    pub(crate) fn identity(&self) -> Arc<PodIdentity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The subject of its events. Does not allocate.
    pub(crate) fn subject(&self) -> Subject {
        if self.is_container() {
            Subject::Container(self.identity())
        } else {
            Subject::Pod(self.identity())
        }
    }

    /// Takes the names over when they are this resident's, and keeps the shared identity when nothing is new.
    fn learn(&self, named: &Named) {
        if !named.has(&self.uid, self.container_id.as_deref()) {
            return;
        }
        let fresh = named.identity(self.container_id.as_ref());
        let mut identity = self.identity.write().unwrap_or_else(PoisonError::into_inner);
        if **identity != fresh {
            *identity = Arc::new(fresh);
        }
    }
}

/// Pod uid and container id (empty for a pod).
pub(crate) type ResidentKey = (Arc<str>, Arc<str>);

/// All residents that some cgroup still refers to.
#[derive(Debug, Default)]
pub(crate) struct Register {
    residents: Mutex<BTreeMap<ResidentKey, Arc<Resident>>>,
}

impl Register {
    /// The resident of that uid and container id; made and named when it is new.
    pub(crate) fn resident(&self, uid: &str, container_id: Option<&str>, names: &Names) -> Arc<Resident> {
        let key: ResidentKey = (uid.into(), container_id.unwrap_or_default().into());
        let mut residents = self.residents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resident) = residents.get(&key) {
            return Arc::clone(resident);
        }
        let container_id = container_id.map(|_| key.1.clone());
        let resident = Arc::new(Resident::new(key.0.clone(), container_id, names));
        residents.insert(key, Arc::clone(&resident));
        resident
    }

    /// Hands names that arrived late to every resident they belong to.
    pub(crate) fn learn(&self, named: &Named) {
        let residents = self.residents.lock().unwrap_or_else(PoisonError::into_inner);
        for resident in residents.values() {
            resident.learn(named);
        }
    }

    /// How many residents there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.residents.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets residents that no cgroup refers to any more.
    pub(crate) fn prune(&self) {
        let mut residents = self.residents.lock().unwrap_or_else(PoisonError::into_inner);
        residents.retain(|_, resident| Arc::strong_count(resident) > 1);
    }
}
