//! Who uses the memory of a node, and how much of it beyond what was requested: the order in which the kubelet evicts and, by
//! way of `oom_score_adj`, much like that in which the kernel kills.

use std::sync::Arc;

use correlator::{Pod, PodIdentity, Window};

use crate::nodes;
use crate::phrase::bytes;

/// The memory of one pod, bytes.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) identity: Arc<PodIdentity>,
    /// What its containers are charged.
    pub(crate) used: f64,
    /// Sum of its containers' requests.
    pub(crate) requested: f64,
    qos: Arc<str>,
}

impl Consumer {
    /// Bytes over what was requested; below zero when it keeps to it.
    pub(crate) fn over(&self) -> f64 {
        self.used - self.requested
    }

    /// `shop/big-1 uses 3.1 GiB, 2.1 GiB more than the 1 GiB it requests`.
    pub(crate) fn says(&self) -> String {
        let name = self.identity.pod_label();
        let class = if self.qos.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.qos)
        };
        if self.requested <= 0.0 {
            return format!("{name}{class} uses {} and requests no memory", bytes(self.used));
        }
        let (used, requested) = (bytes(self.used), bytes(self.requested));
        if self.over() <= 0.0 {
            return format!("{name}{class} uses {used} of the {requested} it requests");
        }
        format!(
            "{name}{class} uses {used}, {} more than the {requested} it requests",
            bytes(self.over())
        )
    }
}

/// The pods of a node whose memory is measured, those that use most over their request first.
pub(crate) fn on_node(window: &Window<'_>, node: &str) -> Vec<Consumer> {
    let here = nodes::pods_on(window.world(), node);
    let mut all: Vec<Consumer> = here.filter_map(|pod| consumer(window, pod)).collect();
    all.sort_by(|a, b| b.over().total_cmp(&a.over()));
    all
}

fn consumer(window: &Window<'_>, pod: &Pod) -> Option<Consumer> {
    let (used, requested) = nodes::memory_of(window, pod)?;
    Some(Consumer {
        identity: pod.identity.clone(),
        used,
        requested: requested as f64,
        qos: pod.state.qos.clone(),
    })
}
