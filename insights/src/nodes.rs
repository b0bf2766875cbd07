//! Nodes: their pods, what those use and ask for, and how to look at them.

use correlator::{ContainerRole, Pod, Remedy, Scope, Window, World, signals};

use crate::kubectl::{Kubectl, Target, describe};

/// The pods that are on a node and have not ended.
pub(crate) fn pods_on<'a>(world: &'a World, node: &'a str) -> impl Iterator<Item = &'a Pod> {
    world.pods().filter(move |pod| {
        let is_over = matches!(&*pod.state.phase, "Succeeded" | "Failed");
        pod.exists() && !is_over && pod.identity.node.as_deref() == Some(node)
    })
}

/// Read-only: what the node says of itself, and what is on it.
pub(crate) fn look_at(node: &str, why: &str) -> Option<Remedy> {
    let target = Target::node(node)?;
    let pods = Kubectl::new(&["get", "pods", "--all-namespaces", "--output=wide"])
        .arg(format!("--field-selector=spec.nodeName={node}"));
    Some(Remedy::look(
        format!("Look at node {node}"),
        why.to_owned(),
        vec![describe(&target).to_string(), pods.to_string()],
        "its conditions are as they should be: Ready is True, every pressure is False".to_owned(),
    ))
}

/// What a pod's containers use of memory now, and what it asks for: bytes. `None` while nobody measures it.
pub(crate) fn memory_of(window: &Window<'_>, pod: &Pod) -> Option<(f64, u64)> {
    let view = window.of(&Scope::Pod(pod.identity.uid.clone()))?;
    let used = view.containers().iter().filter_map(|container| {
        let series = container.series(&signals::MEMORY_USAGE)?;
        series.last().map(|bucket| bucket.last)
    });
    let used: Vec<f64> = used.collect();
    if used.is_empty() {
        return None;
    }
    let asked = pod
        .state
        .containers
        .iter()
        .filter(|container| container.role != ContainerRole::Init);
    Some((
        used.iter().sum(),
        asked.filter_map(|container| container.memory_request).sum(),
    ))
}
