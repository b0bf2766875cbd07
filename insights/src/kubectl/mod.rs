//! kubectl commands that are safe to paste: every word quoted for a POSIX shell, every name and value checked first.
//!
//! A name that could be no Kubernetes name gets no command. Bodies of patches are made by a JSON writer, never by hand.

mod change;
mod command;
mod look;
mod name;
mod target;

use correlator::{ObjectRef, PodIdentity};

pub use change::{
    PatchType, Resources, cordon, delete, drain, patch, resize, rollout_restart, rollout_undo, scale, set_image,
    set_resources, uncordon,
};
pub use command::{Kubectl, quote};
pub use look::{Run, describe, get, list, list_all, logs, rollout_history, rollout_status};
pub(crate) use name::is_label;
pub use target::Target;

use name::is_subdomain;

/// A command about a pod: `verb` words, then `name -n namespace`. `None` while its names are unknown or can be no names.
pub(crate) fn on_pod(verb: &[&str], pod: &PodIdentity) -> Option<Kubectl> {
    let (namespace, name) = (pod.namespace.as_deref()?, pod.pod.as_deref()?);
    is_subdomain(name)
        .then(|| Kubectl::new(verb).arg(name))?
        .namespace(namespace)
}

/// A command about an object of a namespace: `verb` words, then `kind/name -n namespace`. `None` as for `on_pod`.
pub(crate) fn on_object(verb: &[&str], object: &ObjectRef) -> Option<Kubectl> {
    Some(Target::object(object)?.command(verb))
}

#[cfg(test)]
mod tests;
