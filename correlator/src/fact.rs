//! What the kernel or the API server says happened, in the slim form that tapio keeps.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Peer;
use crate::identity::Owner;
use crate::time::Timestamp;

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
    /// A Kubernetes Event object, or a repeat of it.
    Event(KubeEvent),
    /// A DNS query that failed.
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
        /// Why: `ring full`, `queue full`.
        reason: Arc<str>,
        /// How many since the last such fact.
        count: u64,
    },
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

/// A pod, cut down to what detectors read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodState {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: Arc<str>,
    /// `status.reason`, such as `Evicted`; empty when absent.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: Arc<str>,
    /// `Always`, `OnFailure`, `Never`.
    pub restart_policy: Arc<str>,
    /// Pod addresses. Those of a hostNetwork pod are the node's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// Shares the node's network namespace.
    pub host_network: bool,
    /// When the API server created it.
    pub created: Option<Timestamp>,
    /// When deletion was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
    /// All containers: init, sidecar, ordinary, ephemeral.
    pub containers: Vec<ContainerState>,
}

/// One container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Name in the pod spec.
    pub name: Arc<str>,
    /// What kind of container it is.
    pub role: ContainerRole,
    /// Image in the pod spec.
    pub image: Arc<str>,
    /// Container id without the runtime prefix; empty while none exists.
    pub id: Arc<str>,
    /// `status.restartCount`.
    pub restarts: u32,
    /// Ready by its readiness probe.
    pub ready: bool,
    /// Memory limit, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// Memory request, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_request: Option<u64>,
    /// CPU limit, thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit_millis: Option<u64>,
    /// `command` and `args` of the spec, in order; empty when the image decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Arc<str>>,
    /// Ports the spec names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Where it stands now.
    pub status: ContainerStatus,
    /// How it ended the time before (`lastState.terminated`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Termination>,
}

/// What kind of container it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerRole {
    /// From `spec.containers`.
    #[default]
    Main,
    /// From `spec.initContainers`, runs to completion.
    Init,
    /// From `spec.initContainers` with `restartPolicy: Always`.
    Sidecar,
    /// From `spec.ephemeralContainers`.
    Ephemeral,
}

/// Where a container stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerStatus {
    /// No status yet.
    #[default]
    Unknown,
    /// Waiting to start.
    Waiting {
        /// `CrashLoopBackOff`, `ErrImagePull`, ...
        reason: Arc<str>,
        /// Free text of the kubelet, cut at 512 bytes.
        message: Arc<str>,
    },
    /// Running.
    Running {
        /// Since when.
        started: Option<Timestamp>,
    },
    /// Ended.
    Terminated(Termination),
}

/// How a container ended, as the kubelet says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Termination {
    /// Exit code; 128 + signal when a signal ended it.
    pub exit_code: i32,
    /// `Error`, `Completed`, `OOMKilled`, `StartError`, ...
    pub reason: Arc<str>,
    /// Termination message, cut at 512 bytes.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub message: Arc<str>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The container that ended, without the runtime prefix.
    pub container_id: Arc<str>,
}

/// A node, cut down to what detectors read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeState {
    /// Allocatable memory, bytes.
    pub allocatable_memory: Option<u64>,
    /// Node addresses.
    pub ips: Vec<IpAddr>,
    /// Conditions as they stand.
    pub conditions: Vec<Condition>,
    /// Cordoned.
    pub unschedulable: bool,
}

/// One status condition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// `Ready`, `MemoryPressure`, ...
    pub kind: Arc<str>,
    /// `True`, `False`, `Unknown`.
    pub status: Arc<str>,
    /// `KubeletHasInsufficientMemory`, ...
    pub reason: Arc<str>,
    /// When it last changed.
    pub since: Option<Timestamp>,
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
    /// Kind of the object it is about.
    pub object: Owner,
}

/// What became of a DNS query, as the asking socket saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsAnswer {
    /// The name asked for, without a dot at the end; odd bytes are `\xNN`, dots in a label `\.`. At most 1,012 characters.
    pub name: Arc<str>,
    /// The type asked for: `A`, `AAAA`, `TYPE65280`.
    pub qtype: Arc<str>,
    /// `NXDOMAIN`, `SERVFAIL`, ...; `None` when no answer came within 5 s.
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
