//! The other side of a connection: whose address it is, and how to look at it.

use correlator::{Peer, Remedy, Risk, World};

use crate::kubectl::{Kubectl, on_pod};

/// `namespace/pod (address:port)` when the address is a pod's, else `address:port`.
pub(crate) fn name(world: &World, peer: &Peer) -> String {
    world.pod_at(peer.address).map_or_else(
        || peer.to_string(),
        |pod| format!("{} ({peer})", pod.identity.pod_label()),
    )
}

/// Read-only: what stands behind the peer. `None` for the container's own loopback addresses.
pub(crate) fn look(world: &World, peer: &Peer) -> Option<Remedy> {
    let commands: Vec<Kubectl> = match world.pod_at(peer.address).map(|pod| &pod.identity) {
        Some(pod) => {
            let logs = on_pod(&["logs"], pod).map(|command| command.flag("--all-containers").flag("--tail=50"));
            [on_pod(&["describe", "pod"], pod), logs]
                .into_iter()
                .flatten()
                .collect()
        }
        None if peer.address.is_loopback() => return None,
        None => {
            let by_address = format!("--field-selector=status.podIP={}", peer.address);
            vec![Kubectl::new(&["get", "pods", "--all-namespaces", "--output=wide"]).arg(by_address)]
        }
    };
    Some(Remedy {
        title: format!("Look at what stands behind {peer}"),
        why: "a refusal comes from a machine that is there; the process that should listen is not".to_owned(),
        risk: Risk::None,
        impact: "none, read-only".to_owned(),
        needs: None,
        commands: commands.iter().map(Kubectl::to_string).collect(),
        undo: None,
        verify: "the container that should listen is running, ready and names that port".to_owned(),
    })
}
