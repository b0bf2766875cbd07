//! Slow reads, writes and syncs that are made on purpose, and waits that are none.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use correlator::{Body, Histogram, Signal};
use live::cgroup::{Cgroup, rises, within};
use live::load;
use probes::file::{PROBE, SLOW_READS, SLOW_SYNCS, SLOW_WRITES};
use probes::{Loaded, Sighting};

/// Copied in one call, this takes longer than ten milliseconds even from memory to memory.
const LARGE: usize = 256 << 20;

/// A file of ours, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("tapio-{name}-{}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn start(test: &str) -> Option<(Loaded, Cgroup)> {
    Some((load(test, &PROBE)?, Cgroup::new(test)?))
}

fn slow(rises: &[Sighting], signal: &Signal) -> Histogram {
    let of_signal = rises.iter().find(|sighting| sighting.signal == *signal);
    match of_signal.map(|sighting| &sighting.body) {
        None => Histogram::default(),
        Some(Body::Histogram(histogram)) => histogram.clone(),
        Some(other) => panic!("{other:?}"),
    }
}

fn number(rises: &[Sighting], signal: &Signal) -> u64 {
    slow(rises, signal).counts.iter().sum()
}

#[test]
fn one_large_write_and_one_large_read_of_a_file_are_slow() {
    let Some((mut loaded, cgroup)) = start("slow-files") else {
        return;
    };
    let file = Scratch::new("large");
    let path = file.0.display();
    // As slow are the read of /dev/zero, which is no file, and often the write that moves the shell to its cgroup.
    cgroup.run(&format!(
        "exec dd if=/dev/zero of={path} bs={LARGE} count=1 status=none"
    ));
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(number(&ours, &SLOW_WRITES), 1, "{ours:#?}");
    assert_eq!(number(&ours, &SLOW_READS), 0, "{ours:#?}");
    let took = slow(&ours, &SLOW_WRITES);
    assert!(took.sum_ns >= 10_000_000 && took.sum_ns < 60_000_000_000, "{took:?}");

    cgroup.run(&format!(
        "exec dd if={path} of=/dev/null bs={LARGE} count=1 status=none"
    ));
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(number(&ours, &SLOW_READS), 1, "{ours:#?}");
    assert_eq!(number(&ours, &SLOW_WRITES), 0, "{ours:#?}");
    assert!(loaded.take_losses().is_empty());
}

#[test]
fn a_wait_for_a_pipe_is_no_slow_read() {
    let Some((mut loaded, cgroup)) = start("quick-files") else {
        return;
    };
    let file = Scratch::new("small");
    let path = file.0.display();
    cgroup.run(&format!("{{ sleep 0.1; echo late; }} | cat > {path}"));
    assert_eq!(std::fs::read_to_string(&file.0).unwrap(), "late\n");
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(number(&ours, &SLOW_READS), 0, "{ours:#?}");
}

/// How long this machine takes to put a large file on its disk.
fn sync_takes() -> Duration {
    let path = Scratch::new("sync-takes");
    let mut file = File::create(&path.0).unwrap();
    file.write_all(&vec![1; LARGE]).unwrap();
    let start = Instant::now();
    file.sync_all().unwrap();
    start.elapsed()
}

#[test]
fn a_sync_of_a_large_file_is_slow() {
    let Some((mut loaded, cgroup)) = start("slow-sync") else {
        return;
    };
    let takes = sync_takes();
    if takes < Duration::from_millis(30) {
        eprintln!("SKIPPED a slow sync: this disk needs {takes:?} only");
        return;
    }
    let file = Scratch::new("synced");
    let path = file.0.display();
    cgroup.run(&format!(
        "exec dd if=/dev/zero of={path} bs={LARGE} count=1 conv=fsync status=none"
    ));
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(number(&ours, &SLOW_SYNCS), 1, "{ours:#?}; alone it took {takes:?}");
}
