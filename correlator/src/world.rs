//! What holds now, beyond any one pod: the pods and nodes of the API server, their addresses, and what tapio cannot see.

mod addresses;
mod node;
mod objects;
mod pod;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Body, Event};
use crate::fact::{Fact, Gap};
use crate::identity::{PodIdentity, Scope, Subject};
use crate::object::{EndpointsState, NetworkPolicyState, ObjectRef, ObjectState, ServiceState};
use crate::pod::PodState;
use crate::series::REACH;
use crate::time::Timestamp;

pub use node::Node;
pub use pod::Pod;

use addresses::Addresses;
use objects::Objects;

/// Terminations older than this are no news.
pub const TERMINATION_REACH: Duration = Duration::from_secs(600);

/// The latest state of everything that was stated.
#[derive(Debug, Clone, Default)]
pub struct World {
    pods: BTreeMap<Arc<str>, Pod>,
    nodes: BTreeMap<Arc<str>, Node>,
    objects: Objects,
    addresses: Addresses,
    gaps: BTreeMap<Arc<str>, (Timestamp, Gap)>,
    losses: BTreeMap<(Arc<str>, Arc<str>), Loss>,
}

/// Events a source lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How many, in all.
    pub count: u64,
    /// When the last were reported.
    pub last: Timestamp,
}

