//! Where a connect was going: the Service behind an address, its endpoints, the pods behind those, and what is wrong on
//! the way.
//!
//! The kernel sees the address that the application used, before kube-proxy replaces it: for a Service that is its
//! virtual address (`kubernetes.io/docs/reference/networking/virtual-ips`).

use std::net::IpAddr;
use std::sync::Arc;

use correlator::object::{Endpoint, ObjectRef, ObjectState, ServicePort, ServiceState, TargetPort};
use correlator::{ContainerStatus, Peer, Pod, Timestamp, World};

use crate::phrase::count;

/// Pods that a sentence names.
pub(crate) const NAMED: usize = 3;

/// What stands behind an address at a time.
pub(crate) enum Destination<'a> {
    /// A Service.
    Service(&'a Arc<ObjectRef>, &'a ServiceState),
    /// A pod.
    Pod(&'a Pod),
    /// The container's own network namespace.
    Itself,
    /// Nothing that tapio knows of.
    Unknown,
}

/// Finds out what stands behind an address.
pub(crate) fn behind(world: &World, address: IpAddr, at: Timestamp) -> Destination<'_> {
    if address.is_loopback() {
        return Destination::Itself;
    }
    if let Some((name, service)) = world.service_at(address) {
        return Destination::Service(name, service);
    }
    world.pod_at(address, at).map_or(Destination::Unknown, Destination::Pod)
}

/// Why nobody answers at the peer, as far as the API server's state explains it.
pub(crate) fn why_refused(world: &World, peer: &Peer, at: Timestamp) -> String {
    let port = peer.port;
    match behind(world, peer.address, at) {
        Destination::Itself => {
            format!("nothing listens on port {port} in the container's own network namespace (localhost)")
        }
        Destination::Unknown => format!(
            "{} answers, but nothing listens on port {port}; the address belongs to no pod and no Service that tapio \
             knows of",
            peer.address
        ),
        Destination::Pod(pod) => why_pod_refuses(pod, port),
        Destination::Service(name, service) => why_service_refuses(world, name, service, port),
    }
}

fn why_pod_refuses(pod: &Pod, port: u16) -> String {
    let name = pod.identity.pod_label();
    if !is_running(pod) {
        return format!("no container of {name} is running");
    }
    let ports: Vec<String> = ports_of(pod).map(|port| port.to_string()).collect();
    if !ports.is_empty() && !ports.contains(&port.to_string()) {
        return format!(
            "{name} runs but its containers name port {}, not {port}",
            ports.join(", ")
        );
    }
    format!("{name} runs but nothing in it listens on port {port}")
}

fn why_service_refuses(world: &World, name: &ObjectRef, service: &ServiceState, port: u16) -> String {
    why_leads_nowhere(world, name, service, port).unwrap_or_else(|| {
        let ready: Vec<&Endpoint> = ready(world, name).collect();
        service
            .port(port)
            .map_or_else(String::new, |port| why_ready_ones_refuse(world, name, port, &ready))
    })
}

/// Why a port of a Service leads to no pod, when it does not: there is no such port, or nothing behind it is ready.
pub(crate) fn why_leads_nowhere(world: &World, name: &ObjectRef, service: &ServiceState, port: u16) -> Option<String> {
    if service.port(port).is_none() {
        let ports: Vec<String> = service.ports.iter().map(|port| port.port.to_string()).collect();
        return Some(format!("{name} has no port {port}; its ports are {}", ports.join(", ")));
    }
    if ready(world, name).next().is_some() {
        return None;
    }
    let endpoints: Vec<&Endpoint> = world.endpoints_of(name).flat_map(|slice| &slice.endpoints).collect();
    Some(why_nothing_is_ready(world, name, service, &endpoints))
}

/// The endpoints of a Service that take traffic.
pub(crate) fn ready<'a>(world: &'a World, name: &ObjectRef) -> impl Iterator<Item = &'a Endpoint> {
    world
        .endpoints_of(name)
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| endpoint.ready)
}

/// A workload of the Service's name that wants no pod. Which pods a workload would make is not kept, so the name is all
/// there is to go by.
fn scaled_to_zero(world: &World, service: &ObjectRef) -> String {
    let namesake = ["Deployment", "StatefulSet"].into_iter().find_map(|kind| {
        let name = ObjectRef {
            kind: kind.into(),
            ..service.clone()
        };
        match world.object(&name)? {
            ObjectState::Workload(workload) if workload.wanted == Some(0) => Some(name),
            _ => None,
        }
    });
    namesake
        .map(|name| format!("; {name} is scaled to 0"))
        .unwrap_or_default()
}

