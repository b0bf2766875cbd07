//! The sniffer on this machine: real processes with real limits, and a real file system of limited size. Needs root.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use correlator::{Body, PodIdentity, Signal, Subject, Timestamp, signals};
use fixtures::skipped;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pidmap::{ContainerCgroup, PidMap, Roots};

use super::{Eviction, Places, Said, Seen, Slow, volumes};

const UID: &str = "5eed0001-8a77-4a3b-9c55-1f2e3d4c5b6a";

fn said() -> Said {
    Said::new(Timestamp::from_secs(1))
}

fn value(said: &Said, signal: &Signal) -> Option<f64> {
    let event = said.events.iter().find(|event| event.signal == *signal)?;
    let Body::Gauge(value) = event.body else {
        panic!("{event:?}")
    };
    Some(value)
}

/// Places of this machine, with a kubelet's folder of its own.
fn places(kubelet: &Path) -> Places {
    Places {
        proc: "/proc".into(),
        cgroup: "/nonexistent".into(),
        kubelet: kubelet.to_owned(),
    }
}

fn pods() -> PidMap {
    let roots = Roots {
        proc: "/nonexistent".into(),
        cgroup: "/nonexistent".into(),
    };
    PidMap::new(roots, 1 << 20)
}

/// Mounts a tmpfs of 2 MiB and 100 inodes as a pod's volume, in a mount namespace of this thread alone.
fn volume(kubelet: &Path) -> Result<PathBuf, String> {
    let place = kubelet.join(format!("pods/{UID}/volumes/kubernetes.io~empty-dir/scratch"));
    fs::create_dir_all(&place).unwrap();
    unshare(CloneFlags::CLONE_NEWNS).map_err(|error| format!("no mount namespace: {error}"))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .and_then(|()| {
            mount(
                Some("tmpfs"),
                &place,
                Some("tmpfs"),
                MsFlags::empty(),
                Some("size=2m,nr_inodes=100"),
            )
        })
        .map_err(|error| format!("cannot mount a tmpfs: {error}"))?;
    Ok(place)
}

#[test]
fn a_volume_of_limited_size_and_inodes_is_told_as_its_pods() {
    let test = "a_volume_of_limited_size_and_inodes_is_told_as_its_pods";
    // The namespace ends with the thread, and the mount with it.
    let done = std::thread::spawn(move || {
        let root = tempfile::tempdir().unwrap();
        let place = match volume(root.path()) {
            Ok(place) => place,
            Err(reason) => return skipped(test, &reason),
        };
        fs::write(place.join("half"), vec![1; 1 << 20]).unwrap();
        for n in 0..20 {
            fs::write(place.join(n.to_string()), "").unwrap();
        }
        let (mut said, mut seen) = (said(), Seen::default());
        volumes::read(&places(root.path()), &pods(), &mut said, &mut seen);
        let of = |signal: &Signal| value(&said, &signal.labelled("scratch"));
        let subjects_are_the_pod = said.events.iter().all(|event| match &event.subject {
            Subject::Pod(identity) => &*identity.uid == UID,
            _ => false,
        });
        assert!(subjects_are_the_pod, "{said:?}");
        assert_eq!(of(&signals::VOLUME_SIZE_BYTES), Some(2_097_152.0));
        assert_eq!(of(&signals::VOLUME_USED_BYTES), Some(1_048_576.0));
        assert_eq!(of(&signals::VOLUME_SIZE_INODES), Some(100.0));
        // The root directory is one more.
        assert_eq!(of(&signals::VOLUME_USED_INODES), Some(22.0));
        assert_eq!(seen, Seen::default());
    });
    done.join().unwrap();
}

#[test]
fn the_disk_of_the_kubelets_folder_is_the_nodes() {
    let root = tempfile::tempdir().unwrap();
    let (mut said, node) = (said(), Subject::Node("node-a".into()));
    let seen = Slow::default().read(&node, &places(root.path()), Eviction::default(), &pods(), &mut said);
    let df = Command::new("df")
        .args(["-B1", "--output=size,avail,itotal,iavail"])
        .arg(root.path())
        .output()
        .unwrap();
    let text = String::from_utf8(df.stdout).unwrap();
    let told: Vec<f64> = text
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let of = |signal: &Signal| value(&said, signal).unwrap();
    let close = |one: f64, other: f64, of: f64| (one - other).abs() <= of;
    assert!(close(of(&signals::NODE_DISK_SIZE_BYTES), told[0], 0.5));
    // Others write to this disk too.
    assert!(close(of(&signals::NODE_DISK_AVAILABLE_BYTES), told[1], 0.05 * told[0]));
    assert!(close(of(&signals::NODE_DISK_EVICTION_BYTES), told[0] / 10.0, 1.0));
    if told[2] > 0.0 {
        assert!(close(of(&signals::NODE_DISK_SIZE_INODES), told[2], 0.5));
        assert!(close(of(&signals::NODE_DISK_AVAILABLE_INODES), told[3], 0.05 * told[2]));
        assert!(close(of(&signals::NODE_DISK_EVICTION_INODES), told[2] / 20.0, 1.0));
    }
    assert_eq!(seen, Seen::default());
}

/// A shell with a limit of open files that holds some, and says so.
fn holder(limit: u32, open: u32) -> Child {
    let held: Vec<String> = (10..10 + open).map(|fd| format!("exec {fd}</dev/null;")).collect();
    let held = held.join(" ");
    let mut child = Command::new("bash")
        .args(["-c", &format!("ulimit -n {limit}; {held} echo ready; read end")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn of_a_container_the_process_nearest_to_its_limit_is_told_of() {
    let mut children = [holder(1000, 30), holder(50, 30)];
    let cgroups = tempfile::tempdir().unwrap();
    let folder = cgroups.path().join("memory/c");
    fs::create_dir_all(&folder).unwrap();
    let pids: Vec<String> = children.iter().map(|child| child.id().to_string()).collect();
    fs::write(folder.join("cgroup.procs"), pids.join("\n")).unwrap();
    let identity = PodIdentity {
        container_id: Some("c".into()),
        ..PodIdentity::default()
    };
    let container = ContainerCgroup {
        identity: Arc::new(identity),
        unified: None,
        memory: Some("/c".into()),
    };
    let places = Places {
        cgroup: cgroups.path().to_owned(),
        ..places(Path::new("/nonexistent"))
    };
    let (mut said, mut seen) = (said(), Seen::default());
    let mut descriptors = super::descriptors::Descriptors::default();
    descriptors.read(&places, &[container], &mut said, &mut seen);
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let signals_in_order: Vec<&str> = said.events.iter().map(|event| event.signal.name()).collect();
    assert_eq!(signals_in_order, ["files.limit", "files.open"]);
    assert_eq!(value(&said, &signals::FILES_LIMIT), Some(50.0));
    // Beside the thirty: standard input, output, error, and what the shell keeps.
    let open = value(&said, &signals::FILES_OPEN).unwrap();
    assert!((33.0..=36.0).contains(&open), "{open}");
    assert_eq!(seen, Seen::default());
}