/// A container id whose name has just become known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl World {
    /// Takes in a fact; everything else is ignored. Gives back the container ids it put a name to.
    pub(crate) fn apply(&mut self, event: &Event) -> Vec<Named> {
        let Body::Fact(fact) = &event.body else {
            return Vec::new();
        };
        match (fact, &event.subject) {
            (Fact::Pod(state), Subject::Pod(identity)) => return self.pod_seen(identity, state, event.at),
            (Fact::PodDeleted, Subject::Pod(identity)) => self.pod_gone(&identity.uid, event.at),
            (Fact::Node(state), Subject::Node(name)) => {
                self.nodes.entry(name.clone()).or_default().seen(state, event.at);
            }
            (Fact::NodeDeleted, Subject::Node(name)) => {
                self.nodes.remove(name);
            }
            (Fact::Object(state), Subject::Object(name)) => self.objects.seen(name, state),
            (Fact::ObjectDeleted, Subject::Object(name)) => self.objects.gone(name, event.at),
            (Fact::Blind(gap), _) => {
                self.gaps.insert(gap.source.clone(), (event.at, gap.clone()));
            }
            (Fact::Sighted { source }, _) => {
                self.gaps.remove(source);
            }
            (Fact::Lost { source, reason, count }, _) => {
                let key = (source.clone(), reason.clone());
                let loss = self.losses.entry(key).or_insert(Loss {
                    count: 0,
                    last: event.at,
                });
                *loss = Loss {
                    count: loss.count.saturating_add(*count),
                    last: event.at,
                };
            }
            _ => {}
        }
        Vec::new()
    }

    fn pod_seen(&mut self, identity: &Arc<PodIdentity>, state: &PodState, at: Timestamp) -> Vec<Named> {
        let pod = self.pods.entry(identity.uid.clone()).or_default();
        self.addresses.moved(&identity.uid, &pod.state, state, at);
        pod.identity = identity.clone();
        pod.gone = None;
        let named = state
            .containers
            .iter()
            .flat_map(|container| pod.container_seen(container))
            .collect();
        pod.state = state.clone();
        named
    }

    fn pod_gone(&mut self, uid: &Arc<str>, at: Timestamp) {
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.gone = Some(at);
            self.addresses.gone(uid, &pod.state, at);
        }
    }

    /// Forgets pods that went five minutes ago and losses as old.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        let cutoff = now.minus(REACH);
        self.pods.retain(|_, pod| pod.gone.is_none_or(|gone| gone >= cutoff));
        self.losses.retain(|_, loss| loss.last >= cutoff);
        self.objects.forget(cutoff);
        self.addresses.forget(cutoff);
    }

    /// A pod by uid.
    pub fn pod(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid)
    }

    /// The pods that are, or went less than five minutes ago.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values()
    }

    /// The pod that had this address at that time, as far as the last five minutes tell; never a hostNetwork pod.
    pub fn pod_at(&self, ip: IpAddr, at: Timestamp) -> Option<&Pod> {
        self.addresses.at(ip, at).and_then(|uid| self.pods.get(uid))
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = (&Arc<str>, &Node)> {
        self.nodes.iter()
    }

    /// Another object, while it exists.
    pub fn object(&self, name: &ObjectRef) -> Option<&ObjectState> {
        self.objects.get(name)
    }

    /// All other objects that exist, by kind, namespace and name.
    pub fn objects(&self) -> impl Iterator<Item = (&Arc<ObjectRef>, &ObjectState)> {
        self.objects.iter()
    }

    /// The Service that has this virtual address.
    pub fn service_at(&self, address: IpAddr) -> Option<(&Arc<ObjectRef>, &ServiceState)> {
        self.objects.service_at(address)
    }

    /// The slices of a Service.
    pub fn endpoints_of(&self, service: &ObjectRef) -> impl Iterator<Item = &EndpointsState> {
        self.objects.endpoints_of(service)
    }

    /// The network policies that are about a pod.
    pub fn policies_of(&self, pod: &Pod) -> impl Iterator<Item = (&Arc<ObjectRef>, &NetworkPolicyState)> {
        self.objects().filter_map(|(name, state)| match state {
            ObjectState::NetworkPolicy(policy)
                if Some(&name.namespace) == pod.identity.namespace.as_ref()
                    && policy.pods.selects(&pod.state.labels) =>
            {
                Some((name, policy))
            }
            _ => None,
        })
    }

    /// How many pods exist as far as the API server told.
    pub fn pod_count(&self) -> usize {
        self.pods.values().filter(|pod| pod.gone.is_none()).count()
    }

    /// What is not watched, since when, in the order of the sources' names.
    pub fn gaps(&self) -> impl Iterator<Item = &(Timestamp, Gap)> {
        self.gaps.values()
    }

    /// Losses of the last five minutes: (source, reason) and how many.
    pub fn losses(&self) -> impl Iterator<Item = (&(Arc<str>, Arc<str>), &Loss)> {
        self.losses.iter()
    }

    /// Whether the scope is something that exists on its own, heard of lately or not.
    pub(crate) fn has(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Pod(uid) => self.pods.contains_key(uid),
            Scope::Node(name) => self.nodes.contains_key(name),
            Scope::Object(name) => self.objects.get(name).is_some(),
            Scope::Container(_) | Scope::Host { .. } => false,
            Scope::Cluster => true,
        }
    }

    /// True once the API server told of any pod.
    pub fn knows_kubernetes(&self) -> bool {
        !self.pods.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::signals;
    use crate::pod::{ContainerState, ContainerStatus, Termination};

    fn seen(state: PodState) -> Event {
        let identity = PodIdentity {
            uid: "u".into(),
            ..Default::default()
        };
        Event {
            at: Timestamp::from_secs(1),
            subject: Subject::Pod(identity.into()),
            signal: signals::KUBE_POD,
            body: Body::Fact(Fact::Pod(Box::new(state))),
        }
    }

    fn ended(id: &str) -> Termination {
        Termination {
            container_id: id.into(),
            finished: Some(Timestamp::from_secs(5)),
            ..Default::default()
        }
    }

    #[test]
    fn one_end_told_as_state_and_as_last_state_is_one_end() {
        let mut world = World::default();
        let container = ContainerState {
            name: "app".into(),
            id: "c1".into(),
            ..Default::default()
        };
        let now = ContainerState {
            status: ContainerStatus::Terminated(ended("c1")),
            ..container.clone()
        };
        let later = ContainerState {
            id: "c2".into(),
            last: Some(ended("c1")),
            ..container
        };
        for container in [now, later] {
            world.apply(&seen(PodState {
                containers: vec![container],
                ..Default::default()
            }));
        }
        let pod = world.pod("u").expect("pod");
        assert_eq!(pod.terminations("app").count(), 1);
        assert_eq!(pod.name_of("c2").map(|name| &**name), Some("app"));
    }

    #[test]
    fn the_address_of_a_host_network_pod_is_nobodys() {
        let ip: IpAddr = [10, 0, 0, 1].into();
        let mut world = World::default();
        for (host_network, found) in [(false, true), (true, false)] {
            world.apply(&seen(PodState {
                ips: vec![ip],
                host_network,
                ..Default::default()
            }));
            assert_eq!(world.pod_at(ip, Timestamp::from_secs(2)).is_some(), found);
        }
    }

    #[test]
    fn a_gap_closes_when_its_source_sees_again() {
        let mut world = World::default();
        let gap = Gap {
            source: "k8s/pods".into(),
            what: "pods".into(),
            why: "403".into(),
            fix: "RBAC".into(),
        };
        let fact = |fact| Event {
            at: Timestamp::from_secs(1),
            subject: Subject::Cluster,
            signal: signals::SELF_SIGHT,
            body: Body::Fact(fact),
        };
        world.apply(&fact(Fact::Blind(gap)));
        assert_eq!(world.gaps().count(), 1);
        world.apply(&fact(Fact::Sighted {
            source: "k8s/pods".into(),
        }));
        assert_eq!(world.gaps().count(), 0);
    }
}
