//! What sniffers say: an event is a time, a subject, a signal and a body of one of five shapes.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fact::Fact;
use crate::identity::Subject;
use crate::time::Timestamp;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened (not when it was read).
    pub at: Timestamp,
    /// Who it is about.
    pub subject: Subject,
    /// What was measured.
    pub signal: Signal,
    /// The measurement.
    pub body: Body,
}

/// The dotted name of a measurement, such as `tcp.connect`. Open: a probe may bring its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signal(Cow<'static, str>);

impl Signal {
    /// A signal known when tapio was built.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A signal whose name is made while tapio runs, such as one with labels: `syscall.calls:openat`.
    pub fn named(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// This signal with the value of a label: `volume.used_bytes:data`.
    #[must_use]
    pub fn labelled(&self, value: &str) -> Self {
        Self::named(format!("{}:{value}", self.0))
    }

    /// The dotted name, and after colons the values of its labels.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The shape of a measurement. Few shapes, many signals: what exports, records or draws them is written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// A value that stands at this moment, in the signal's base unit (bytes, seconds, a ratio).
    Gauge(f64),
    /// How much a counter rose since the last event of this signal and subject.
    Count(u64),
    /// A distribution counted in the kernel since the last event.
    Histogram(Histogram),
    /// Something that took time and ended somehow.
    Span {
        /// How long it took.
        took: Duration,
        /// How it ended.
        outcome: Outcome,
        /// The other side, when there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<Peer>,
    },
    /// What Kubernetes or the kernel says happened.
    Fact(Fact),
}

/// Log2 buckets: `counts[i]` values were in `[2^i, 2^(i+1))` nanoseconds; at most 64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Values a bucket.
    pub counts: Vec<u64>,
    /// Sum of the values, nanoseconds.
    pub sum_ns: u64,
}

/// How a connect or a query ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// The other side answered that nobody listens there (RST to a SYN, ECONNREFUSED).
    Refused,
    /// No answer in time (ETIMEDOUT).
    TimedOut,
    /// A router or the host said there is no way (EHOSTUNREACH, ENETUNREACH).
    Unreachable,
    /// The other side broke it off (ECONNRESET).
    Reset,
    /// Our side gave up before the end (closed while connecting).
    Aborted,
    /// Another errno, as the kernel numbers it.
    Errno(u16),
    /// The DNS server said that there is no such name (NXDOMAIN).
    NameMissing,
    /// The DNS server could not answer (SERVFAIL and other failures of its own).
    ServerFailed,
    /// The DNS server would not answer (REFUSED, NOTAUTH).
    Denied,
}

impl Outcome {
    /// The outcome of a connect that ended with this errno; zero means our side closed it.
    pub const fn of_connect_errno(errno: u16) -> Self {
        match errno {
            0 => Self::Aborted,
            111 => Self::Refused,
            110 => Self::TimedOut,
            113 | 101 => Self::Unreachable,
            104 => Self::Reset,
            other => Self::Errno(other),
        }
    }

    /// Whether the other side did what it was asked, so that the time it took is that of an answer; a DNS server that says
    /// that there is no such name has answered.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Ok | Self::NameMissing)
    }

    /// The label value of this outcome.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Aborted => "aborted",
            Self::Errno(_) => "error",
            Self::NameMissing => "name-missing",
            Self::ServerFailed => "server-failed",
            Self::Denied => "denied",
        }
    }
}

/// The other side of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Address; IPv4-mapped IPv6 addresses are given as IPv4.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// The signals that detectors and several sources share. A probe that nobody else reads names its own in its folder.
pub mod signals {
    use super::Signal;

