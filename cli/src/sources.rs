//! Which sniffers a live run starts.

use std::sync::Arc;

use pidmap::{PidMap, Roots};
use sniffers::Sniffer;
use sniffers::cgroup::CgroupSniffer;
use sniffers::ebpf::{EbpfSniffer, SAMPLE_HZ};
use sniffers::k8s::{Config, KubeSniffer};

use crate::args::Sniff;

/// What the pid map may keep, bytes.
const PIDMAP_CAPACITY: u64 = 64 * 1024 * 1024;

/// The map from kernel ids to pods.
pub(crate) fn pid_map() -> Arc<PidMap> {
    let roots = Roots {
        proc: "/proc".into(),
        cgroup: "/sys/fs/cgroup".into(),
    };
    Arc::new(PidMap::new(roots, PIDMAP_CAPACITY))
}

/// The sniffers that the user asked for.
pub(crate) fn of(sniff: &Sniff) -> Vec<Box<dyn Sniffer>> {
    let mut sniffers: Vec<Box<dyn Sniffer>> = Vec::new();
    if !sniff.k8s_only {
        sniffers.push(Box::new(EbpfSniffer::new(SAMPLE_HZ)));
        sniffers.push(Box::new(CgroupSniffer::default()));
    }
    if !sniff.ebpf_only {
        sniffers.push(Box::new(KubeSniffer::new(Config {
            kubeconfig: sniff.kubeconfig.clone(),
            context: sniff.context.clone(),
            namespace: sniff.namespace.clone(),
            node: sniff.node.clone().filter(|name| !name.is_empty()),
        })));
    }
    sniffers
}