/// Why a Service has no ready endpoint.
pub(crate) fn why_nothing_is_ready(
    world: &World,
    name: &ObjectRef,
    service: &ServiceState,
    endpoints: &[&Endpoint],
) -> String {
    if service.selector.is_empty() && endpoints.is_empty() {
        return format!("{name} has no selector and nobody gave it endpoints");
    }
    let selected: Vec<&Pod> = selected(world, name, service).collect();
    if !service.selector.is_empty() && selected.is_empty() {
        return format!(
            "the selector of {name} ({}) matches no pod{}",
            selector(service),
            scaled_to_zero(world, name)
        );
    }
    let pods: Vec<String> = selected.iter().take(NAMED).map(|pod| standing(pod)).collect();
    let more = if selected.len() > NAMED { ", and others" } else { "" };
    format!(
        "{name} has no ready endpoint: {} behind it, none ready ({}{more})",
        count(selected.len().max(endpoints.len()), "pod"),
        pods.join("; ")
    )
}

fn why_ready_ones_refuse(world: &World, name: &ObjectRef, port: &ServicePort, ready: &[&Endpoint]) -> String {
    let pods: Vec<&Pod> = ready
        .iter()
        .filter_map(|endpoint| world.pod(endpoint.pod.as_deref()?))
        .collect();
    let Some(target) = target(world, name, port) else {
        return format!(
            "{name} sends port {} to the target port {}, which no container of its pods names",
            port.port, port.target
        );
    };
    if let Some(pod) = pods
        .iter()
        .find(|pod| ports_of(pod).next().is_some() && !ports_of(pod).any(|one| one == target))
    {
        let named: Vec<String> = ports_of(pod).map(|port| port.to_string()).collect();
        return format!(
            "{name} sends port {} to port {target}, but the containers of {} name port {}",
            port.port,
            pod.identity.pod_label(),
            named.join(", ")
        );
    }
    let behind: Vec<String> = pods.iter().take(NAMED).map(|pod| pod.identity.pod_label()).collect();
    format!(
        "{name} has {} that {} ready, and nothing listens on port {target} there ({})",
        count(ready.len(), "endpoint"),
        if ready.len() == 1 { "is" } else { "are" },
        behind.join(", ")
    )
}

/// The port of the pods that a Service port leads to, as its slices say.
pub(crate) fn target(world: &World, name: &ObjectRef, port: &ServicePort) -> Option<u16> {
    let ports = world.endpoints_of(name).flat_map(|slice| &slice.ports);
    let told = ports
        .filter(|(name, _)| *name == port.name)
        .map(|(_, number)| *number)
        .next();
    told.or(match port.target {
        TargetPort::Number(number) => Some(number),
        TargetPort::Name(_) => None,
    })
}

/// The pods that a Service selects.
pub(crate) fn selected<'a>(
    world: &'a World,
    name: &'a ObjectRef,
    service: &'a ServiceState,
) -> impl Iterator<Item = &'a Pod> {
    selected_ever(world, name, service).filter(|pod| pod.exists())
}

/// The pods that a Service selects, and those that it did before they went.
pub(crate) fn selected_ever<'a>(
    world: &'a World,
    name: &'a ObjectRef,
    service: &'a ServiceState,
) -> impl Iterator<Item = &'a Pod> {
    world.pods().filter(|pod| {
        let has = |(key, value): (&Arc<str>, &Arc<str>)| pod.state.labels.get(key) == Some(value);
        pod.identity.namespace.as_ref() == Some(&name.namespace) && service.selector.iter().all(has)
    })
}

fn selector(service: &ServiceState) -> String {
    let pairs: Vec<String> = service
        .selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

fn is_running(pod: &Pod) -> bool {
    pod.state
        .containers
        .iter()
        .any(|container| matches!(container.status, ContainerStatus::Running { .. }))
}

fn ports_of(pod: &Pod) -> impl Iterator<Item = u16> {
    pod.state
        .containers
        .iter()
        .flat_map(|container| &container.ports)
        .copied()
}

/// `shop/cart-1: app is running, not ready`.
pub(crate) fn standing(pod: &Pod) -> String {
    let containers = pod.state.containers.iter().map(|container| {
        let status = match &container.status {
            ContainerStatus::Running { .. } if container.ready => "running and ready".to_owned(),
            ContainerStatus::Running { .. } => "running, not ready".to_owned(),
            ContainerStatus::Waiting { reason, .. } => format!("waiting ({reason})"),
            ContainerStatus::Terminated(end) => format!("ended with {}", end.exit_code),
            ContainerStatus::Unknown => "without status".to_owned(),
        };
        format!("{} is {status}", container.name)
    });
    format!(
        "{}: {}",
        pod.identity.pod_label(),
        containers.collect::<Vec<_>>().join(", ")
    )
}