    /// Gauge, bytes: what the memory cgroup is charged (`memory.current`, `usage_in_bytes`).
    pub const MEMORY_USAGE: Signal = Signal::new("memory.usage");
    /// Gauge, bytes: what the kubelet and `kubectl top` show: usage less the file pages that were not used of late.
    pub const MEMORY_WORKING_SET: Signal = Signal::new("memory.working_set");
    /// Gauge, bytes: charged memory that reclaim cannot free (usage less file pages and reclaimable slab). The last of the
    /// memory gauges of a reading, so that the others are known when it comes.
    pub const MEMORY_UNRECLAIMABLE: Signal = Signal::new("memory.unreclaimable");
    /// Gauge, bytes: file pages and reclaimable slab.
    pub const MEMORY_CACHE: Signal = Signal::new("memory.cache");
    /// Gauge, bytes: the lowest limit that holds for the cgroup. Not sent when there is none.
    pub const MEMORY_LIMIT: Signal = Signal::new("memory.limit");
    /// Gauge, bytes: the least that is left until a limit is met, that of the cgroup or of one above it, with the swap
    /// that may still be used. Not sent when there is no limit.
    pub const MEMORY_HEADROOM: Signal = Signal::new("memory.headroom");
    /// Gauge, bytes: the part of the cache that was used of late (`active_file`).
    pub const MEMORY_ACTIVE_CACHE: Signal = Signal::new("memory.active_cache");
    /// Count: how often the limit was met and reclaim had to find room (`memory.events` `max`, `memory.failcnt`).
    pub const MEMORY_LIMIT_HITS: Signal = Signal::new("memory.limit_hits");
    /// Count: page faults that had to wait for a device (`memory.stat` `pgmajfault`).
    pub const MEMORY_MAJOR_FAULTS: Signal = Signal::new("memory.major_faults");
    /// Gauge, bytes: resident memory of the subject's processes, sampled in the kernel.
    pub const MEMORY_RSS: Signal = Signal::new("memory.rss");
    /// Count: OOM kills that the cgroup files counted.
    pub const MEMORY_OOM_KILLS: Signal = Signal::new("memory.oom_kills");
    /// Fact `OomKill`: the kernel chose a victim.
    pub const OOM_KILL: Signal = Signal::new("memory.oom_kill");
    /// Count, nanoseconds of CPU time used.
    pub const CPU_USAGE: Signal = Signal::new("cpu.usage");
    /// Count: enforcement periods (`cpu.stat` `nr_periods`), of a container that has a quota.
    pub const CPU_PERIODS: Signal = Signal::new("cpu.periods");
    /// Count: enforcement periods in which the quota ran out.
    pub const CPU_THROTTLED_PERIODS: Signal = Signal::new("cpu.throttled_periods");
    /// Count, nanoseconds spent throttled.
    pub const CPU_THROTTLED: Signal = Signal::new("cpu.throttled");
    /// Gauge: processes and threads. Comes after the two that follow.
    pub const PIDS_CURRENT: Signal = Signal::new("pids.current");
    /// Gauge: the lowest limit on processes and threads that holds; that of a pod counts all its containers.
    pub const PIDS_MAX: Signal = Signal::new("pids.max");
    /// Gauge: how many more there may be until a limit is met, that of the cgroup or of one above it.
    pub const PIDS_HEADROOM: Signal = Signal::new("pids.headroom");
    /// Gauge: open files of the container's process that is nearest to its limit. Comes after the limit.
    pub const FILES_OPEN: Signal = Signal::new("files.open");
    /// Gauge: how many files that process may have open (`RLIMIT_NOFILE`, soft).
    pub const FILES_LIMIT: Signal = Signal::new("files.limit");
    /// Gauge, bytes, labelled with the volume's name: used of a pod's volume that has a file system of its own. Comes after
    /// the size.
    pub const VOLUME_USED_BYTES: Signal = Signal::new("volume.used_bytes");
    /// Gauge, bytes, labelled: what users may fill of it in all.
    pub const VOLUME_SIZE_BYTES: Signal = Signal::new("volume.size_bytes");
    /// Gauge, labelled: files (inodes) in it. Comes after how many there may be.
    pub const VOLUME_USED_INODES: Signal = Signal::new("volume.used_inodes");
    /// Gauge, labelled: how many files it may hold. Not sent for file systems without such a limit.
    pub const VOLUME_SIZE_INODES: Signal = Signal::new("volume.size_inodes");
    /// Gauge, bytes, of a node: what programs may still take without swapping (`MemAvailable`). Comes after its like.
    pub const NODE_MEMORY_AVAILABLE: Signal = Signal::new("node.memory_available");
    /// Gauge, bytes, of a node: memory there is.
    pub const NODE_MEMORY_TOTAL: Signal = Signal::new("node.memory_total");
    /// Gauge, bytes, of a node: the kubelet evicts pods when less is available.
    pub const NODE_MEMORY_EVICTION: Signal = Signal::new("node.memory_eviction");
    /// Gauge, bytes, of a node: in use as the kubelet counts it, so with the file pages that were used of late.
    pub const NODE_MEMORY_WORKING_SET: Signal = Signal::new("node.memory_working_set");
    /// Gauge, bytes, of a node: left to users of the file system that the kubelet keeps its files on.
    pub const NODE_DISK_AVAILABLE_BYTES: Signal = Signal::new("node.disk_available_bytes");
    /// Gauge, bytes, of a node: the size of that file system.
    pub const NODE_DISK_SIZE_BYTES: Signal = Signal::new("node.disk_size_bytes");
    /// Gauge, bytes, of a node: the kubelet evicts pods when less is available.
    pub const NODE_DISK_EVICTION_BYTES: Signal = Signal::new("node.disk_eviction_bytes");
    /// Gauge, of a node: files (inodes) that may still be made on that file system.
    pub const NODE_DISK_AVAILABLE_INODES: Signal = Signal::new("node.disk_available_inodes");
    /// Gauge, of a node: how many files it may hold.
    pub const NODE_DISK_SIZE_INODES: Signal = Signal::new("node.disk_size_inodes");
    /// Gauge, of a node: the kubelet evicts pods when fewer are available.
    pub const NODE_DISK_EVICTION_INODES: Signal = Signal::new("node.disk_eviction_inodes");
    /// Gauge, of a node: connections that the kernel keeps track of in the node's own network namespace.
    pub const NODE_CONNTRACK_ENTRIES: Signal = Signal::new("node.conntrack_entries");
    /// Gauge, of a node: how many it may track; packets of new connections are dropped beyond.
    pub const NODE_CONNTRACK_MAX: Signal = Signal::new("node.conntrack_max");
    /// Span: a TCP connect, `SYN_SENT` to `ESTABLISHED` or to its failure.
    pub const TCP_CONNECT: Signal = Signal::new("tcp.connect");
    /// Count, labelled with a domain: DNS queries that ended, by what they are about. Exported only: no history keeps it, as
    /// there is no end to the domains.
    pub const DNS_QUERIES_BY_DOMAIN: Signal = Signal::new("dns.queries_by_domain");
    /// Fact `Exec`.
    pub const PROCESS_EXEC: Signal = Signal::new("process.exec");
    /// Fact `Exit`.
    pub const PROCESS_EXIT: Signal = Signal::new("process.exit");
    /// Fact `Pod` or `PodDeleted`.
    pub const KUBE_POD: Signal = Signal::new("kube.pod");
    /// Fact `Node` or `NodeDeleted`.
    pub const KUBE_NODE: Signal = Signal::new("kube.node");
    /// Fact `Event`.
    pub const KUBE_EVENT: Signal = Signal::new("kube.event");
    /// Fact `Object` or `ObjectDeleted`: any other object of the API server.
    pub const KUBE_OBJECT: Signal = Signal::new("kube.object");
    /// Fact `Blind`, `Sighted` or `Lost`: what tapio itself can and cannot see.
    pub const SELF_SIGHT: Signal = Signal::new("self.sight");
}
