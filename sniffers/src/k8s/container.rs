//! From a pod's spec and status to the state of its containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::{ContainerRole, ContainerState, ContainerStatus as Status, ProbeKind, ProbeSpec, Termination};

use super::probe::probe_spec;
use super::prune::Pruner;
use super::quantity::{thousandths, whole};
use super::text::{bounded, bounded_or_empty, timestamp};
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

/// The containers.
pub(super) fn containers(spec: &PodSpec, status: &PodStatus, pruner: &mut Pruner) -> Vec<ContainerState> {
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
    let mut kept = Vec::new();
    for (containers, statuses, role) in [main, init, ephemeral] {
        let statuses = statuses.as_deref().unwrap_or_default();
        let room = CONTAINERS - kept.len();
        for container in pruner.first(containers.as_deref(), room) {
            let status = statuses.iter().find(|status| status.name == container.name);
            kept.push(state(container, status, role, pruner));
        }
    }
    kept
}

fn state(
    container: &Container,
    status: Option<&ContainerStatus>,
    role: ContainerRole,
    pruner: &mut Pruner,
) -> ContainerState {
    let is_sidecar = role == ContainerRole::Init && container.restart_policy.as_deref() == Some("Always");
    let words = container.command.iter().chain(&container.args).flatten();
    let mut state = ContainerState {
        name: pruner.name(Some(&container.name)),
        role: if is_sidecar { ContainerRole::Sidecar } else { role },
        image: pruner.shared(container.image.as_deref(), IMAGE),
        memory_limit: limit(container, status, memory),
        memory_request: request(container, status, memory),
        cpu_limit_millis: limit(container, status, cpu),
        cpu_request_millis: request(container, status, cpu),
        command: words.take(WORDS).map(|word| pruner.shared(Some(word), WORD)).collect(),
        probes: probes(container),
        ..ContainerState::default()
    };
    for port in pruner.first(container.ports.as_deref(), PORTS) {
        let Ok(number) = u16::try_from(port.container_port) else {
            continue;
        };
        state.ports.push(number);
        if let Some(name) = pruner.named(port.name.as_deref()) {
            state.port_names.insert(name, number);
        }
    }
    if let Some(status) = status {
        fare(&mut state, status, pruner);
    }
    state
}

/// How the container fares.
fn fare(state: &mut ContainerState, status: &ContainerStatus, pruner: &mut Pruner) {
    state.id = container_id(status.container_id.as_deref());
    state.restarts = u32::try_from(status.restart_count.unwrap_or(0)).unwrap_or(0);
    state.ready = status.ready.unwrap_or(false);
    let now = status.state.as_ref();
    state.status = now.map_or(Status::Unknown, |now| status_of(now, pruner));
    let ended = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    state.last = ended.map(|ended| termination(ended, pruner));
}

fn probes(container: &Container) -> BTreeMap<ProbeKind, ProbeSpec> {
    let kinds = [
        (ProbeKind::Liveness, &container.liveness_probe),
        (ProbeKind::Readiness, &container.readiness_probe),
        (ProbeKind::Startup, &container.startup_probe),
    ];
    kinds
        .into_iter()
        .filter_map(|(kind, probe)| Some((kind, probe_spec(probe.as_ref()?)?)))
        .collect()
}

/// A limit of zero is none.
fn limit(container: &Container, status: Option<&ContainerStatus>, read: fn(&Amounts) -> Option<u64>) -> Option<u64> {
    amount(container, status, |resources| read(resources.limits.as_ref()?)).filter(|limit| *limit > 0)
}

fn request(container: &Container, status: Option<&ContainerStatus>, read: fn(&Amounts) -> Option<u64>) -> Option<u64> {
    amount(container, status, |resources| read(resources.requests.as_ref()?))
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

fn cpu(amounts: &Amounts) -> Option<u64> {
    thousandths(amounts.cpu.as_deref()?)
}

fn status_of(state: &State, pruner: &mut Pruner) -> Status {
    if let Some(ended) = &state.terminated {
        Status::Terminated(termination(ended, pruner))
    } else if let Some(running) = &state.running {
        Status::Running {
            started: timestamp(running.started_at.as_ref()),
        }
    } else if let Some(waiting) = &state.waiting {
        Status::Waiting {
            reason: pruner.shared(waiting.reason.as_deref(), REASON),
            message: bounded_or_empty(waiting.message.as_deref(), MESSAGE),
        }
    } else {
        Status::Unknown
    }
}

fn termination(ended: &Terminated, pruner: &mut Pruner) -> Termination {
    Termination {
        exit_code: ended.exit_code.unwrap_or(0),
        reason: pruner.shared(ended.reason.as_deref(), REASON),
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
