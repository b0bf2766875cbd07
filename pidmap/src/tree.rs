//! The cgroup file systems: where each hierarchy is mounted, and which directories it holds.
//!
//! A cgroup's id is the inode number of its directory: kernfs gives every node a 64-bit id and shows it as the inode
//! number on 64-bit kernels (`fs/kernfs/inode.c`, `kernfs_ino`), and it is never used twice while the machine is up.

use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Directories given in one walk, over all hierarchies. A node of 500 pods has about 4000.
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

impl Directory {
    pub(crate) fn new(hierarchy: Hierarchy, id: u64, path: String) -> Self {
        let key = CgroupKey { hierarchy, id };
        Self { key, path }
    }
}

/// Every cgroup directory of every hierarchy, each before those in it are looked for: who starts to watch a directory when
/// it comes misses none of its children. What vanishes or cannot be read meanwhile is left out.
pub(crate) struct Walk {
    roots: Vec<(Hierarchy, PathBuf)>,
    /// Found and not yet given.
    waiting: Vec<Directory>,
    /// Given, and its children not yet looked for.
    given: Option<(Hierarchy, String)>,
    left: usize,
    /// There were more directories than a walk reads.
    pub(crate) cut: bool,
}

impl Walk {
    /// A walk of all trees.
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut walk = Self::of(Vec::new());
        for hierarchy in [Hierarchy::Memory, Hierarchy::Unified] {
            let Some(root) = layout.tree(hierarchy) else { continue };
            walk.roots.push((hierarchy, root.to_owned()));
            if let Some(id) = cgroup_id(root) {
                walk.waiting.push(Directory::new(hierarchy, id, "/".to_owned()));
            }
        }
        walk
    }

    /// A walk of one directory and all below it.
    pub(crate) fn from(root: &Path, directory: Directory) -> Self {
        let mut walk = Self::of(vec![(directory.key.hierarchy, root.to_owned())]);
        walk.waiting.push(directory);
        walk
    }

    fn of(roots: Vec<(Hierarchy, PathBuf)>) -> Self {
        Self {
            roots,
            waiting: Vec::new(),
            given: None,
            left: MAX_DIRECTORIES,
            cut: false,
        }
    }

    fn read(&mut self, hierarchy: Hierarchy, above: &str) {
        let Some((_, root)) = self.roots.iter().find(|(of, _)| *of == hierarchy) else {
            return;
        };
        let above = above.trim_end_matches('/');
        let place = root.join(above.trim_start_matches('/'));
        if place.metadata().is_ok_and(|metadata| metadata.nlink() == LEAF_LINKS) {
            return;
        }
        for entry in place.read_dir().into_iter().flatten().flatten() {
            if self.waiting.len() >= self.left {
                self.cut = true;
                return;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let path = format!("{above}/{}", entry.file_name().to_string_lossy());
                self.waiting.push(Directory::new(hierarchy, entry.ino(), path));
            }
        }
    }
}

impl Iterator for Walk {
    type Item = Directory;

    fn next(&mut self) -> Option<Directory> {
        if let Some((hierarchy, path)) = self.given.take() {
            self.read(hierarchy, &path);
        }
        let directory = self.waiting.pop()?;
        self.left = self.left.saturating_sub(1);
        self.given = Some((directory.key.hierarchy, directory.path.clone()));
        Some(directory)
    }
}

/// The id of the cgroup whose directory this is.
pub(crate) fn cgroup_id(directory: &Path) -> Option<u64> {
    directory.metadata().ok().map(|metadata| metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn paths(root: &Path) -> Vec<(Hierarchy, String)> {
        let mut paths: Vec<_> = Walk::new(&Layout::of(root))
            .map(|at| (at.key.hierarchy, at.path))
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_root_with_controllers_is_the_v2_tree_even_with_a_cgroup_called_memory() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
        fs::create_dir_all(root.path().join("memory/a")).unwrap();
        let expected = ["/", "/memory", "/memory/a"].map(|path| (Hierarchy::Unified, path.to_owned()));
        assert_eq!(paths(root.path()), expected);
    }

    #[test]
    fn a_hybrid_host_has_both_trees() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("memory/a")).unwrap();
        fs::create_dir_all(root.path().join("unified/b")).unwrap();
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
        assert_eq!(Walk::new(&layout).count(), 0);
    }

    #[test]
    fn links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("memory")).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("memory/loop")).unwrap();
        assert_eq!(paths(root.path()), [(Hierarchy::Memory, "/".to_owned())]);
    }

    #[test]
    fn a_child_made_when_its_parent_was_given_is_found() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("memory/a")).unwrap();
        let mut walk = Walk::new(&Layout::of(root.path()));
        let found: Vec<String> = std::iter::from_fn(|| walk.next())
            .map(|at| at.path)
            .inspect(|path| {
                if path == "/a" {
                    fs::create_dir(root.path().join("memory/a/b")).unwrap();
                }
            })
            .collect();
        assert_eq!(found, ["/", "/a", "/a/b"]);
    }

    #[test]
    fn a_walk_gives_the_ids_that_the_directories_have() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("memory/a/b")).unwrap();
        for at in Walk::new(&Layout::of(root.path())) {
            let place = root.path().join("memory").join(at.path.trim_start_matches('/'));
            assert_eq!(Some(at.key.id), cgroup_id(&place));
        }
    }
}
