//! Whose process is this: cgroup id or pid to container, container to pod, pod to workload.

use std::path::PathBuf;

use correlator::{Owner, Subject};

/// Where the process and cgroup file systems are mounted.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Usually `/proc`.
    pub proc: PathBuf,
    /// Usually `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
}

/// A task as the kernel named it in a record.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// Id of its cgroup in the v2 hierarchy; 0 when unknown, 1 for the root.
    pub unified: u64,
    /// Id of its cgroup in the memory controller's v1 hierarchy; 0 when there is none.
    pub memory: u64,
    /// Process id (thread group id) on the host; 0 when unknown.
    pub pid: u32,
    /// Command name.
    pub comm: &'a str,
}

/// What the API server says of a pod, for naming.
#[derive(Debug, Clone, Default)]
pub struct PodNames {
    /// Pod uid as in the cgroup path (for a static pod the value of the `kubernetes.io/config.mirror` annotation too).
    pub uids: Vec<String>,
    /// Namespace.
    pub namespace: String,
    /// Pod name.
    pub pod: String,
    /// Node name.
    pub node: Option<String>,
    /// Workload that owns it.
    pub owner: Option<Owner>,
    /// Container id (without `containerd://`) and container name.
    pub containers: Vec<(String, String)>,
}

/// The map.
#[derive(Debug)]
pub struct PidMap;

impl PidMap {
    /// A map that reads under `roots` and keeps at most `capacity` bytes.
    #[must_use]
    pub fn new(_roots: Roots, _capacity: u64) -> Self {
        Self
    }

    /// Who a task is: the container its cgroup belongs to, or an honest host process. Never guesses.
    #[must_use]
    pub fn subject_of(&self, _task: &Task<'_>) -> Subject {
        Subject::Cluster
    }

    /// Learns or refreshes a pod's names.
    pub fn learn_pod(&self, _pod: PodNames) {}

    /// Marks a pod gone; it stays resolvable for five minutes.
    pub fn forget_pod(&self, _uid: &str) {}
}
