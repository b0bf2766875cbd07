//! Watches what fills up besides memory and processes of containers: the node's memory, disk and connection tracking,
//! volumes of pods, and open files. Everything is said with the limit that it fills up to.

mod conntrack;
mod descriptors;
mod disk;
mod eviction;
mod examine;
mod gaps;
mod volumes;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use correlator::{Body, Event, Signal, Subject, Timestamp, signals};
use pidmap::PidMap;
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::meminfo::MemInfo;
use crate::sniffer::{Context, SniffError, Sniffer};
use descriptors::Descriptors;
use gaps::Gaps;

pub use eviction::Eviction;
pub use examine::{Examined, examine};

/// The node's memory is read so often unless said otherwise.
pub const MEMORY_EVERY: Duration = Duration::from_secs(1);
/// So is everything else.
pub const REST_EVERY: Duration = Duration::from_secs(10);

/// Where things are on the machine.
#[derive(Debug, Clone)]
struct Places {
    proc: PathBuf,
    cgroup: PathBuf,
    kubelet: PathBuf,
}

/// Reads the node's memory at an interval, and at a longer one its disk, its connection tracking, the volumes of pods and the
/// open files of containers' processes.
///
/// A reading of the memory takes one small file; one of the rest takes the mount table, one `statfs` a volume, and three small reads for each
/// process of a container (64 a container and 4096 in all at most).
#[derive(Debug)]
pub struct NodeSniffer {
    node: Arc<str>,
    places: Places,
    eviction: Eviction,
    interval: Duration,
    rest: Duration,
}

impl NodeSniffer {
    /// A sniffer of the node with this name, whose kubelet evicts at its own defaults and keeps its files in
    /// `/var/lib/kubelet`.
    #[must_use]
    pub fn new(node: &str) -> Self {
        Self {
            node: node.into(),
            places: Places {
                proc: "/proc".into(),
                cgroup: "/sys/fs/cgroup".into(),
                kubelet: "/var/lib/kubelet".into(),
            },
            eviction: Eviction::default(),
            interval: MEMORY_EVERY,
            rest: REST_EVERY,
        }
    }

    /// The same for a kubelet that keeps its files elsewhere (`--root-dir`) and evicts at these thresholds (`evictionHard`).
    #[must_use]
    pub fn of_kubelet(mut self, root: PathBuf, eviction: Eviction) -> Self {
        self.places.kubelet = root;
        self.eviction = eviction;
        self
    }

    /// Reads the node's memory so often, and the rest with the reading that is nearest to every `rest`.
    #[must_use]
    pub fn every(mut self, memory: Duration, rest: Duration) -> Self {
        (self.interval, self.rest) = (memory.max(Duration::from_millis(1)), rest);
        self
    }
}

/// How many readings of the memory there are to one of the rest.
fn rounds(memory: Duration, rest: Duration) -> u64 {
    let memory = memory.as_nanos().max(1);
    u64::try_from((rest.as_nanos() + memory / 2) / memory)
        .unwrap_or(u64::MAX)
        .max(1)
}

#[async_trait]
impl Sniffer for NodeSniffer {
    fn name(&self) -> &'static str {
        "node"
    }

    fn watches(&self) -> Cow<'static, str> {
        "memory, disk and connection tracking of the node, volumes, and open files of containers".into()
    }

    async fn run(&mut self, cx: &Context) -> Result<(), SniffError> {
        if MemInfo::read(&self.places.proc).is_none() {
            return Err(no_memory(&self.places.proc));
        }
        cx.events.sighted(clock::now(), self.name());
        let (mut slow, mut gaps) = (Slow::default(), Gaps::default());
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let slow_rounds = rounds(self.interval, self.rest);
        for round in 0_u64.. {
            tokio::select! {
                () = cx.stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let mut said = Said::new(clock::now());
            if let Some(info) = MemInfo::read(&self.places.proc) {
                memory(&info, self.eviction, &self.subject(), &mut said);
            }
            if round.is_multiple_of(slow_rounds) {
                let (node, places, eviction) = (self.subject(), self.places.clone(), self.eviction);
                let pods = Arc::clone(&cx.pods);
                let read = spawn_blocking(move || {
                    let seen = slow.read(&node, &places, eviction, &pods, &mut said);
                    (slow, said, seen)
                });
                let seen;
                (slow, said, seen) = read.await.map_err(|error| stopped(&error))?;
                gaps.tell(cx, seen);
            }
            said.events.into_iter().for_each(|event| cx.events.send(event));
        }
        Ok(())
    }
}

impl NodeSniffer {
    fn subject(&self) -> Subject {
        Subject::Node(Arc::clone(&self.node))
    }
}

/// The events of one round.
#[derive(Debug)]
struct Said {
    at: Timestamp,
    events: Vec<Event>,
}

impl Said {
    fn new(at: Timestamp) -> Self {
        let events = Vec::new();
        Self { at, events }
    }

    fn gauge(&mut self, subject: &Subject, signal: Signal, value: u64) {
        self.events.push(Event {
            at: self.at,
            subject: subject.clone(),
            signal,
            body: Body::Gauge(value as f64),
        });
    }
}

/// What is read less often, and what of it has to be remembered.
#[derive(Debug, Default)]
struct Slow {
    descriptors: Descriptors,
}

