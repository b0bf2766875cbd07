//! What may be at the root of a pod's trouble.

use std::sync::Arc;

use correlator::{ContainerView, Culprit, ObjectRef, Peer, PodIdentity, Subject, Timestamp, World};

use crate::destination::{self, Destination, behind};

/// The workload to change.
pub(crate) fn owner(pod: &PodIdentity) -> Option<Culprit> {
    let owner = pod.owner.as_ref()?;
    object(&owner.kind, pod.namespace.as_ref()?, &owner.name)
}

/// The node it runs on.
pub(crate) fn node(pod: &PodIdentity) -> Option<Culprit> {
    pod.node.clone().map(Culprit::Node)
}

/// A claim of its namespace.
pub(crate) fn claim(pod: &PodIdentity, name: &Arc<str>) -> Option<Culprit> {
    object("PersistentVolumeClaim", pod.namespace.as_ref()?, name)
}

/// The pod itself: what an insight about the whole pod explains. Nothing for a container that no pod owns.
pub(crate) fn pod(pod: &PodIdentity) -> Vec<Culprit> {
    let uid = Some(&pod.uid).filter(|uid| !uid.is_empty());
    uid.map(|uid| Culprit::Pod(uid.clone())).into_iter().collect()
}

/// The pod that an insight is about, by uid.
pub(crate) fn pod_of(subject: &Subject) -> Option<&Arc<str>> {
    match subject {
        Subject::Container(pod) | Subject::Pod(pod) => Some(&pod.uid).filter(|uid| !uid.is_empty()),
        _ => None,
    }
}

/// What it runs.
pub(crate) fn image(container: &ContainerView<'_>) -> Option<Culprit> {
    let image = &container.state?.image;
    (!image.is_empty()).then(|| Culprit::Image(image.clone()))
}

/// Pods behind a Service that are suspected by name.
const BEHIND: usize = 8;

/// What stands behind an address: the Service and the pods it selects, or the pod.
pub(crate) fn peer(world: &World, peer: &Peer, at: Timestamp) -> Vec<Culprit> {
    match behind(world, peer.address, at) {
        Destination::Pod(one) => pod(&one.identity),
        Destination::Service(name, service) if service.selector.is_empty() => vec![Culprit::Object(name.clone())],
        Destination::Service(name, service) => {
            let pods = destination::selected(world, name, service).take(BEHIND);
            let pods = pods.flat_map(|one| pod(&one.identity));
            [Culprit::Object(name.clone())].into_iter().chain(pods).collect()
        }
        Destination::Itself | Destination::Unknown => Vec::new(),
    }
}

/// An object of a namespace.
#[expect(clippy::unnecessary_wraps, reason = "collected with those that may be unknown")]
pub(crate) fn object(kind: &str, namespace: &Arc<str>, name: &Arc<str>) -> Option<Culprit> {
    Some(Culprit::Object(Arc::new(ObjectRef {
        kind: kind.into(),
        namespace: namespace.clone(),
        name: name.clone(),
    })))
}
