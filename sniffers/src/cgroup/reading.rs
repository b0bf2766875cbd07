//! Reads one container's cgroup files, wherever each controller is mounted. What is absent is left out.

use std::path::{Path, PathBuf};

use pidmap::{ContainerCgroup, Hierarchy, Layout};

use super::charge::{charge_v1, charge_v2};
use super::cpu_stat::{Throttling, throttling_v1, throttling_v2, usage_v2};
use super::files::{Files, Place};
use super::flat_keyed::single;
use super::memory_limit::limit_v2;
use super::memory_stat::Split;
use super::oom_kills::{limit_hits, oom_kills};
use super::pressure::{Stalled, stalled};
use super::room::{self, Above};

/// Names under which the v1 cpu and cpuacct controllers are mounted, together or alone.
const CPU: [&str; 3] = ["cpu", "cpu,cpuacct", "cpuacct,cpu"];
const CPUACCT: [&str; 3] = ["cpuacct", "cpu,cpuacct", "cpuacct,cpu"];

/// What a container's cgroup files say now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) memory: Option<Memory>,
    pub(super) oom_kills: Option<Counter<u64>>,
    pub(super) limit_hits: Option<Counter<u64>>,
    /// CPU time, nanoseconds.
    pub(super) cpu_usage: Option<Counter<u64>>,
    pub(super) throttling: Option<Counter<Throttling>>,
    /// Stalled for want of memory, CPU and disk; cgroup v2 only.
    pub(super) memory_pressure: Option<Counter<Stalled>>,
    pub(super) cpu_pressure: Option<Counter<Stalled>>,
    pub(super) io_pressure: Option<Counter<Stalled>>,
    pub(super) processes: Option<Processes>,
}

/// How many processes and threads a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Processes {
    pub(super) current: u64,
    /// The lowest limit that holds for it; that of a pod counts all its containers.
    pub(super) limit: Option<u64>,
    /// How many more there may be.
    pub(super) headroom: Option<u64>,
}

/// Memory of a container, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) usage: u64,
    pub(super) split: Option<Split>,
    /// The lowest limit that holds for it.
    pub(super) limit: Option<u64>,
    /// The least that is left until some limit is met.
    pub(super) headroom: Option<u64>,
    pub(super) major_faults: Option<Counter<u64>>,
}

/// A counter and where it was read: counters of two hierarchies do not continue each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counter<T> {
    pub(super) from: Hierarchy,
    pub(super) value: T,
}

/// Reads a container below the cgroup root that `layout` was made of. What is above it is read once for all containers
/// that are read with the same `above`.
pub(super) fn read(root: &Path, layout: &Layout, container: &ContainerCgroup, above: &mut Above) -> Reading {
    let unified = place(layout.unified.as_deref(), container.unified.as_deref());
    let memory = place(layout.memory.as_deref(), container.memory.as_deref());
    let mut reading = Reading::default();
    if let (Some(directory), Some(tree)) = (&unified, &layout.unified) {
        let place = above.files.place(directory);
        reading = read_v2(directory, place, tree, above);
        // A controller is in one hierarchy only.
        if layout.memory.is_none() {
            let events = above.files.text(place, "memory.events").unwrap_or_default();
            reading.oom_kills = oom_kills(events).map(v2);
            reading.limit_hits = limit_hits(events).map(v2);
            reading.memory = memory_v2(directory, place, tree, above);
        }
    }
    if let (Some(directory), Some(tree)) = (&memory, &layout.memory) {
        let place = above.files.place(directory);
        reading.memory = memory_v1(directory, place, tree, above);
        let control = above.files.text(place, "memory.oom_control");
        reading.oom_kills = control.and_then(oom_kills).map(v1);
        reading.limit_hits = above.files.number(place, "memory.failcnt").map(v1);
    }
    let Some(path) = container.memory.as_deref() else {
        return reading;
    };
    if reading.processes.is_none() {
        let tree = root.join("pids");
        let directory = tree.join(path.trim_start_matches('/'));
        let place = above.files.place(&directory);
        reading.processes = processes(&directory, place, &tree, above);
    }
    let files = &mut above.files;
    if reading.cpu_usage.is_none() {
        reading.cpu_usage = first(files, root, &CPUACCT, path, "cpuacct.usage", single).map(v1);
    }
    if reading.throttling.is_none() {
        reading.throttling = first(files, root, &CPU, path, "cpu.stat", throttling_v1).map(v1);
    }
    reading
}

