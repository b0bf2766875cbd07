//! Whose series it is: by pod uid and container id while the run lasts, by name when it is written.

use std::sync::Arc;

use correlator::{PodIdentity, Subject, World};

use super::exposition::Labels;

/// The owner of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Container(Arc<PodIdentity>),
    Node(Arc<str>),
}

/// Whose series an event belongs to. Processes of the host, other objects and the cluster have none.
pub(crate) fn of(subject: &Subject) -> Option<Who> {
    match subject {
        Subject::Container(id) | Subject::Pod(id) => Some(Who::Container(Arc::new(PodIdentity {
            uid: id.uid.clone(),
            container_id: id.container_id.clone(),
            ..Default::default()
        }))),
        Subject::Node(name) => Some(Who::Node(name.clone())),
        Subject::Object(_) | Subject::Process(_) | Subject::Cluster => None,
    }
}

/// The labels of a series, with the names known by now.
pub(crate) fn labels(who: &Who, world: &World) -> Labels {
    let text = |value: Option<&Arc<str>>| value.map(ToString::to_string).unwrap_or_default();
    let id = match who {
        Who::Node(name) => return vec![("node", name.to_string())],
        Who::Container(id) => id,
    };
    let pod = world.pod(&id.uid);
    let names = pod.map(|pod| &pod.identity);
    let container = id
        .container_id
        .as_ref()
        .and_then(|id| pod.and_then(|pod| pod.name_of(id)).or(Some(id)));
    vec![
        ("namespace", text(names.and_then(|names| names.namespace.as_ref()))),
        (
            "pod",
            names
                .and_then(|names| names.pod.as_ref())
                .unwrap_or(&id.uid)
                .to_string(),
        ),
        ("container", text(container)),
        ("node", text(names.and_then(|names| names.node.as_ref()))),
    ]
}

/// The labels of what is counted under `~other`.
pub(crate) fn others() -> Labels {
    ["namespace", "pod", "container", "node"]
        .into_iter()
        .map(|label| (label, "~other".to_owned()))
        .collect()
}
