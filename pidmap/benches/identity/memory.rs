//! Resident memory of what is remembered, each in a process of its own.

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;

use correlator::PodIdentity;
use dashmap::DashMap;
use moka::sync::Cache;
use pidmap::{PidMap, Reader, Task};

use crate::node::{self, Node};

/// First word of the arguments of a child.
pub(crate) const CHILD: &str = "memory-of";
const PIDS: u32 = 100_000;
const CGROUPS: usize = 20_000;

const ROWS: [(&str, &str, usize); 5] = [
    ("tapio-pids", "tapio: processes", PIDS as usize),
    ("dashmap", "dashmap: pid to an `Arc`", PIDS as usize),
    ("moka", "moka: pid to an `Arc`", PIDS as usize),
    (
        "tapio-cgroups",
        "tapio: containers with their cgroups and names",
        CGROUPS,
    ),
    ("tapio-reader", "tapio: what a reader remembers of these", CGROUPS),
];

/// Prints the table.
pub(crate) fn compare() {
    println!("\n### Memory\n\n| what | entries | bytes each | MiB for 100,000 |\n|---|---|---|---|");
    for (what, name, entries) in ROWS {
        let told = Command::new(std::env::current_exe().unwrap())
            .args([CHILD, what])
            .output()
            .unwrap();
        let bytes: f64 = String::from_utf8(told.stdout).unwrap().trim().parse().unwrap();
        let each = bytes / entries as f64;
        println!(
            "| {name} | {entries} | {each:.0} | {:.1} |",
            each * 100_000.0 / f64::from(1 << 20)
        );
    }
}

/// Prints how many bytes one of the rows takes.
pub(crate) fn be_child(what: &str) {
    let bytes = match what {
        "tapio-pids" => of_pids(),
        "dashmap" => {
            let (map, one) = (DashMap::new(), Arc::new(PodIdentity::default()));
            growth(|| (0..PIDS).for_each(|pid| drop(map.insert(pid, Arc::clone(&one)))))
        }
        "moka" => {
            let (cache, one) = (Cache::new(1 << 20), Arc::new(PodIdentity::default()));
            growth(|| {
                (0..PIDS).for_each(|pid| cache.insert(pid, Arc::clone(&one)));
                cache.run_pending_tasks();
            })
        }
        "tapio-cgroups" => {
            let node = Node::with(CGROUPS);
            let mut map = None;
            growth(|| map = Some(node.map()))
        }
        _ => of_reader(),
    };
    println!("{bytes}");
}

/// As many processes as there are pids, all links to one that is in one container.
fn of_pids() -> usize {
    let node = Node::with(1);
    let proc = node.folder.path().join("proc");
    fs::create_dir_all(proc.join("one")).unwrap();
    fs::write(proc.join("one/cgroup"), format!("0::/{}\n", node::path(0))).unwrap();
    fs::write(
        proc.join("one/stat"),
        "1 (a) S 1 7 7 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 77 0\n",
    )
    .unwrap();
    for pid in 1..=PIDS {
        symlink("one", proc.join(pid.to_string())).unwrap();
    }
    let mut roots = node.roots();
    roots.proc = proc;
    let map = PidMap::new(roots, 64 << 20);
    let bytes = growth(|| {
        for pid in 1..=PIDS {
            black_box(map.subject_of(&task(0, pid)));
        }
    });
    assert_eq!(map.stats().pids, PIDS as usize);
    bytes
}

fn of_reader() -> usize {
    let node = Node::with(CGROUPS);
    let map = node.map();
    let mut reader = Reader::new(Arc::clone(&map));
    growth(|| {
        for &id in &node.ids {
            black_box(reader.subject_of(&task(id, 0)));
        }
    })
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

/// Bytes by which resident memory grows over the work.
fn growth(work: impl FnOnce()) -> usize {
    let before = resident();
    work();
    resident().saturating_sub(before)
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}
