//! The cgroup file systems: where each hierarchy is mounted, and which directories it holds.
//!
//! A cgroup's id is the inode number of its directory: kernfs gives every node a 64-bit id and shows it as the inode
//! number on 64-bit kernels (`fs/kernfs/inode.c`, `kernfs_ino`), and it is never used twice while the machine is up.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories read in one walk, over all hierarchies. A node of 500 pods has about 4000.
const MAX_DIRECTORIES: usize = 100_000;

/// Links of a directory without subdirectories: its name and its `.` (`kernfs_refresh_inode`). Not looking into leaves
/// spares most of a walk; a file system that does not count links gives 1.
const LEAF_LINKS: u64 = 2;

/// A cgroup hierarchy that kernel records name cgroups in. Ids of different hierarchies can be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hierarchy {
    /// cgroup v2.
    Unified,
    /// The v1 hierarchy of the memory controller.
    Memory,
}

/// A cgroup as the kernel names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CgroupKey {
    pub(crate) hierarchy: Hierarchy,
    pub(crate) id: u64,
}

/// Where the hierarchies are mounted below a cgroup root; only those that can be read.
///
/// Pure v2: the root itself. Hybrid: `unified` and `memory`. v1: `memory`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Root directory of cgroup v2.
    pub unified: Option<PathBuf>,
    /// Root directory of the v1 memory controller.
    pub memory: Option<PathBuf>,
}

impl Layout {
    /// The layout below `root`, usually `/sys/fs/cgroup`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let readable = |path: PathBuf| path.read_dir().is_ok().then_some(path);
        if root.join("cgroup.controllers").is_file() {
            return Self {
                unified: readable(root.to_owned()),
                memory: None,
            };
        }
        Self {
            unified: readable(root.join("unified")),
            memory: readable(root.join("memory")),
        }
    }

    /// Whether no hierarchy can be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unified.is_none() && self.memory.is_none()
    }

    /// Root directory of a hierarchy.
    #[must_use]
    pub fn tree(&self, hierarchy: Hierarchy) -> Option<&Path> {
        match hierarchy {
            Hierarchy::Unified => self.unified.as_deref(),
            Hierarchy::Memory => self.memory.as_deref(),
        }
    }
}

/// A cgroup directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) key: CgroupKey,
    /// Relative to the hierarchy's root, which is `/`.
    pub(crate) path: String,
}

/// Every cgroup directory of every hierarchy. What vanishes or cannot be read meanwhile is left out.
pub(crate) fn walk(layout: &Layout) -> Vec<Directory> {
    let mut found = Vec::new();
    for hierarchy in [Hierarchy::Unified, Hierarchy::Memory] {
        if let Some(root) = layout.tree(hierarchy) {
            walk_tree(hierarchy, root, &mut found);
        }
    }
    found
}

fn walk_tree(hierarchy: Hierarchy, root: &Path, found: &mut Vec<Directory>) {
    if let Some(id) = cgroup_id(root) {
        let key = CgroupKey { hierarchy, id };
        found.push(Directory {
            key,
            path: "/".to_owned(),
        });
    }
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((directory, path)) = waiting.pop() {
        for entry in directory.read_dir().into_iter().flatten().flatten() {
            if found.len() >= MAX_DIRECTORIES {
                return;
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            let path = format!("{path}/{}", entry.file_name().to_string_lossy());
            let key = CgroupKey {
                hierarchy,
                id: metadata.ino(),
            };
            found.push(Directory {
                key,
                path: path.clone(),
            });
            if metadata.nlink() != LEAF_LINKS {
                waiting.push((entry.path(), path));
            }
        }
    }
}

/// The id of the cgroup whose directory this is.
pub(crate) fn cgroup_id(directory: &Path) -> Option<u64> {
    directory.metadata().ok().map(|metadata| metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Path) -> Vec<(Hierarchy, String)> {
        let mut paths: Vec<_> = walk(&Layout::of(root))
            .into_iter()
            .map(|at| (at.key.hierarchy, at.path))
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_root_with_controllers_is_the_v2_tree_even_with_a_cgroup_called_memory() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
        std::fs::create_dir_all(root.path().join("memory/a")).unwrap();
        let expected = ["/", "/memory", "/memory/a"].map(|path| (Hierarchy::Unified, path.to_owned()));
        assert_eq!(paths(root.path()), expected);
    }

    #[test]
    fn a_hybrid_host_has_both_trees() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("memory/a")).unwrap();
        std::fs::create_dir_all(root.path().join("unified/b")).unwrap();
        let expected = [
            (Hierarchy::Unified, "/"),
            (Hierarchy::Unified, "/b"),
            (Hierarchy::Memory, "/"),
            (Hierarchy::Memory, "/a"),
        ];
        assert_eq!(
            paths(root.path()),
            expected.map(|(hierarchy, path)| (hierarchy, path.to_owned()))
        );
    }

    #[test]
    fn a_missing_root_has_no_tree() {
        let layout = Layout::of(Path::new("/nonexistent"));
        assert!(layout.is_empty());
        assert_eq!(walk(&layout), []);
    }

    #[test]
    fn links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("memory")).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("memory/loop")).unwrap();
        assert_eq!(paths(root.path()), [(Hierarchy::Memory, "/".to_owned())]);
    }
}