/// What cgroup v2 tells of a container wherever the memory controller is.
fn read_v2(directory: &Path, place: Place, tree: &Path, above: &mut Above) -> Reading {
    let processes = processes(directory, place, tree, above);
    let files = &mut above.files;
    let cpu = files.text(place, "cpu.stat").unwrap_or_default();
    let (cpu_usage, throttling) = (usage_v2(cpu).map(v2), throttling_v2(cpu).map(v2));
    let mut pressure = |file| files.text(place, file).and_then(stalled).map(v2);
    Reading {
        memory_pressure: pressure("memory.pressure"),
        cpu_pressure: pressure("cpu.pressure"),
        io_pressure: pressure("io.pressure"),
        processes,
        cpu_usage,
        throttling,
        ..Reading::default()
    }
}

fn memory_v2(directory: &Path, place: Place, tree: &Path, above: &mut Above) -> Option<Memory> {
    let charge = charge_v2(&mut above.files, place)?;
    let limit = above.files.text(place, "memory.max").and_then(limit_v2);
    let has_swap = above.swap_free.is_some();
    let own = room::memory_v2(&mut above.files, place, limit, Some(charge), has_swap);
    let room = own.within(above.memory_v2(directory, tree));
    Some(Memory {
        usage: charge.usage,
        split: charge.split,
        limit: room.limit,
        headroom: room.headroom(above.swap_free),
        major_faults: charge.major_faults.map(v2),
    })
}

fn memory_v1(directory: &Path, place: Place, tree: &Path, above: &mut Above) -> Option<Memory> {
    let charge = charge_v1(&mut above.files, place)?;
    let limit = room::limit_of_v1(&mut above.files, place);
    let has_swap = above.swap_free.is_some();
    let own = room::memory_v1(&mut above.files, place, limit, Some(&charge), has_swap);
    let room = room::by_hierarchy(own, above.memory_v1(directory, tree), &charge);
    Some(Memory {
        usage: charge.usage,
        split: charge.split,
        limit: room.limit,
        headroom: room.headroom(above.swap_free),
        major_faults: charge.major_faults.map(v1),
    })
}

/// The same files in v1 and v2 (`kernel/cgroup/pids.c`).
fn processes(directory: &Path, place: Place, tree: &Path, above: &mut Above) -> Option<Processes> {
    let current = above.files.number(place, "pids.current")?;
    let limit = above.files.number(place, "pids.max");
    let room = room::processes(limit, Some(current)).within(above.processes(directory, tree));
    Some(Processes {
        current,
        limit: room.limit,
        headroom: room.left,
    })
}

fn v1<T>(value: T) -> Counter<T> {
    let from = Hierarchy::Memory;
    Counter { from, value }
}

fn v2<T>(value: T) -> Counter<T> {
    let from = Hierarchy::Unified;
    Counter { from, value }
}

fn place(tree: Option<&Path>, path: Option<&str>) -> Option<PathBuf> {
    Some(tree?.join(path?.trim_start_matches('/')))
}

