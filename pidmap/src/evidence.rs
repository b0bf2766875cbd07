//! Resolves a task through `/proc/<pid>/cgroup`, as far as that agrees with the cgroup ids the kernel gave.

use std::sync::Arc;
use std::time::Instant;

use crate::index::Occupant;
use crate::map::{ROOT_ID, better};
use crate::tree::{Directory, Hierarchy, cgroup_id};
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
        self.members(membership, task.unified, task.memory)
    }

    /// Who the process of a record without cgroup ids is.
    ///
    /// With a start time that is the process that started then, alive or ended in the last five minutes. Without, it is the
    /// process that has the pid now, or had it last.
    pub(crate) fn by_pid_alone(&self, task: &Task<'_>, now: Instant) -> Option<Arc<Occupant>> {
        if task.pid == 0 {
            return None;
        }
        let last = |started| self.pids.last(task.pid, started, now);
        if task.started != 0
            && let Some(container) = last(task.started).filter(|occupant| occupant.is_container())
        {
            // Processes move into containers, never out of them, so there is nothing to read again.
            return Some(container);
        }
        let Some(process) = procfs::process(&self.roots.proc, task.pid) else {
            return last(task.started);
        };
        if task.started != 0 && task.started != process.started {
            return last(task.started);
        }
        let started = process.started;
        if process.is_zombie
            && let Some(occupant) = last(started)
        {
            return Some(occupant);
        }
        let occupant = self.members(process.membership, 0, 0)?;
        // One that the index does not share comes from a tree that cannot be read, and would be kept for this pid alone.
        if Arc::strong_count(&occupant) > 1 {
            self.pids.saw(task.pid, started, Arc::clone(&occupant), now);
        }
        Some(occupant)
    }

    fn members(&self, membership: procfs::Membership, unified: u64, memory: u64) -> Option<Arc<Occupant>> {
        let unified = self.confirm(Hierarchy::Unified, membership.unified, unified);
        let memory = self.confirm(Hierarchy::Memory, membership.memory, memory);
        match (unified, memory) {
            (Evidence::Says(one), Evidence::Says(other)) => Some(Arc::clone(better(&one, &other))),
            (Evidence::Says(only), Evidence::Silent) | (Evidence::Silent, Evidence::Says(only)) => Some(only),
            _ => None,
        }
    }

    /// Whether the process that now has the pid is in the cgroup that the record names; any will do for id 0.
    fn confirm(&self, hierarchy: Hierarchy, path: Option<String>, id: u64) -> Evidence {
        let Some(path) = path else { return Evidence::Silent };
        if path == "/" && id <= ROOT_ID {
            return Evidence::Says(Arc::clone(&self.root));
        }
        let layout = self.layout();
        let found = layout
            .tree(hierarchy)
            .map(|tree| cgroup_id(&tree.join(path.trim_start_matches('/'))));
        match (id, found) {
            (0, Some(None)) | (_, None) => Evidence::Says(Arc::new(self.occupant(&path))),
            (_, Some(Some(found))) if id == 0 || id == found => {
                Evidence::Says(self.admit(&Directory::new(hierarchy, found, path)))
            }
            _ => Evidence::Refuted,
        }
    }
}
