//! What may be at the root of a pod's trouble.

use std::sync::Arc;

use correlator::{Culprit, ObjectRef, PodIdentity};

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

/// The pod itself: what an insight about the whole pod explains.
pub(crate) fn pod(pod: &PodIdentity) -> Vec<Culprit> {
    vec![Culprit::Pod(pod.uid.clone())]
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
