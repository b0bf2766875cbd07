//! The map over scratch trees shaped like v1, hybrid and v2 hosts.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

mod lifetime;
mod pids;
mod reading;

const ID: &str = "3f5d1b1a0c9e4f7786d2a1b0c3e4f5a697887766554433221100ffeeddccbbaa";
const OTHER_ID: &str = "9c1185a5c5e9fc54612808977ee8f548b2258d31c2f8f3a0e4c0b5c9d7e6f1a2";
const UID: &str = "0c2d5f0e-8a77-4a3b-9c55-1f2e3d4c5b6a";
const OTHER_UID: &str = "11111111-2222-3333-4444-555555555555";
const NOWHERE: u64 = u64::MAX - 7;

/// A host with scratch cgroup trees and a scratch /proc.
struct Host {
    root: TempDir,
    map: Arc<PidMap>,
    start: Instant,
}

impl Host {
    fn with(trees: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc")).unwrap();
        for tree in trees {
            fs::create_dir_all(root.path().join("cgroup").join(tree)).unwrap();
        }
        let roots = Roots {
            proc: root.path().join("proc"),
            cgroup: root.path().join("cgroup"),
        };
        let map = Arc::new(PidMap::new(roots, 64 << 20));
        Self {
            root,
            map,
            start: Instant::now(),
        }
    }

    fn v2() -> Self {
        let host = Self::with(&[""]);
        fs::write(host.root.path().join("cgroup/cgroup.controllers"), "memory\n").unwrap();
        host
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join("cgroup").join(path)
    }

    /// Makes a cgroup and gives its id.
    fn make(&self, path: &str) -> u64 {
        fs::create_dir_all(self.path(path)).unwrap();
        fs::metadata(self.path(path)).unwrap().ino()
    }

    fn process(&self, pid: u32, cgroup: &str) {
        let directory = self.root.path().join("proc").join(pid.to_string());
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup"), cgroup).unwrap();
    }

    /// A process with a start time and a state.
    fn started_process(&self, pid: u32, cgroup: &str, state: char, started: u64) {
        self.process(pid, cgroup);
        let stat = format!("{pid} (a) b\n() {state} 1 7 7 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 {started} 0\n");
        fs::write(self.root.path().join(format!("proc/{pid}/stat")), stat).unwrap();
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.root.path().join(format!("proc/{pid}"))).unwrap();
    }

    /// The subject, asked `seconds` after the start.
    fn at(&self, seconds: u64, unified: u64, memory: u64, pid: u32) -> Subject {
        let task = Task {
            unified,
            memory,
            pid,
            started: 0,
            comm: "app",
        };
        self.map.subject_at(&task, self.start + Duration::from_secs(seconds))
    }
}

fn cgroupfs(uid: &str, id: &str) -> String {
    format!("kubepods/burstable/pod{uid}/{id}")
}

fn names(uid: &str, id: &str) -> PodNames {
    PodNames {
        uids: vec![uid.to_owned()],
        namespace: "shop".to_owned(),
        pod: "cart-0".to_owned(),
        containers: vec![(id.to_owned(), "cart".to_owned())],
        ..PodNames::default()
    }
}

fn container(subject: &Subject) -> (&str, &str) {
    let Subject::Container(identity) = subject else {
        panic!("{subject:?} is no container");
    };
    (&identity.uid, identity.container_id.as_deref().unwrap_or_default())
}

fn cgroup(subject: &Subject) -> &str {
    let Subject::Process(process) = subject else {
        panic!("{subject:?} is no host process");
    };
    &process.cgroup
}

#[test]
fn a_container_of_a_v2_host_is_found_by_its_id() {
    let host = Host::v2();
    let id = host.make(&cgroupfs(UID, ID));
    assert_eq!(container(&host.at(0, id, 0, 0)), (UID, ID));
}

#[test]
fn a_container_of_a_v1_host_is_found_although_its_v2_id_is_the_root() {
    let host = Host::with(&["memory"]);
    let id = host.make(&format!("memory/{}", cgroupfs(UID, ID)));
    assert_eq!(container(&host.at(0, 1, id, 0)), (UID, ID));
}

#[test]
fn on_a_hybrid_host_either_id_finds_the_same_container() {
    let host = Host::with(&["memory", "unified"]);
    let memory = host.make(&format!("memory/{}", cgroupfs(UID, ID)));
    let unified = host.make(&format!("unified/{}/child", cgroupfs(UID, ID)));
    let runtime = host.make("unified/system.slice/containerd.service");
    for (unified, memory) in [
        (unified, memory),
        (1, memory),
        (unified, 0),
        (runtime, memory),
        (0, memory),
    ] {
        assert_eq!(container(&host.at(0, unified, memory, 0)), (UID, ID));
    }
}

