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
    /// Gauge, bytes: charged memory that reclaim cannot free (usage less file pages and reclaimable slab).
    pub const MEMORY_UNRECLAIMABLE: Signal = Signal::new("memory.unreclaimable");
    /// Gauge, bytes: file pages and reclaimable slab.
    pub const MEMORY_CACHE: Signal = Signal::new("memory.cache");
    /// Gauge, bytes: the lowest limit that holds for the cgroup. Not sent when there is none.
    pub const MEMORY_LIMIT: Signal = Signal::new("memory.limit");
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
    /// Span: a TCP connect, `SYN_SENT` to `ESTABLISHED` or to its failure.
    pub const TCP_CONNECT: Signal = Signal::new("tcp.connect");
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
