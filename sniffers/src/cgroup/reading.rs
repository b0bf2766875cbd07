//! Reads one container's cgroup files, wherever each controller is mounted. What is absent is left out.

use std::fs;
use std::path::{Path, PathBuf};

use pidmap::{ContainerCgroup, Hierarchy, Layout};

use super::cpu_stat::{Throttling, throttling_v1, throttling_v2, usage_v2};
use super::flat_keyed::single;
use super::memory_limit::{limit_v1, limit_v2};
use super::memory_stat::{Split, split_v1, split_v2};
use super::oom_kills::oom_kills;
use super::pressure::{Stalled, stalled};

/// Names under which the v1 cpu and cpuacct controllers are mounted, together or alone.
const CPU: [&str; 3] = ["cpu", "cpu,cpuacct", "cpuacct,cpu"];
const CPUACCT: [&str; 3] = ["cpuacct", "cpu,cpuacct", "cpuacct,cpu"];

/// What a container's cgroup files say now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) memory: Option<Memory>,
    pub(super) oom_kills: Option<Counter<u64>>,
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
}

/// Memory of a container, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) usage: u64,
    pub(super) split: Option<Split>,
    /// The lowest limit that holds for it.
    pub(super) limit: Option<u64>,
}

/// A counter and where it was read: counters of two hierarchies do not continue each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counter<T> {
    pub(super) from: Hierarchy,
    pub(super) value: T,
}

/// Reads a container below the cgroup root that `layout` was made of.
pub(super) fn read(root: &Path, layout: &Layout, container: &ContainerCgroup) -> Reading {
    let unified = place(layout.unified.as_deref(), container.unified.as_deref());
    let memory = place(layout.memory.as_deref(), container.memory.as_deref());
    let mut reading = Reading::default();
    if let (Some(directory), Some(tree)) = (&unified, &layout.unified) {
        reading = read_v2(directory, tree);
    }
    if let (None, Some(directory)) = (reading.memory, &memory) {
        reading.memory = memory_v1(directory);
        reading.oom_kills = text(directory, "memory.oom_control")
            .and_then(|text| oom_kills(&text))
            .map(v1);
    }
    let Some(path) = container.memory.as_deref() else {
        return reading;
    };
    if reading.processes.is_none() {
        let tree = root.join("pids");
        reading.processes = processes(&tree.join(path.trim_start_matches('/')), &tree);
    }
    if reading.cpu_usage.is_none() {
        reading.cpu_usage = first(root, &CPUACCT, path, "cpuacct.usage")
            .and_then(|text| single(&text))
            .map(v1);
    }
    if reading.throttling.is_none() {
        reading.throttling = first(root, &CPU, path, "cpu.stat")
            .and_then(|text| throttling_v1(&text))
            .map(v1);
    }
    reading
}

fn read_v2(directory: &Path, tree: &Path) -> Reading {
    let cpu = text(directory, "cpu.stat").unwrap_or_default();
    let pressure = |file| text(directory, file).and_then(|text| stalled(&text)).map(v2);
    Reading {
        memory_pressure: pressure("memory.pressure"),
        cpu_pressure: pressure("cpu.pressure"),
        io_pressure: pressure("io.pressure"),
        processes: processes(directory, tree),
        memory: memory_v2(directory, tree),
        oom_kills: text(directory, "memory.events")
            .and_then(|text| oom_kills(&text))
            .map(v2),
        cpu_usage: usage_v2(&cpu).map(v2),
        throttling: throttling_v2(&cpu).map(v2),
    }
}

fn memory_v2(directory: &Path, tree: &Path) -> Option<Memory> {
    // The order matters: the stat may be older than the usage, never newer.
    let stat = text(directory, "memory.stat");
    let usage = single(&text(directory, "memory.current")?)?;
    Some(Memory {
        usage,
        split: stat.and_then(|stat| split_v2(&stat, usage)),
        limit: lowest(directory, tree, "memory.max"),
    })
}

/// The same files in v1 and v2 (`kernel/cgroup/pids.c`).
fn processes(directory: &Path, tree: &Path) -> Option<Processes> {
    Some(Processes {
        current: single(&text(directory, "pids.current")?)?,
        limit: lowest(directory, tree, "pids.max"),
    })
}

/// The lowest limit in the file of this name, here or above; `max` is none.
fn lowest(directory: &Path, tree: &Path, file: &str) -> Option<u64> {
    let ancestors = directory.ancestors().take_while(|ancestor| ancestor.starts_with(tree));
    ancestors.filter_map(|ancestor| limit_v2(&text(ancestor, file)?)).min()
}

fn memory_v1(directory: &Path) -> Option<Memory> {
    let stat = text(directory, "memory.stat");
    let usage = single(&text(directory, "memory.usage_in_bytes")?)?;
    let kernel = text(directory, "memory.kmem.usage_in_bytes").and_then(|text| single(&text));
    Some(Memory {
        usage,
        split: stat.as_ref().and_then(|stat| split_v1(stat, usage, kernel)),
        limit: stat.as_ref().and_then(|stat| limit_v1(stat)),
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

fn first(root: &Path, mounts: &[&str], path: &str, file: &str) -> Option<String> {
    mounts
        .iter()
        .find_map(|mount| text(&root.join(mount).join(path.trim_start_matches('/')), file))
}

fn text(directory: &Path, file: &str) -> Option<String> {
    fs::read(directory.join(file))
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;

    const STAT_V2: &str = "anon 600\nactive_file 100\ninactive_file 200\nslab_reclaimable 50\n";
    const STAT_V1: &str =
        "hierarchical_memory_limit 4096\ntotal_rss 10\ntotal_shmem 5\ntotal_active_file 100\ntotal_inactive_file 200\n";

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
        read(root.path(), &Layout::of(root.path()), &container)
    }

    #[test]
    fn a_v2_container_has_the_lowest_limit_of_its_ancestors() {
        let root = tree(&[
            ("cgroup.controllers", "cpu memory\n"),
            ("kubepods/memory.max", "8000\n"),
            ("kubepods/pod/memory.max", "2000\n"),
            ("kubepods/pod/c/memory.max", "max\n"),
            ("kubepods/pod/c/memory.stat", STAT_V2),
            ("kubepods/pod/c/memory.current", "1000\n"),
            ("kubepods/pod/c/memory.events", "oom_kill 1\n"),
            ("kubepods/pod/pids.max", "50\n"),
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
        };
        let expected = Reading {
            memory: Some(Memory {
                usage: 1000,
                split: Some(split),
                limit: Some(2000),
            }),
            oom_kills: Some(v2(1)),
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
            ("memory/c/memory.oom_control", "under_oom 0\noom_kill 4\n"),
            ("cpuacct/c/cpuacct.usage", "77\n"),
            ("cpu/c/cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 9\n"),
            ("pids/c/pids.current", "3\n"),
            ("unified/c/io.pressure", "some total=1\nfull total=0\n"),
        ]);
        let split = Split {
            unreclaimable: 700,
            cache: 300,
        };
        let expected = Reading {
            memory: Some(Memory {
                usage: 1000,
                split: Some(split),
                limit: Some(4096),
            }),
            oom_kills: Some(v1(4)),
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
