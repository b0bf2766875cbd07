//! Workloads and their pods: which are theirs, which do not come up, and how to look at them.

use correlator::{ContainerRole, ContainerStatus, ObjectRef, Pod, Remedy, Timestamp, Window, World};

use crate::kubectl::{Kubectl, Target, describe};
use crate::phrase::escape;

/// The pods that a workload owns and that have not ended.
pub(crate) fn pods_of<'a>(world: &'a World, workload: &'a ObjectRef) -> impl Iterator<Item = &'a Pod> {
    world.pods().filter(move |pod| {
        let owns = pod
            .identity
            .owner
            .as_ref()
            .is_some_and(|owner| owner.kind == workload.kind && owner.name == workload.name);
        let is_over = matches!(&*pod.state.phase, "Succeeded" | "Failed");
        owns && pod.exists() && !is_over && pod.identity.namespace.as_ref() == Some(&workload.namespace)
    })
}

/// Whether all of a pod's containers that should be ready are. A pod that is being deleted need not be.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    pod.state.deleted.is_some()
        || !pod.state.conditions.iter().any(|condition| &*condition.kind == "Ready")
            && pod
                .state
                .containers
                .iter()
                .all(|container| container.ready || container.role.completes())
}

/// Since when a pod is not ready, as far as the API server says.
pub(crate) fn unready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = pod
        .state
        .conditions
        .iter()
        .find(|condition| &*condition.kind == "Ready");
    ready.and_then(|ready| ready.since).or(pod.state.created)
}

/// Why a pod does not come up, in a few words: `app is waiting (ImagePullBackOff)`.
pub(crate) fn why_unready(pod: &Pod) -> String {
    let container = |name: &str, status: &ContainerStatus| match status {
        ContainerStatus::Waiting { reason, .. } => Some(format!("{name} is waiting ({reason})")),
        ContainerStatus::Terminated(end) if end.exit_code != 0 => {
            Some(format!("{name} ended with {} ({})", end.exit_code, end.reason))
        }
        _ => None,
    };
    let stuck = pod
        .state
        .containers
        .iter()
        .filter(|one| !one.ready)
        .find_map(|one| container(&one.name, &one.status));
    let unscheduled = pod
        .state
        .conditions
        .iter()
        .find(|condition| &*condition.kind == "PodScheduled");
    let running = pod
        .state
        .containers
        .iter()
        .find(|one| !one.ready && !one.role.completes());
    let before =
        pod.state.containers.iter().find(|one| {
            matches!(one.role, ContainerRole::Init) && matches!(one.status, ContainerStatus::Running { .. })
        });
    unscheduled
        .map(|condition| format!("not scheduled: {}", escape(&condition.message, 160)))
        .or(before.map(|one| format!("its init container {} still runs", one.name)))
        .or(stuck)
        .or(running.map(|one| format!("{} runs but is not ready", one.name)))
        .unwrap_or_else(|| "not ready".to_owned())
}

/// Whether an insight about one of the workload's pods is open, which then tells more than the workload's own figures do.
pub(crate) fn is_explained(window: &Window<'_>, workload: &ObjectRef, except: &str) -> bool {
    let is_theirs = |pod: &correlator::PodIdentity| {
        let owner = pod.owner.as_ref();
        owner.is_some_and(|owner| owner.kind == workload.kind && owner.name == workload.name)
            && pod.namespace.as_ref() == Some(&workload.namespace)
    };
    window
        .open()
        .filter(|insight| insight.id != except)
        .any(|insight| match &insight.subject {
            correlator::Subject::Container(pod) | correlator::Subject::Pod(pod) => is_theirs(pod),
            correlator::Subject::Object(object) => **object == *workload,
            _ => false,
        })
}

/// Read-only: what an object says of itself.
pub(crate) fn look_at(object: &ObjectRef, why: &str, more: Option<Kubectl>) -> Option<Remedy> {
    let target = Target::object(object)?;
    Some(Remedy::look(
        format!("Look at {object}"),
        why.to_owned(),
        std::iter::once(describe(&target))
            .chain(more)
            .map(|command| command.to_string())
            .collect(),
        "its conditions and last events name the reason, or show that it is gone".to_owned(),
    ))
}
