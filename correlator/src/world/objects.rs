//! The objects other than pods and nodes, and how Services lead to their endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::object::{EndpointsState, ObjectRef, ObjectState, ServicePort, ServiceState};
use crate::time::Timestamp;

/// All of them, with what is looked up by address and by Service.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    all: BTreeMap<Arc<ObjectRef>, Object>,
    by_address: BTreeMap<IpAddr, Arc<ObjectRef>>,
    /// Namespace and name of a Service, to its slices.
    slices: BTreeMap<ServiceKey, BTreeSet<Arc<ObjectRef>>>,
}

type ServiceKey = (Arc<str>, Arc<str>);

/// An object as it was last told.
#[derive(Debug, Clone)]
struct Object {
    state: ObjectState,
    gone: Option<Timestamp>,
}

impl Objects {
    pub(super) fn seen(&mut self, name: &Arc<ObjectRef>, state: &ObjectState) {
        self.unlink(name);
        match state {
            ObjectState::Service(service) => {
                for address in &service.addresses {
                    self.by_address.insert(*address, name.clone());
                }
            }
            ObjectState::Endpoints(slice) => {
                let service = (name.namespace.clone(), slice.service.clone());
                self.slices.entry(service).or_default().insert(name.clone());
            }
            _ => {}
        }
        let object = Object {
            state: state.clone(),
            gone: None,
        };
        self.all.insert(name.clone(), object);
    }

    pub(super) fn gone(&mut self, name: &ObjectRef, at: Timestamp) {
        self.unlink(name);
        if let Some(object) = self.all.get_mut(name) {
            object.gone = Some(at);
        }
    }

    /// Takes an object out of what is looked up by address and by Service.
    fn unlink(&mut self, name: &ObjectRef) {
        match self.all.get(name).map(|object| &object.state) {
            Some(ObjectState::Service(service)) => {
                for address in &service.addresses {
                    if self.by_address.get(address).is_some_and(|other| **other == *name) {
                        self.by_address.remove(address);
                    }
                }
            }
            Some(ObjectState::Endpoints(slice)) => {
                let service = (name.namespace.clone(), slice.service.clone());
                if let Some(slices) = self.slices.get_mut(&service) {
                    slices.remove(name);
                    if slices.is_empty() {
                        self.slices.remove(&service);
                    }
                }
            }
            _ => {}
        }
    }

    /// Forgets objects that went before `cutoff`.
    pub(super) fn forget(&mut self, cutoff: Timestamp) {
        self.all
            .retain(|_, object| object.gone.is_none_or(|gone| gone >= cutoff));
    }

    pub(super) fn get(&self, name: &ObjectRef) -> Option<&ObjectState> {
        let object = self.all.get(name).filter(|object| object.gone.is_none())?;
        Some(&object.state)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<ObjectRef>, &ObjectState)> {
        let there = self.all.iter().filter(|(_, object)| object.gone.is_none());
        there.map(|(name, object)| (name, &object.state))
    }

    pub(super) fn service_at(&self, address: IpAddr) -> Option<(&Arc<ObjectRef>, &ServiceState)> {
        let name = self.by_address.get(&address)?;
        match self.get(name)? {
            ObjectState::Service(service) => Some((name, service)),
            _ => None,
        }
    }

    pub(super) fn endpoints_of(&self, service: &ObjectRef) -> impl Iterator<Item = &EndpointsState> {
        let key = (service.namespace.clone(), service.name.clone());
        let slices = self.slices.get(&key).into_iter().flatten();
        slices.filter_map(|name| match self.get(name) {
            Some(ObjectState::Endpoints(slice)) => Some(slice),
            _ => None,
        })
    }
}

impl ServiceState {
    /// The port that clients use under this number.
    #[must_use]
    pub fn port(&self, number: u16) -> Option<&ServicePort> {
        self.ports.iter().find(|port| port.port == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: &str, name: &str) -> Arc<ObjectRef> {
        Arc::new(ObjectRef {
            kind: kind.into(),
            namespace: "shop".into(),
            name: name.into(),
        })
    }

    fn service(address: [u8; 4]) -> ObjectState {
        ObjectState::Service(ServiceState {
            addresses: vec![address.into()],
            ..ServiceState::default()
        })
    }

    fn slice_of(service: &str) -> ObjectState {
        ObjectState::Endpoints(EndpointsState {
            service: service.into(),
            ..EndpointsState::default()
        })
    }

    fn at(objects: &Objects, address: [u8; 4]) -> Option<&str> {
        objects.service_at(address.into()).map(|(name, _)| &*name.name)
    }

    #[test]
    fn a_service_is_found_by_the_address_it_has_now() {
        let mut objects = Objects::default();
        objects.seen(&name("Service", "web"), &service([10, 96, 0, 1]));
        objects.seen(&name("Service", "web"), &service([10, 96, 0, 2]));
        assert_eq!(
            (at(&objects, [10, 96, 0, 1]), at(&objects, [10, 96, 0, 2])),
            (None, Some("web"))
        );
        objects.gone(&name("Service", "web"), Timestamp::from_secs(9));
        assert_eq!(at(&objects, [10, 96, 0, 2]), None);
    }

    #[test]
    fn an_address_that_went_to_another_service_stays_with_it() {
        let mut objects = Objects::default();
        objects.seen(&name("Service", "old"), &service([10, 96, 0, 1]));
        objects.seen(&name("Service", "new"), &service([10, 96, 0, 1]));
        objects.gone(&name("Service", "old"), Timestamp::from_secs(9));
        assert_eq!(at(&objects, [10, 96, 0, 1]), Some("new"));
    }

    #[test]
    fn a_service_has_all_its_slices_and_no_others() {
        let mut objects = Objects::default();
        for (slice, service) in [("web-1", "web"), ("web-2", "web"), ("db-1", "db")] {
            objects.seen(&name("EndpointSlice", slice), &slice_of(service));
        }
        let count = |objects: &Objects| objects.endpoints_of(&name("Service", "web")).count();
        assert_eq!(count(&objects), 2);
        objects.gone(&name("EndpointSlice", "web-1"), Timestamp::from_secs(9));
        assert_eq!((count(&objects), objects.iter().count()), (1, 2));
        objects.forget(Timestamp::from_secs(10));
        assert_eq!(objects.all.len(), 2);
    }
}
