//! Whose process is this: cgroup id or pid to container, container to pod, pod to workload.
//!
//! The kernel names a task by the ids of its cgroups, the cgroup tree gives their paths, the path gives container id and
//! pod uid, and the API server's names are added when they come.

mod evidence;
mod index;
mod map;
mod names;
pub mod path;
mod pids;
mod procfs;
mod reader;
mod resident;
mod scan;
mod tree;
mod watch;

use std::path::PathBuf;

use correlator::Owner;

pub use map::{ContainerCgroup, PidMap, Stats};
pub use reader::Reader;
pub use tree::{Hierarchy, Layout};
pub use watch::Watching;

/// Why the cgroup trees cannot be watched. Without that everything is found by walks, only later.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// No inotify instance, or no eventfd.
    #[error(
        "cannot watch for new cgroups; if the user has too many inotify instances, raise fs.inotify.max_user_instances"
    )]
    Inotify(#[source] std::io::Error),
    /// The thread did not start.
    #[error("cannot start the thread that watches for new cgroups")]
    Thread(#[source] std::io::Error),
}

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
    /// When that process started, clock ticks after boot (field 22 of `/proc/<pid>/stat`); 0 when unknown. Only a record
    /// without cgroup ids needs it, to tell the process from another that has its pid by now.
    pub started: u64,
    /// Command name.
    pub comm: &'a str,
}

/// What the API server says of a pod, for naming.
#[derive(Debug, Clone, Default)]
pub struct PodNames {
    /// Pod uid as in the cgroup path (for a static pod the value of the `kubernetes.io/config.mirror` annotation too).
    /// The first one is the uid that identities carry.
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
