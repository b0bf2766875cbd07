//! A node in a scratch folder: a v2 tree of containers.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use pidmap::{PidMap, PodNames, Roots};
use tempfile::TempDir;

/// What the product gives the map.
const CAPACITY: u64 = 64 << 20;
const PER_POD: usize = 4;

pub(crate) struct Node {
    pub(crate) folder: TempDir,
    /// Ids of the containers' cgroups.
    pub(crate) ids: Vec<u64>,
}

impl Node {
    /// A node with so many containers, four a pod.
    pub(crate) fn with(containers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("cgroup");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("cgroup.controllers"), "memory\n").unwrap();
        let ids = (0..containers).map(|number| {
            let place = tree.join(path(number));
            fs::create_dir_all(&place).unwrap();
            fs::metadata(place).unwrap().ino()
        });
        Self {
            ids: ids.collect(),
            folder,
        }
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots {
            proc: PathBuf::from("/proc"),
            cgroup: self.folder.path().join("cgroup"),
        }
    }

    /// The map, with all containers known and named.
    pub(crate) fn map(&self) -> Arc<PidMap> {
        let map = Arc::new(PidMap::new(self.roots(), CAPACITY));
        for pod in 0..self.ids.len().div_ceil(PER_POD) {
            map.learn_pod(PodNames {
                uids: vec![uid(pod)],
                namespace: "shop".to_owned(),
                pod: format!("cart-{pod}"),
                ..PodNames::default()
            });
        }
        assert_eq!(map.containers().len(), self.ids.len());
        map
    }
}

/// Path of a container's cgroup.
pub(crate) fn path(number: usize) -> String {
    format!("kubepods/burstable/pod{}/{number:064x}", uid(number / PER_POD))
}

fn uid(pod: usize) -> String {
    format!("{pod:08x}-0000-4000-8000-000000000000")
}
