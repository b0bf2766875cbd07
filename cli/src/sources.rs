//! Which sniffers a live run starts.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use caps::Capability;
use pidmap::{PidMap, Roots, WatchError, Watching};
use probes::Probe;
use sniffers::Sniffer;
use sniffers::cgroup::CgroupSniffer;
use sniffers::ebpf::EbpfSniffer;
use sniffers::k8s::{self, KubeSniffer};
use sniffers::node::NodeSniffer;
use sniffers::recording::host_facts;

use crate::args::Sniff;
use crate::config::Config;
use crate::{heap, privileges, profile};

/// Where the cgroup tree is.
const CGROUP: &str = "/sys/fs/cgroup";
/// What the pid map may keep, bytes.
const PIDMAP_CAPACITY: u64 = 64 * 1024 * 1024;

/// The map from kernel ids to pods. Without a kernel to ask it for, it keeps nothing: the names of a large cluster are many.
pub(crate) fn pid_map(k8s_only: bool) -> Arc<PidMap> {
    let roots = Roots {
        proc: "/proc".into(),
        cgroup: CGROUP.into(),
    };
    Arc::new(PidMap::new(roots, if k8s_only { 0 } else { PIDMAP_CAPACITY }))
}

/// Keeps the map up to date while the guard lives. Without, it finds everything too, only later.
pub(crate) fn keep_up_to_date(pods: &Arc<PidMap>) -> Option<Watching> {
    let because = |error: WatchError| {
        let cause = error.source().map(ToString::to_string);
        tracing::warn!(%error, cause, "New containers are found by walking the cgroup tree.");
    };
    pods.watch().map_err(because).ok()
}

/// The sniffers that the user asked for. Loads the probes and then gives up the capabilities that this took, so no other
/// thread may have been started.
pub(crate) fn of(sniff: &Sniff, config: &Config) -> Result<Vec<Box<dyn Sniffer>>> {
    let mut sniffers: Vec<Box<dyn Sniffer>> = Vec::new();
    let intervals = &config.intervals;
    let probes = profile::chosen(sniff.profile, &sniff.probe, &sniff.no_probe)?;
    let mut ebpf = (!sniff.k8s_only).then(|| ebpf(sniff, probes, intervals.memory_sample.0));
    give_up_privileges(sniff, ebpf.as_mut());
    // The kernel's types took megabytes, and are gone.
    heap::trim();
    if let Some(ebpf) = ebpf {
        sniffers.push(Box::new(ebpf));
        sniffers.push(Box::new(CgroupSniffer::new(CGROUP.into(), intervals.cgroup.0)));
        sniffers.push(Box::new(
            NodeSniffer::new(&node(sniff.node.as_deref()))
                .of_kubelet(config.node.kubelet_root.clone(), config.eviction())
                .every(intervals.node.0, intervals.disk.0),
        ));
    }
    if !sniff.ebpf_only {
        sniffers.push(Box::new(KubeSniffer::new(k8s::Config {
            kubeconfig: sniff.kubeconfig.clone(),
            context: sniff.context.clone(),
            namespace: sniff.namespace.clone(),
            node: sniff.node.clone().filter(|name| !name.is_empty()),
            elect: sniff.leader_elect.clone(),
        })));
    }
    Ok(sniffers)
}

/// The name of this machine's node: the one given, or the host's in lower case, as the kubelet makes it.
fn node(given: Option<&str>) -> String {
    let given = given.filter(|name| !name.is_empty());
    given.map_or_else(|| host_facts(Path::new("/")).node.to_lowercase(), ToOwned::to_owned)
}

fn ebpf(sniff: &Sniff, probes: Vec<&'static Probe>, sample_every: Duration) -> EbpfSniffer {
    let sniffer = EbpfSniffer::new(sample_every).with_probes(probes);
    let mut sniffer = match sniff.ring_size {
        Some(bytes) => sniffer.with_ring_len(bytes),
        None => sniffer,
    };
    sniffer.load_now();
    sniffer
}

fn give_up_privileges(sniff: &Sniff, ebpf: Option<&mut EbpfSniffer>) {
    let always: &[Capability] = if sniff.ebpf_only {
        &[]
    } else {
        &[Capability::CAP_DAC_READ_SEARCH]
    };
    match ebpf {
        Some(ebpf) => privileges::give_up(always, || ebpf.can_read()),
        None => privileges::give_up(always, || true),
    }
}
