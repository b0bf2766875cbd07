//! One look at what fills up, without watching: what of it can be read on this machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use correlator::{Body, Signal, Subject, Timestamp, signals};
use pidmap::PidMap;

use super::{Eviction, NodeSniffer, Said, Slow};

/// What one reading gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examined {
    /// Tracked connections and how many there may be; `None` where the kernel tracks none, or does not tell.
    pub conntrack: Option<(f64, f64)>,
    /// Bytes available and in all of the file system of the kubelet; `None` where there is no kubelet.
    pub disk: Option<(f64, f64)>,
    /// When the kubelet evicts, as is assumed.
    pub eviction: Eviction,
    /// Volumes of pods whose space is read.
    pub volumes: usize,
    /// The node has mounts of pods, and none of them is in sight.
    pub out_of_sight: bool,
    /// Containers whose open files are counted.
    pub containers: usize,
    /// Processes of containers whose open files may not be counted.
    pub refused: usize,
}

/// Reads once what the sniffer of the node reads less often, of a kubelet with this folder and these thresholds.
#[must_use]
pub fn examine(pods: &PidMap, kubelet: PathBuf, eviction: Eviction) -> Examined {
    let sniffer = NodeSniffer::new("").of_kubelet(kubelet, eviction);
    let mut said = Said::new(Timestamp::default());
    let seen = Slow::default().read(&sniffer.subject(), &sniffer.places, eviction, pods, &mut said);
    let gauge = |wanted: &Signal| {
        said.events.iter().find_map(|event| match event.body {
            Body::Gauge(value) if event.signal == *wanted => Some(value),
            _ => None,
        })
    };
    let pair = |first: &Signal, second: &Signal| gauge(first).zip(gauge(second));
    let counted = said.events.iter().filter(|event| event.signal == signals::FILES_OPEN);
    let containers: BTreeSet<&str> = counted
        .filter_map(|event| match &event.subject {
            Subject::Container(id) => id.container_id.as_deref(),
            _ => None,
        })
        .collect();
    let name = signals::VOLUME_SIZE_BYTES.to_string();
    let is_volume = |signal: &Signal| {
        signal
            .to_string()
            .strip_prefix(&name)
            .is_some_and(|rest| rest.starts_with(':'))
    };
    Examined {
        conntrack: pair(&signals::NODE_CONNTRACK_ENTRIES, &signals::NODE_CONNTRACK_MAX),
        disk: pair(&signals::NODE_DISK_AVAILABLE_BYTES, &signals::NODE_DISK_SIZE_BYTES),
        eviction,
        volumes: said.events.iter().filter(|event| is_volume(&event.signal)).count(),
        out_of_sight: seen.out_of_sight,
        containers: containers.len(),
        refused: seen.refused,
    }
}

#[cfg(test)]
mod tests {
    use pidmap::Roots;

    use super::*;

    #[test]
    fn one_look_needs_no_kubelet_and_no_container() {
        let roots = Roots {
            proc: "/nonexistent".into(),
            cgroup: "/nonexistent".into(),
        };
        let eviction = Eviction {
            memory: 4096,
            ..Eviction::default()
        };
        let examined = examine(&PidMap::new(roots, 1 << 20), "/nonexistent".into(), eviction);
        assert_eq!((examined.containers, examined.eviction), (0, eviction));
        assert!(
            examined
                .conntrack
                .is_none_or(|(entries, most)| entries >= 0.0 && most > 0.0)
        );
        assert_eq!(examined.disk, None);
    }
}