/// What the first of the mounts that has this file says in it.
fn first<T>(
    files: &mut Files,
    root: &Path,
    mounts: &[&str],
    path: &str,
    file: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    for mount in mounts {
        let place = files.place(&root.join(mount).join(path.trim_start_matches('/')));
        if let Some(text) = files.text(place, file) {
            return parse(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;

    const STAT_V2: &str = "anon 600\nactive_file 100\ninactive_file 200\nslab_reclaimable 50\npgmajfault 6\n";
    const STAT_V1: &str = "hierarchical_memory_limit 4096\ntotal_pgmajfault 8\ntotal_rss 10\ntotal_shmem 5\ntotal_active_file 100\ntotal_inactive_file 200\n";

    fn tree(files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn read_at(root: &TempDir, unified: Option<&str>, memory: Option<&str>) -> Reading {
        let container = ContainerCgroup {
            identity: Arc::default(),
            unified: unified.map(Into::into),
            memory: memory.map(Into::into),
        };
        read(root.path(), &Layout::of(root.path()), &container, &mut Above::default())
    }

    #[test]
    fn a_v2_container_has_the_lowest_limit_of_its_ancestors_and_the_least_that_is_left_of_one() {
        let root = tree(&[
            ("cgroup.controllers", "cpu memory\n"),
            ("kubepods/memory.max", "8000\n"),
            ("kubepods/memory.stat", STAT_V2),
            ("kubepods/memory.current", "8250\n"),
            ("kubepods/pod/memory.max", "2000\n"),
            ("kubepods/pod/memory.stat", STAT_V2),
            ("kubepods/pod/memory.current", "1100\n"),
            ("kubepods/pod/c/memory.max", "max\n"),
            ("kubepods/pod/c/memory.stat", STAT_V2),
            ("kubepods/pod/c/memory.current", "1000\n"),
            ("kubepods/pod/c/memory.events", "max 12\noom_kill 1\n"),
            ("kubepods/pod/pids.max", "50\n"),
            ("kubepods/pod/pids.current", "9\n"),
            ("kubepods/pod/c/pids.max", "max\n"),
            ("kubepods/pod/c/pids.current", "7\n"),
            (
                "kubepods/pod/c/memory.pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
            ),
            (
                "kubepods/pod/c/cpu.stat",
                "usage_usec 3\nnr_periods 5\nnr_throttled 2\nthrottled_usec 1\n",
            ),
        ]);
        let split = Split {
            unreclaimable: 650,
            cache: 350,
            active: 100,
            inactive: 200,
        };
        let expected = Reading {
            memory: Some(Memory {
                usage: 1000,
                split: Some(split),
                limit: Some(2000),
                headroom: Some(100),
                major_faults: Some(v2(6)),
            }),
            oom_kills: Some(v2(1)),
            limit_hits: Some(v2(12)),
            cpu_usage: Some(v2(3000)),
            throttling: Some(v2(Throttling {
                periods: 5,
                throttled: 2,
                time_ns: 1000,
            })),
            memory_pressure: Some(v2(Stalled {
                some_ns: 5000,
                full_ns: Some(4000),
            })),
            processes: Some(Processes {
                current: 7,
                limit: Some(50),
                headroom: Some(41),
            }),
            ..Reading::default()
        };
        assert_eq!(read_at(&root, Some("/kubepods/pod/c"), None), expected);
    }

    #[test]
    fn a_hybrid_container_is_read_where_each_controller_is() {
        let root = tree(&[
            ("unified/c/cpu.stat", "usage_usec 3\n"),
            ("memory/c/memory.stat", STAT_V1),
            ("memory/c/memory.usage_in_bytes", "1000\n"),
            ("memory/c/memory.failcnt", "6\n"),
            ("memory/c/memory.oom_control", "under_oom 0\noom_kill 4\n"),
            ("cpuacct/c/cpuacct.usage", "77\n"),
            ("cpu/c/cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 9\n"),
            ("pids/c/pids.current", "3\n"),
            ("unified/c/io.pressure", "some total=1\nfull total=0\n"),
        ]);
        let split = Split {
            unreclaimable: 700,
            cache: 300,
            active: 100,
            inactive: 200,
        };
        let expected = Reading {
            memory: Some(Memory {
                usage: 1000,
                split: Some(split),
                limit: Some(4096),
                headroom: Some(3396),
                major_faults: Some(v1(8)),
            }),
            oom_kills: Some(v1(4)),
            limit_hits: Some(v1(6)),
            cpu_usage: Some(v2(3000)),
            throttling: Some(v1(Throttling {
                periods: 5,
                throttled: 2,
                time_ns: 9,
            })),
            io_pressure: Some(v2(Stalled {
                some_ns: 1000,
                full_ns: Some(0),
            })),
            processes: Some(Processes {
                current: 3,
                limit: None,
                headroom: None,
            }),
            ..Reading::default()
        };
        assert_eq!(read_at(&root, Some("/c"), Some("/c")), expected);
        assert_eq!(read_at(&root, None, Some("/c")).cpu_usage, Some(v1(77)));
    }

    #[test]
    fn what_is_absent_or_gone_is_left_out_and_not_invented() {
        let root = tree(&[("memory/c/memory.usage_in_bytes", "1000\n"), ("unified/x", "")]);
        let memory = Memory {
            usage: 1000,
            split: None,
            limit: None,
            headroom: None,
            major_faults: None,
        };
        let expected = Reading {
            memory: Some(memory),
            ..Reading::default()
        };
        assert_eq!(read_at(&root, Some("/c"), Some("/c")), expected);
        assert_eq!(read_at(&root, Some("/gone"), Some("/gone")), Reading::default());
    }

    #[test]
    fn controllers_mounted_together_are_found() {
        let root = tree(&[("memory/x", ""), ("cpu,cpuacct/c/cpuacct.usage", "5\n")]);
        assert_eq!(read_at(&root, None, Some("/c")).cpu_usage, Some(v1(5)));
    }
}
