//! What the kernel or the API server says happened, in the slim form that tapio keeps.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Peer;
use crate::identity::Owner;
use crate::node::NodeState;
use crate::object::ObjectState;
use crate::pod::PodState;

/// What the reason of a loss begins with when a record, message or object could not be read, as it is not what it should be.
pub const MALFORMED: &str = "malformed ";

/// Something that was stated, rather than measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The kernel picked an OOM victim.
    OomKill(OomKill),
    /// A process replaced its program.
    Exec(Exec),
    /// A process (its last thread) ended.
    Exit(Exit),
    /// A pod as it stands now.
    Pod(Box<PodState>),
    /// The pod is gone from the API server.
    PodDeleted,
    /// A node as it stands now.
    Node(Box<NodeState>),
    /// The node is gone from the API server.
    NodeDeleted,
    /// Another object as it stands now.
    Object(Box<ObjectState>),
    /// The object is gone from the API server.
    ObjectDeleted,
    /// A Kubernetes Event object, or a repeat of it.
    Event(KubeEvent),
    /// A DNS query that failed, or the good answer (`NOERROR`) that a search for a name ended with.
    Dns(Box<DnsAnswer>),
    /// Something is not being watched.
    Blind(Gap),
    /// A source that was blind sees again.
    Sighted {
        /// The `source` of the gap that is closed.
        source: Arc<str>,
    },
    /// A source lost events.
    Lost {
        /// Who lost them: `ebpf/tcp_connect`, `queue`.
        source: Arc<str>,
        /// Why: `ring full`, `queue full`; begins with [`MALFORMED`] when they could not be read.
        reason: Arc<str>,
        /// How many since the last such fact.
        count: u64,
    },
}

impl Fact {
    /// Whether it says how something stands rather than what happened. Such facts are kept in the `World`, the latest only.
    pub(crate) fn is_state(&self) -> bool {
        matches!(
            self,
            Self::Pod(_) | Self::PodDeleted | Self::Node(_) | Self::NodeDeleted | Self::Object(_) | Self::ObjectDeleted
        )
    }
}

/// From `oom/mark_victim` (`mm/oom_kill.c`). The tracepoint runs in the killer's context; all fields are the victim's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OomKill {
    /// Victim's process id on the host.
    pub pid: u32,
    /// Victim's process id in its own pid namespace; 1 is the container's main process.
    pub ns_pid: u32,
    /// Victim's command name.
    pub comm: Arc<str>,
    /// Victim's resident anonymous, file and shared memory, bytes.
    pub anon: u64,
    /// File-backed part, bytes.
    pub file: u64,
    /// Shared memory part (tmpfs, shm), bytes.
    pub shmem: u64,
    /// Limit of the memory cgroup that ran out, bytes; `None` when no cgroup was at its limit (the node ran out).
    pub limit: Option<u64>,
    /// What that cgroup was charged, bytes.
    pub usage: Option<u64>,
    /// True when the limit that ran out is the victim's own cgroup's, false when it is an ancestor's (the pod's).
    pub own_limit: bool,
}

/// From `sched/sched_process_exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Process id on the host.
    pub pid: u32,
    /// Process id in its own pid namespace.
    pub ns_pid: u32,
    /// The file that was executed, at most 127 bytes, lossily decoded.
    pub file: Arc<str>,
}

/// From `sched/sched_process_exit` of the last thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Process id on the host.
    pub pid: u32,
    /// Process id in its own pid namespace; 1 is the container's main process.
    pub ns_pid: u32,
    /// Command name.
    pub comm: Arc<str>,
    /// Exit code, 0 when it was ended by a signal.
    pub code: u8,
    /// The signal that ended it, 0 when it exited.
    pub signal: u8,
    /// From start to end.
    pub lived: Duration,
}

/// A Kubernetes Event object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KubeEvent {
    /// `Warning` or `Normal`.
    pub kind: Arc<str>,
    /// `BackOff`, `Unhealthy`, `FailedScheduling`, ...
    pub reason: Arc<str>,
    /// Free text, cut at 1,024 bytes.
    pub message: Arc<str>,
    /// How often it was seen.
    pub count: u32,
    /// Who reported it: `kubelet`, `default-scheduler`.
    pub reporter: Arc<str>,
    /// Container the event is about, from `involvedObject.fieldPath`.
    pub container: Option<Arc<str>>,
    /// The object it is about.
    pub object: Owner,
    /// It happened before tapio watched: the API server keeps Events for an hour and tells them all at the start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
}

/// What became of a DNS query, as the asking socket saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsAnswer {
    /// The name asked for, without a dot at the end; odd bytes are `\xNN`, dots in a label `\.`. At most 1,012 characters.
    pub name: Arc<str>,
    /// The type asked for: `A`, `AAAA`, `TYPE65280`.
    pub qtype: Arc<str>,
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, ...; `None` when no answer came within 5 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcode: Option<Arc<str>>,
    /// From the query to the answer, or to the end of waiting.
    pub took: Duration,
    /// The server that was asked.
    pub resolver: Peer,
    /// How it was asked.
    pub transport: Transport,
}

/// What carries DNS messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// Messages behind their length in a stream.
    Tcp,
}

/// Something that tapio does not watch, and what would mend that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// Which source: `ebpf/tcp_connect`, `k8s/pods`, `cgroup`.
    pub source: Arc<str>,
    /// What goes unseen: `TCP connects`.
    pub what: Arc<str>,
    /// Why: `loading tcp_connect: operation not permitted`.
    pub why: Arc<str>,
    /// What the user can do about it.
    pub fix: Arc<str>,
}
