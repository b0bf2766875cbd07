//! What a command is about: an object whose name was checked, so that nothing else can come of it.

use correlator::{ObjectRef, PodIdentity};

use super::command::Kubectl;
use super::name::{is_label, is_subdomain};

/// An object of the API server, named as kubectl wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    kind: String,
    name: String,
    namespace: Option<String>,
}

impl Target {
    /// A pod. `None` while its names are unknown or can be no names.
    pub fn pod(pod: &PodIdentity) -> Option<Self> {
        Self::namespaced("pod", pod.pod.as_deref()?, pod.namespace.as_deref()?)
    }

    /// A pod's owner. `None` as for [`Target::pod`].
    pub fn owner(pod: &PodIdentity) -> Option<Self> {
        let owner = pod.owner.as_ref()?;
        Self::namespaced(&owner.kind, &owner.name, pod.namespace.as_deref()?)
    }

    /// An object of a namespace. `None` when its names can be no names.
    pub fn object(object: &ObjectRef) -> Option<Self> {
        Self::namespaced(&object.kind, &object.name, &object.namespace)
    }

    /// A node. `None` when that can be no node.
    pub fn node(name: &str) -> Option<Self> {
        is_subdomain(name).then(|| Self {
            kind: "node".to_owned(),
            name: name.to_owned(),
            namespace: None,
        })
    }

    fn namespaced(kind: &str, name: &str, namespace: &str) -> Option<Self> {
        let kind = kind.to_ascii_lowercase();
        (is_label(&kind) && is_subdomain(name) && is_label(namespace)).then(|| Self {
            kind,
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
        })
    }

    /// The kind, lower-case.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// The name alone, as `cordon` and `logs` want it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// `verb` words, then `kind/name` and the namespace.
    pub(super) fn command(&self, verb: &[&str]) -> Kubectl {
        let named = format!("{}/{}", self.kind, self.name);
        self.within(Kubectl::new(verb).arg(named))
    }

    /// Adds the namespace.
    pub(super) fn within(&self, command: Kubectl) -> Kubectl {
        match &self.namespace {
            Some(namespace) => command.arg("-n").arg(namespace.as_str()),
            None => command,
        }
    }
}