#[test]
fn ids_of_one_hierarchy_mean_nothing_in_the_other() {
    let host = Host::with(&["memory", "unified"]);
    let memory = host.make(&format!("memory/{}", cgroupfs(UID, ID)));
    assert_eq!(cgroup(&host.at(0, memory, 1, 0)), "/");
}

#[test]
fn a_host_process_keeps_its_cgroup_path_comm_and_pid() {
    let host = Host::v2();
    let id = host.make("system.slice/sshd.service");
    let subject = host.at(0, id, 0, 42);
    let Subject::Process(process) = &subject else {
        panic!("{subject:?}")
    };
    assert_eq!(
        (process.pid, &*process.comm, &*process.cgroup),
        (42, "app", "/system.slice/sshd.service")
    );
}

#[test]
fn a_missing_comm_is_read_from_proc_however_it_looks() {
    let host = Host::v2();
    let id = host.make("system.slice/x.service");
    host.process(42, "0::/system.slice/x.service\n");
    fs::write(host.root.path().join("proc/42/comm"), b"a)\n\xff\n").unwrap();
    let task = Task {
        unified: id,
        memory: 0,
        pid: 42,
        started: 0,
        comm: "",
    };
    let Subject::Process(process) = host.map.subject_of(&task) else {
        panic!("no host process")
    };
    assert_eq!(&*process.comm, "a)\n\u{fffd}");
}

#[test]
fn between_two_walks_a_live_pid_is_resolved_through_proc() {
    let host = Host::v2();
    host.at(0, NOWHERE, 0, 0);
    let id = host.make(&cgroupfs(UID, ID));
    host.process(42, &format!("0::/{}\n", cgroupfs(UID, ID)));
    assert_eq!(container(&host.at(0, id, 0, 42)), (UID, ID));
    assert_eq!(host.map.stats().rescans, 1);
}

#[test]
fn a_pid_that_is_now_in_another_cgroup_than_the_record_names_nobody() {
    let host = Host::v2();
    host.make(&cgroupfs(UID, ID));
    host.process(42, &format!("0::/{}\n", cgroupfs(UID, ID)));
    assert_eq!(cgroup(&host.at(0, NOWHERE, 0, 42)), "");
}

#[test]
fn a_pid_that_is_in_a_container_is_not_the_record_of_a_task_in_the_root() {
    let host = Host::with(&["memory", "unified"]);
    host.make(&format!("unified/{}", cgroupfs(UID, ID)));
    host.process(42, &format!("4:memory:/\n0::/{}\n", cgroupfs(UID, ID)));
    assert_eq!(cgroup(&host.at(0, 1, 0, 42)), "/");
}

#[test]
fn a_known_memory_cgroup_is_enough_for_a_container() {
    let host = Host::with(&["memory", "unified"]);
    let memory = host.make(&format!("memory/{}", cgroupfs(UID, ID)));
    assert_eq!(host.map.containers().len(), 1);
    assert_eq!(container(&host.at(0, NOWHERE, memory, 0)), (UID, ID));
    assert_eq!((host.map.stats().hits, host.map.stats().rescans), (1, 1));
}

#[test]
fn a_record_without_ids_has_only_its_pid() {
    let host = Host::with(&["memory", "unified"]);
    host.started_process(42, &format!("4:memory:/{}\n0::/\n", cgroupfs(UID, ID)), 'S', 7);
    assert_eq!(container(&host.at(0, 0, 0, 42)), (UID, ID));
    assert_eq!(container(&host.at(0, 1, 0, 42)), (UID, ID));
    assert_eq!(cgroup(&host.at(0, 0, 0, 43)), "");
}

#[test]
fn conmon_is_its_pods_and_no_container() {
    let host = Host::v2();
    let id = host.make(&format!("kubepods/pod{UID}/crio-conmon-{ID}"));
    host.map.learn_pod(names(UID, ID));
    assert_eq!(
        host.at(0, id, 0, 0),
        Subject::Pod(Arc::new(PodIdentity {
            uid: UID.into(),
            namespace: Some("shop".into()),
            pod: Some("cart-0".into()),
            ..PodIdentity::default()
        }))
    );
    assert!(host.map.containers_at(host.start).is_empty());
}

#[test]
fn the_containers_own_cgroup_is_the_topmost_of_its_directories() {
    let host = Host::with(&["memory", "unified"]);
    for tree in ["memory", "unified"] {
        host.make(&format!("{tree}/kubepods/pod{UID}/crio-{ID}/container/system.slice"));
    }
    let expected: Option<Arc<str>> = Some(format!("/kubepods/pod{UID}/crio-{ID}").into());
    let [found] = &host.map.containers_at(host.start)[..] else {
        panic!("one container")
    };
    assert_eq!((&found.unified, &found.memory), (&expected, &expected));
}
