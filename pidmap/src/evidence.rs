//! Resolves a task through `/proc/<pid>/cgroup`, as far as that agrees with the cgroup ids the kernel gave.

use std::sync::Arc;

use crate::index::Occupant;
use crate::map::{ROOT_ID, better};
use crate::tree::{CgroupKey, Directory, Hierarchy, cgroup_id};
use crate::{PidMap, Task, procfs};

/// What `/proc` says about one of a task's cgroup ids.
enum Evidence {
    /// The pid is in another cgroup than the record: reused, or moved.
    Refuted,
    /// The task is in no such hierarchy.
    Silent,
    /// This lives in the task's cgroup.
    Says(Arc<Occupant>),
}

impl PidMap {
    /// Who lives in the cgroups of the process that now has the task's pid, unless it is another process by now.
    pub(crate) fn by_pid(&self, task: &Task<'_>) -> Option<Arc<Occupant>> {
        if task.pid == 0 {
            return None;
        }
        let membership = procfs::membership(&self.roots.proc, task.pid)?;
        let unified = self.confirm(Hierarchy::Unified, membership.unified, task.unified);
        let memory = self.confirm(Hierarchy::Memory, membership.memory, task.memory);
        match (unified, memory) {
            (Evidence::Says(one), Evidence::Says(other)) => Some(Arc::clone(better(&one, &other))),
            (Evidence::Says(only), Evidence::Silent) | (Evidence::Silent, Evidence::Says(only)) => Some(only),
            _ => None,
        }
    }

    /// Whether the process that now has the pid is in the cgroup that the record names.
    fn confirm(&self, hierarchy: Hierarchy, path: Option<String>, id: u64) -> Evidence {
        let Some(path) = path else { return Evidence::Silent };
        let layout = self.layout();
        match (id, layout.tree(hierarchy)) {
            (0, _) | (_, None) => Evidence::Says(Arc::new(self.occupant(&path))),
            (ROOT_ID, _) if path == "/" => Evidence::Says(Arc::clone(&self.root)),
            (id, Some(tree)) if cgroup_id(&tree.join(path.trim_start_matches('/'))) == Some(id) => {
                let key = CgroupKey { hierarchy, id };
                Evidence::Says(self.admit(&Directory { key, path }))
            }
            _ => Evidence::Refuted,
        }
    }
}
