//! From a pod's spec and status to the state of its containers.

use std::sync::Arc;

use correlator::{ContainerRole, ContainerState, ContainerStatus as Status, Termination};

use super::quantity::{thousandths, whole};
use super::text::{NAME, bounded, bounded_or_empty, timestamp};
use super::wire::{Amounts, Container, ContainerStatus, PodSpec, PodStatus, Resources, State, Terminated};

/// Containers that are kept of one pod; a pod of 1.5 MB, which is what the API server stores at most, can have more.
pub(super) const CONTAINERS: usize = 256;
/// An image reference with a digest stays below this.
const IMAGE: usize = 512;
const REASON: usize = 128;
const MESSAGE: usize = 512;
const ID: usize = 128;
const PORTS: usize = 64;
/// Words of `command` and `args` that are kept, and bytes of each.
const WORDS: usize = 32;
const WORD: usize = 256;

/// The containers, and how many were left out because there are too many.
pub(super) fn containers(spec: &PodSpec, status: &PodStatus) -> (Vec<ContainerState>, usize) {
    let main = (&spec.containers, &status.container_statuses, ContainerRole::Main);
    let init = (
        &spec.init_containers,
        &status.init_container_statuses,
        ContainerRole::Init,
    );
    let ephemeral = (
        &spec.ephemeral_containers,
        &status.ephemeral_container_statuses,
        ContainerRole::Ephemeral,
    );
    let (mut kept, mut all) = (Vec::new(), 0);
    for (containers, statuses, role) in [main, init, ephemeral] {
        let statuses = statuses.as_deref().unwrap_or_default();
        for container in containers.iter().flatten() {
            all += 1;
            if kept.len() < CONTAINERS {
                let status = statuses.iter().find(|status| status.name == container.name);
                kept.push(state(container, status, role));
            }
        }
    }
    let left_out = all - kept.len();
    (kept, left_out)
}

fn state(container: &Container, status: Option<&ContainerStatus>, role: ContainerRole) -> ContainerState {
    let is_sidecar = role == ContainerRole::Init && container.restart_policy.as_deref() == Some("Always");
    let words = container.command.iter().chain(&container.args).flatten();
    let ports = container
        .ports
        .iter()
        .flatten()
        .filter_map(|port| u16::try_from(port.container_port).ok());
    let mut state = ContainerState {
        name: bounded(&container.name, NAME),
        role: if is_sidecar { ContainerRole::Sidecar } else { role },
        image: bounded_or_empty(container.image.as_deref(), IMAGE),
        memory_limit: limit(container, status, memory),
        memory_request: amount(container, status, |resources| memory(resources.requests.as_ref()?)),
        cpu_limit_millis: limit(container, status, |amounts| thousandths(amounts.cpu.as_deref()?)),
        command: words.take(WORDS).map(|word| bounded(word, WORD)).collect(),
        ports: ports.take(PORTS).collect(),
        ..ContainerState::default()
    };
    if let Some(status) = status {
        state.id = container_id(status.container_id.as_deref());
        state.restarts = u32::try_from(status.restart_count.unwrap_or(0)).unwrap_or(0);
        state.ready = status.ready.unwrap_or(false);
        state.status = status.state.as_ref().map_or(Status::Unknown, status_of);
        state.last = status
            .last_state
            .as_ref()
            .and_then(|last| last.terminated.as_ref())
            .map(termination);
    }
    state
}

/// A limit of zero is none.
fn limit(container: &Container, status: Option<&ContainerStatus>, read: fn(&Amounts) -> Option<u64>) -> Option<u64> {
    amount(container, status, |resources| read(resources.limits.as_ref()?)).filter(|limit| *limit > 0)
}

/// What the kubelet says is in force (resizing in place makes it differ), else what the spec asks for.
fn amount(
    container: &Container,
    status: Option<&ContainerStatus>,
    read: impl Fn(&Resources) -> Option<u64>,
) -> Option<u64> {
    let actual = status.and_then(|status| status.resources.as_ref()).and_then(&read);
    actual.or_else(|| container.resources.as_ref().and_then(read))
}

fn memory(amounts: &Amounts) -> Option<u64> {
    whole(amounts.memory.as_deref()?)
}

fn status_of(state: &State) -> Status {
    if let Some(ended) = &state.terminated {
        Status::Terminated(termination(ended))
    } else if let Some(running) = &state.running {
        Status::Running {
            started: timestamp(running.started_at.as_ref()),
        }
    } else if let Some(waiting) = &state.waiting {
        let reason = bounded_or_empty(waiting.reason.as_deref(), REASON);
        Status::Waiting {
            reason,
            message: bounded_or_empty(waiting.message.as_deref(), MESSAGE),
        }
    } else {
        Status::Unknown
    }
}

fn termination(ended: &Terminated) -> Termination {
    Termination {
        exit_code: ended.exit_code.unwrap_or(0),
        reason: bounded_or_empty(ended.reason.as_deref(), REASON),
        message: bounded_or_empty(ended.message.as_deref(), MESSAGE),
        started: timestamp(ended.started_at.as_ref()),
        finished: timestamp(ended.finished_at.as_ref()),
        container_id: container_id(ended.container_id.as_deref()),
    }
}

/// `containerd://0123..` without the name of the runtime.
fn container_id(id: Option<&str>) -> Arc<str> {
    let id = id.unwrap_or_default();
    bounded(id.split_once("://").map_or(id, |(_, id)| id), ID)
}
