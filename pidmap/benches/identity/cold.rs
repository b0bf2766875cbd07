//! Cgroups and processes that are not known: what the first lookup costs, and what may be gone before it.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use correlator::Subject;
use pidmap::{PidMap, Task};
use procfs::process::Process;

use crate::node::{self, Node};
use crate::{ROUNDS, median, ns, ns_each};

const LOOKUPS: usize = 2_000;
/// An id that no cgroup has.
const NOWHERE: u64 = u64::MAX / 2;

/// Another process, in whatever cgroups this one is; ended when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        let child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn();
        Self(child.unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints the table of first lookups.
pub(crate) fn compare() {
    let sleeper = Sleeper::start();
    let (pid, number) = (sleeper.0.id(), i32::try_from(sleeper.0.id()).unwrap());
    let node = Node::with(500);
    let map = node.map();
    let _watching = map.watch().unwrap();
    let mut rows: [(&str, Vec<f64>); 7] = [
        ("tapio: a cgroup made since, by its id (the watch)", Vec::new()),
        ("tapio: an unknown id, asked of /proc/PID/cgroup", Vec::new()),
        ("procfs: the cgroups of a process", Vec::new()),
        ("the least: open, read and close /proc/PID/cgroup", Vec::new()),
        ("std: read /proc/PID/cgroup to a string", Vec::new()),
        ("tapio: a pid alone, with its start time", Vec::new()),
        ("procfs: the cgroups and the start time of a process", Vec::new()),
    ];
    for round in 0..ROUNDS {
        rows[0].1.push(newcomers(&node, &map, round));
        let mut id = NOWHERE + (round * LOOKUPS) as u64;
        rows[1].1.push(ns_each(LOOKUPS, |_| {
            id += 1;
            black_box(map.subject_of(&task(id, pid)));
        }));
        rows[2].1.push(ns_each(LOOKUPS, |_| {
            black_box(Process::new(number).unwrap().cgroups().unwrap());
        }));
        let path = format!("/proc/{pid}/cgroup");
        rows[3].1.push(ns_each(LOOKUPS, |_| {
            let mut bytes = [0; 4096];
            black_box(File::open(&path).unwrap().read(&mut bytes).unwrap());
        }));
        rows[4].1.push(ns_each(LOOKUPS, |_| {
            black_box(fs::read_to_string(&path).unwrap());
        }));
        rows[5].1.push(ns_each(LOOKUPS, |_| {
            black_box(map.subject_of(&task(0, pid)));
        }));
        rows[6].1.push(ns_each(LOOKUPS, |_| {
            let process = Process::new(number).unwrap();
            black_box((process.cgroups().unwrap(), process.stat().unwrap().starttime));
        }));
    }
    println!("\n### A first lookup\n\n| lookup | ns |\n|---|---|");
    for (name, taken) in rows {
        println!("| {name} | {:.0} |", median(taken));
    }
}

fn task(unified: u64, pid: u32) -> Task<'static> {
    Task {
        unified,
        memory: 0,
        pid,
        started: 0,
        comm: "app",
    }
}

/// Nanoseconds for the first lookup of a cgroup that was made just before, whoever of the lookup and the thread takes it in.
fn newcomers(node: &Node, map: &PidMap, round: usize) -> f64 {
    let made = (0..200).map(|number| {
        let place = node
            .folder
            .path()
            .join("cgroup")
            .join(node::path(100_000 + round * 200 + number));
        fs::create_dir_all(&place).unwrap();
        let id = fs::metadata(&place).unwrap().ino();
        let began = Instant::now();
        let subject = map.subject_of(&task(id, 0));
        let took = ns(began.elapsed());
        assert!(matches!(subject, Subject::Container(_)));
        took
    });
    median(made.collect())
}

/// Prints how many cgroups are known that were removed so long after they were made and before anybody asked.
pub(crate) fn count_known() {
    let Some(tree) = v2_tree() else { return };
    let base = tree.join(format!("tapio-bench-{}", std::process::id()));
    if fs::create_dir(&base).is_err() {
        println!("\nSKIPPED: how short a cgroup may live; needs root, to make cgroups");
        return;
    }
    let base = Base(base);
    let mut roots = Node::with(0).roots();
    roots.cgroup = PathBuf::from("/sys/fs/cgroup");
    let map = std::sync::Arc::new(PidMap::new(roots, 64 << 20));
    let _watching = map.watch().unwrap();
    println!("\n### Cgroups that are gone before anybody asks\n\n| lived | known, of 200 |\n|---|---|");
    for micros in [0, 100, 300, 1_000, 3_000] {
        let pod = base
            .0
            .join("kubepods/burstable/pod00000000-0000-4000-8000-000000000000");
        fs::create_dir_all(&pod).unwrap();
        let mut known = 0;
        for number in 0..200 {
            let place = pod.join(format!("{micros:032x}{number:032x}"));
            fs::create_dir(&place).unwrap();
            let id = fs::metadata(&place).unwrap().ino();
            std::thread::sleep(Duration::from_micros(micros));
            fs::remove_dir(&place).unwrap();
            known += usize::from(matches!(map.subject_of(&task(id, 0)), Subject::Container(_)));
        }
        println!("| {micros} us | {known} |");
        fs::remove_dir(&pod).unwrap();
    }
}

/// A cgroup of the bench's own; removed with all below, also when the bench fails.
struct Base(PathBuf);

impl Drop for Base {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

fn v2_tree() -> Option<PathBuf> {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(PathBuf::from)
        .into_iter()
        .find(|tree| tree.join("cgroup.controllers").exists())
}