impl Slow {
    fn read(&mut self, node: &Subject, places: &Places, eviction: Eviction, pods: &PidMap, said: &mut Said) -> Seen {
        let containers = pods.containers();
        let mut seen = Seen::default();
        conntrack::read(&places.proc, node, said);
        disk::read(&places.kubelet, node, eviction, said);
        volumes::read(places, pods, said, &mut seen);
        self.descriptors.read(places, &containers, said, &mut seen);
        seen
    }
}

/// What of a round could not be read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The node has mounts of pods, and none of them is in sight.
    out_of_sight: bool,
    /// Volumes on file systems of servers.
    remote: usize,
    /// Volumes beyond the bounds.
    too_many_volumes: usize,
    /// Processes whose open files may not be counted.
    refused: usize,
    /// Processes beyond the bounds.
    too_many_processes: usize,
}

/// The kubelet's threshold and what is in use come before what is available, so that all is known with it.
fn memory(info: &MemInfo, eviction: Eviction, node: &Subject, said: &mut Said) {
    let working_set = info.total.saturating_sub(info.free.saturating_add(info.inactive_file));
    said.gauge(node, signals::NODE_MEMORY_TOTAL, info.total);
    said.gauge(node, signals::NODE_MEMORY_EVICTION, eviction.memory);
    said.gauge(node, signals::NODE_MEMORY_WORKING_SET, working_set);
    said.gauge(node, signals::NODE_MEMORY_AVAILABLE, info.available);
}

fn no_memory(proc: &Path) -> SniffError {
    SniffError::Unavailable {
        why: format!("{}/meminfo cannot be read, or lacks MemAvailable", proc.display()),
        fix: "mount /proc, on Linux 3.14 or later".to_owned(),
    }
}

fn stopped(error: &tokio::task::JoinError) -> SniffError {
    SniffError::Failed {
        why: format!("reading what fills up stopped: {error}"),
        fix: "report this as a bug of tapio, with the log".to_owned(),
    }
}

#[cfg(test)]
mod live;

#[cfg(test)]
mod tests {
    use pidmap::Roots;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::sniffer::EventSender;

    fn context(capacity: usize) -> (Context, tokio::sync::mpsc::Receiver<Event>) {
        let (events, receiver) = EventSender::bounded(capacity);
        let roots = Roots {
            proc: "/nonexistent".into(),
            cgroup: "/nonexistent".into(),
        };
        let pods = Arc::new(PidMap::new(roots, 1 << 20));
        let stop = CancellationToken::new();
        (Context { events, pods, stop }, receiver)
    }

    #[tokio::test]
    async fn a_machine_without_proc_is_unavailable() {
        let (cx, _receiver) = context(10);
        let mut sniffer = NodeSniffer::new("node-a");
        sniffer.places.proc = "/nonexistent".into();
        assert!(matches!(sniffer.run(&cx).await, Err(SniffError::Unavailable { .. })));
    }

    #[test]
    fn the_rest_is_read_with_every_so_many_readings_of_the_memory() {
        let millis = Duration::from_millis;
        assert_eq!(rounds(MEMORY_EVERY, REST_EVERY), 10);
        assert_eq!(rounds(millis(100), millis(1_000)), 10);
        assert_eq!(rounds(millis(3_000), millis(10_000)), 3);
        assert_eq!(rounds(millis(10_000), millis(1_000)), 1);
    }

    /// What a sniffer says of the node's memory.
    async fn memory_by(mut sniffer: NodeSniffer) -> std::collections::BTreeMap<Signal, f64> {
        let (cx, mut receiver) = context(1000);
        sniffer.interval = Duration::from_millis(5);
        sniffer.places.cgroup = "/nonexistent".into();
        let stop = cx.stop.clone();
        let running = tokio::spawn(async move { sniffer.run(&cx).await });
        let mut values = std::collections::BTreeMap::new();
        while !values.contains_key(&signals::NODE_MEMORY_AVAILABLE) {
            let event = receiver.recv().await.unwrap();
            if let (Subject::Node(name), Body::Gauge(value)) = (&event.subject, event.body) {
                assert_eq!(&**name, "node-a");
                values.insert(event.signal, value);
            }
        }
        stop.cancel();
        running.await.unwrap().unwrap();
        values
    }

    #[tokio::test]
    async fn the_memory_of_this_machine_is_said_with_the_kubelets_threshold() {
        let values = memory_by(NodeSniffer::new("node-a")).await;
        let total = values[&signals::NODE_MEMORY_TOTAL];
        assert!(
            values[&signals::NODE_MEMORY_AVAILABLE] < total && total > 1e8,
            "{values:?}"
        );
        assert!(values[&signals::NODE_MEMORY_WORKING_SET] < total, "{values:?}");
        assert_eq!(
            values[&signals::NODE_MEMORY_EVICTION].to_bits(),
            104_857_600_f64.to_bits()
        );
    }

    #[tokio::test]
    async fn a_kubelet_with_other_thresholds_and_another_place_is_watched_by_these() {
        let eviction = Eviction {
            memory: 4096,
            ..Eviction::default()
        };
        let sniffer = NodeSniffer::new("node-a").of_kubelet("/elsewhere".into(), eviction);
        assert_eq!(sniffer.places.kubelet, Path::new("/elsewhere"));
        let values = memory_by(sniffer).await;
        assert_eq!(values[&signals::NODE_MEMORY_EVICTION].to_bits(), 4096_f64.to_bits());
    }
}
