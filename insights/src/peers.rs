//! The other side of a connection: whose address it is, and how to look at it.

use correlator::{Peer, Remedy, Timestamp, World};

use crate::destination::{self, Destination, behind};
use crate::kubectl::{Kubectl, on_object, on_pod};

/// `namespace/pod (address:port)` or `service namespace/name (address:port)`, else `address:port`.
pub(crate) fn name(world: &World, peer: &Peer, at: Timestamp) -> String {
    match behind(world, peer.address, at) {
        Destination::Pod(pod) => format!("{} ({peer})", pod.identity.pod_label()),
        Destination::Service(name, _) => format!("{name} ({peer})"),
        Destination::Itself | Destination::Unknown => peer.to_string(),
    }
}

/// How the pods behind the peer stand, a line each.
pub(crate) fn standing(world: &World, peer: &Peer, at: Timestamp) -> Vec<String> {
    match behind(world, peer.address, at) {
        Destination::Pod(pod) => vec![format!("pod {}", destination::standing(pod))],
        Destination::Service(name, _) => {
            let endpoints = world.endpoints_of(name).flat_map(|slice| &slice.endpoints);
            let pods = endpoints.filter_map(|endpoint| world.pod(endpoint.pod.as_deref()?));
            pods.take(destination::NAMED)
                .map(|pod| format!("pod {}", destination::standing(pod)))
                .collect()
        }
        Destination::Itself | Destination::Unknown => Vec::new(),
    }
}

/// Why a refusal makes one look at the peer.
pub(crate) const REFUSAL: &str = "a refusal comes from a machine that is there; the process that should listen is not";

/// Read-only: what stands behind the peer, and why that is worth a look. `None` for the container's own loopback addresses.
pub(crate) fn look(world: &World, peer: &Peer, at: Timestamp, why: &str) -> Option<Remedy> {
    let commands: Vec<Kubectl> = match behind(world, peer.address, at) {
        Destination::Pod(pod) => {
            let logs =
                on_pod(&["logs"], &pod.identity).map(|command| command.flag("--all-containers").flag("--tail=50"));
            [on_pod(&["describe", "pod"], &pod.identity), logs]
                .into_iter()
                .flatten()
                .collect()
        }
        Destination::Service(name, _) => {
            let slices = format!("--selector=kubernetes.io/service-name={}", name.name);
            let slices = Kubectl::new(&["get", "endpointslices"])
                .namespace(&name.namespace)
                .map(|get| get.arg(slices));
            [on_object(&["describe"], name), slices].into_iter().flatten().collect()
        }
        Destination::Itself => return None,
        Destination::Unknown => {
            let by_address = format!("--field-selector=status.podIP={}", peer.address);
            vec![Kubectl::new(&["get", "pods", "--all-namespaces", "--output=wide"]).arg(by_address)]
        }
    };
    Some(Remedy::look(
        format!("Look at what stands behind {peer}"),
        why.to_owned(),
        commands.iter().map(Kubectl::to_string).collect(),
        "the container that should answer is running, ready and names that port".to_owned(),
    ))
}
