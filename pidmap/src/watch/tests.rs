//! The watch over scratch trees: what is made is known at once, what is too much is counted and found by walks.

use std::fs;
use std::path::PathBuf;

use correlator::Subject;
use tempfile::TempDir;

use super::*;
use crate::{Roots, Task};

const UID: &str = "0c2d5f0e-8a77-4a3b-9c55-1f2e3d4c5b6a";

struct Host {
    root: TempDir,
    map: Arc<PidMap>,
}

impl Host {
    /// A v1 host that lets one user have `watches` watches.
    fn new(watches: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let limits = root.path().join("proc/sys/fs/inotify");
        fs::create_dir_all(&limits).unwrap();
        fs::write(limits.join("max_user_watches"), format!("{watches}\n")).unwrap();
        fs::create_dir_all(root.path().join("cgroup/memory/kubepods")).unwrap();
        let roots = Roots {
            proc: root.path().join("proc"),
            cgroup: root.path().join("cgroup"),
        };
        let map = Arc::new(PidMap::new(roots, 1 << 20));
        Self { root, map }
    }

    fn pod(&self) -> PathBuf {
        self.root.path().join(format!("cgroup/memory/kubepods/pod{UID}"))
    }

    /// Makes a container's cgroup, with its pod's if need be, and gives its id.
    fn make(&self, number: u32) -> u64 {
        let place = self.pod().join(format!("{number:064x}"));
        fs::create_dir_all(&place).unwrap();
        cgroup_id(&place).unwrap()
    }

    fn remove(&self, number: u32) {
        fs::remove_dir(self.pod().join(format!("{number:064x}"))).unwrap();
    }

    /// The number of the container that a cgroup id is of.
    fn number(&self, id: u64) -> Option<u32> {
        let subject = self.map.subject_of(&Task {
            unified: 1,
            memory: id,
            pid: 0,
            started: 0,
            comm: "app",
        });
        match subject {
            Subject::Container(identity) => u32::from_str_radix(identity.container_id.as_deref()?, 16).ok(),
            _ => None,
        }
    }

    fn containers(&self) -> usize {
        self.map.containers().len()
    }

    fn eventually(&self, is_so: impl Fn(&Self) -> bool) -> bool {
        (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            is_so(self)
        })
    }
}

#[test]
fn a_new_container_is_known_at_once_and_no_tree_is_walked_for_it() {
    let host = Host::new(100_000);
    let _watching = host.map.watch().unwrap();
    for number in 0..200 {
        let id = host.make(number);
        assert_eq!(host.number(id), Some(number));
    }
    assert_eq!(host.containers(), 200);
    assert_eq!(host.map.stats().rescans, 1, "the one at the start");
}

#[test]
fn what_was_there_before_the_watch_and_what_was_nested_since_is_known() {
    let host = Host::new(100_000);
    let before = host.make(1);
    let _watching = host.map.watch().unwrap();
    let child = host.pod().join(format!("{:064x}/container", 2));
    fs::create_dir_all(&child).unwrap();
    assert_eq!(host.number(before), Some(1));
    assert_eq!(host.number(cgroup_id(&child).unwrap()), Some(2));
}

#[test]
fn a_container_that_is_gone_before_anybody_asks_stays_known() {
    let host = Host::new(100_000);
    let _watching = host.map.watch().unwrap();
    let id = host.make(7);
    assert!(host.eventually(|host| host.map.stats().entries >= 4));
    host.remove(7);
    assert_eq!(host.number(id), Some(7));
    assert!(host.eventually(|host| host.containers() == 0));
    assert_eq!(host.number(id), Some(7));
}

#[test]
fn a_container_made_anew_is_found_under_its_new_id_and_its_old() {
    let host = Host::new(100_000);
    let _watching = host.map.watch().unwrap();
    let old = host.make(7);
    assert_eq!(host.number(old), Some(7));
    host.remove(7);
    // Takes the old inode number, so that the new directory has another.
    fs::write(host.root.path().join("filler"), "").unwrap();
    let new = host.make(7);
    assert_ne!(old, new);
    assert_eq!((host.number(new), host.number(old)), (Some(7), Some(7)));
    assert!(host.eventually(|host| host.containers() == 1));
}

#[test]
fn directories_beyond_the_limit_are_counted_and_found_by_a_walk_in_the_background() {
    // A quarter of 16: the root, kubepods, the pod, one container.
    let host = Host::new(16);
    host.make(0);
    let _watching = host.map.watch().unwrap();
    assert_eq!(host.map.stats().unwatched, 0);
    for number in 1..10 {
        host.make(number);
    }
    assert_eq!(host.containers(), 10);
    assert!(host.map.stats().unwatched >= 9);
    let nested = host.pod().join(format!("{:064x}/container", 9));
    fs::create_dir(&nested).unwrap();
    let id = cgroup_id(&nested).unwrap();
    let known = host.number(id);
    assert!(known == Some(9) || host.eventually(|host| host.number(id) == Some(9)));
}

#[test]
fn an_id_that_no_walk_finds_is_remembered_and_walked_for_no_more() {
    let host = Host::new(100_000);
    let _watching = host.map.watch().unwrap();
    assert_eq!(host.number(u64::MAX - 7), None);
    assert!(host.eventually(|host| host.map.stats().rescans == 2));
    assert!(host.eventually(|host| {
        let hits = host.map.stats().hits;
        host.number(u64::MAX - 7);
        host.map.stats().hits == hits + 1
    }));
    assert_eq!(host.map.stats().rescans, 2);
}

#[test]
fn without_the_guard_the_map_walks_for_itself_again() {
    let host = Host::new(100_000);
    drop(host.map.watch().unwrap());
    host.make(1);
    assert!(host.eventually(|host| host.containers() == 1));
    assert_eq!(host.map.stats().rescans, 2);
}

#[test]
fn many_threads_meet_new_containers_at_once() {
    let host = Host::new(100_000);
    let _watching = host.map.watch().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let host = &host;
            scope.spawn(move || {
                for number in thread * 100..thread * 100 + 100 {
                    let id = host.make(number);
                    assert_eq!(host.number(id), Some(number));
                    if number % 10 == 0 {
                        host.containers();
                    }
                }
            });
        }
    });
    assert_eq!(host.containers(), 400);
}
