//! Where a pod stands on its way to doing its work, so that each trouble is told by one detector and not by two.
//!
//! A pod gets a node, its volumes, its sandbox, its images; then its init containers run, its containers are made and
//! started, and become ready. What fails first is the trouble; what comes after it has not been tried.

use std::time::Duration;

use correlator::{
    Condition, ContainerRole, ContainerState, ContainerStatus, Fact, KubeEvent, Pod, PodIdentity, Severity, Timestamp,
    Window, World,
};

use crate::changes;
use crate::messages::{mount, start};

/// Waiting reasons of the kubelet about an image (`pkg/kubelet/images/types.go`).
const PULLING: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// Waiting reasons about a container that could not be made (`pkg/kubelet/kuberuntime`).
const CREATING: [&str; 3] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// The kubelet says again within this time what goes on (its back-off for volumes reaches two minutes).
const AGAIN: Duration = Duration::from_secs(150);

/// Whether the pod ended or is going: nothing about its start is news.
pub(crate) fn is_over(pod: &Pod) -> bool {
    !pod.exists() || pod.state.deleted.is_some() || matches!(&*pod.state.phase, "Succeeded" | "Failed")
}

/// Whether no node was found for it yet.
pub(crate) fn is_unscheduled(pod: &Pod) -> bool {
    let is_refused = |condition: &Condition| &*condition.kind == "PodScheduled" && &*condition.status == "False";
    let has_no_node = pod.identity.node.is_none() || pod.state.conditions.iter().any(is_refused);
    !is_over(pod) && &*pod.state.phase == "Pending" && has_no_node
}

/// How long it has existed; for ever when that is not known.
pub(crate) fn age(pod: &Pod, now: Timestamp) -> Duration {
    pod.state.created.map_or(Duration::MAX, |created| now.since(created))
}

/// Reason and message of a container that waits.
pub(crate) fn waiting(container: &ContainerState) -> Option<(&str, &str)> {
    match &container.status {
        ContainerStatus::Waiting { reason, message } => Some((reason, message)),
        _ => None,
    }
}

/// Whether the container waits for its image.
pub(crate) fn waits_for_image(container: &ContainerState) -> bool {
    waiting(container).is_some_and(|(reason, _)| PULLING.contains(&reason))
}

/// Why the container cannot be made, when it waits for that.
pub(crate) fn not_made(container: &ContainerState) -> Option<start::Why<'_>> {
    let (reason, message) = waiting(container)?;
    CREATING.contains(&reason).then(|| start::classify(message))
}

/// What last kept the pod from getting its volumes and its sandbox.
#[derive(Debug, Clone)]
pub(crate) enum Setup<'a> {
    /// A volume.
    Mount(Told<'a>, mount::MountFailure<'a>),
    /// The sandbox or its network.
    Sandbox(Told<'a>),
}

/// An Event, how often it was told, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) at: Timestamp,
    pub(crate) message: &'a str,
    pub(crate) times: u32,
}

/// What keeps the pod from being set up now; nothing while any container of it runs. A pod that was up before, and is set
/// up anew after its node or its sandbox went, has to say so of late.
pub(crate) fn setup<'a>(window: &Window<'a>) -> Option<Setup<'a>> {
    let pod = window
        .pod()
        .filter(|pod| !is_over(pod) && pod.identity.node.is_some() && !runs(pod))?;
    let is_now = |told: &Told<'_>| !has_begun(pod) || window.now().since(told.at) < AGAIN;
    let mut mounts = told(window, &["FailedMount", "FailedAttachVolume"]);
    mounts.retain(is_now);
    let sandbox = told(window, &["FailedCreatePodSandBox", "NetworkNotReady"])
        .pop()
        .filter(is_now);
    let last_mount = mounts.last().map(|told| told.at);
    if let Some(sandbox) = sandbox.filter(|sandbox| last_mount.is_none_or(|last| sandbox.at > last)) {
        return Some(Setup::Sandbox(sandbox));
    }
    let read = |told: &Told<'a>| (*told, mount::classify(told.message));
    let says_why = |(_, failure): &(Told<'a>, mount::MountFailure<'a>)| failure.why != mount::Why::TimedOut;
    let found = mounts
        .iter()
        .rev()
        .map(read)
        .find(says_why)
        .or_else(|| mounts.last().map(read))?;
    Some(Setup::Mount(found.0, found.1))
}

fn runs(pod: &Pod) -> bool {
    let runs = |container: &ContainerState| matches!(container.status, ContainerStatus::Running { .. });
    pod.state.containers.iter().any(runs)
}

/// Whether any of its containers was ever made.
pub(crate) fn has_begun(pod: &Pod) -> bool {
    let is_made = |container: &ContainerState| {
        !container.id.is_empty()
            || !matches!(
                container.status,
                ContainerStatus::Waiting { .. } | ContainerStatus::Unknown
            )
    };
    pod.state.containers.iter().any(is_made)
}

/// The Events of these reasons about the scope, one for each message, in the order of their last time.
pub(crate) fn told<'a>(window: &Window<'a>, reasons: &[&str]) -> Vec<Told<'a>> {
    let mut found: Vec<Told<'a>> = Vec::new();
    for (at, event) in events(window).filter(|(_, event)| reasons.contains(&&*event.reason)) {
        let times = match found.iter().position(|told| told.message == &*event.message) {
            Some(index) => found.remove(index).times.max(event.count).max(1) + u32::from(event.count <= 1),
            None => event.count.max(1),
        };
        found.push(Told {
            at,
            message: &event.message,
            times,
        });
    }
    found
}

/// The Events about the scope, oldest first.
pub(crate) fn events<'a>(window: &Window<'a>) -> impl Iterator<Item = (Timestamp, &'a KubeEvent)> + use<'a> {
    window.own().facts().filter_map(|(at, fact)| match fact {
        Fact::Event(event) => Some((*at, event)),
        _ => None,
    })
}

/// The first init container that has not completed: what comes after it waits for it.
pub(crate) fn init_under_way(pod: &Pod) -> Option<&ContainerState> {
    let inits = pod
        .state
        .containers
        .iter()
        .filter(|container| container.role == ContainerRole::Init);
    let mut open = inits.filter(|container| !is_done(container));
    open.next()
}

fn is_done(container: &ContainerState) -> bool {
    matches!(&container.status, ContainerStatus::Terminated(end) if end.exit_code == 0)
}

/// Critical when the pod's workload has no pod left that is available, else a warning.
pub(crate) fn severity(world: &World, pod: &PodIdentity) -> Severity {
    match changes::workload_of(world, pod) {
        Some((_, state)) if state.available == 0 && state.wanted.is_some_and(|wanted| wanted > 0) => Severity::Critical,
        _ => Severity::Warning,
    }
}
