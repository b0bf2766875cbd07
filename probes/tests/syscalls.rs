//! System calls that are made on purpose in a cgroup of ours, and counted there to the last one.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use correlator::{Body, Histogram};
use live::cgroup::{Cgroup, rises, within};
use live::load;
use probes::syscall::PROBE;
use probes::{Loaded, Sighting};

fn start(test: &str) -> Option<(Loaded, Cgroup)> {
    Some((load(test, &PROBE)?, Cgroup::new(test)?))
}

/// What is said of one signal.
fn body<'a>(rises: &'a [Sighting], signal: &str) -> Option<&'a Body> {
    let mut of_signal = rises.iter().filter(|sighting| sighting.signal.name() == signal);
    let body = of_signal.next().map(|sighting| &sighting.body);
    assert!(of_signal.next().is_none(), "{signal} twice");
    body
}

fn count(rises: &[Sighting], signal: &str) -> u64 {
    match body(rises, signal) {
        None => 0,
        Some(Body::Count(count)) => *count,
        Some(other) => panic!("{other:?}"),
    }
}

fn histogram<'a>(rises: &'a [Sighting], signal: &str) -> &'a Histogram {
    match body(rises, signal) {
        Some(Body::Histogram(histogram)) => histogram,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_are_counted_exactly_and_in_their_own_cgroup() {
    let Some((mut loaded, cgroup)) = start("calls") else {
        return;
    };
    let Some(neighbour) = Cgroup::new("calls-not") else {
        return;
    };
    let idle = neighbour.spawn("exec sleep 60");
    cgroup.run("exec dd if=/dev/zero of=/dev/null bs=1 count=5000 status=none");

    let all = rises(&mut loaded);
    let ours = within(&all, cgroup.id());
    // The shell's write that moves it ends in the cgroup already.
    assert_eq!(count(&ours, "syscall.calls:write"), 5001, "{ours:#?}");
    assert_eq!(
        histogram(&ours, "syscall.latency:write").counts.iter().sum::<u64>(),
        5001
    );
    assert!(count(&within(&all, neighbour.id()), "syscall.calls:write") <= 1);

    cgroup.run("exec dd if=/dev/zero of=/dev/null bs=1 count=10 status=none");
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(count(&ours, "syscall.calls:write"), 11, "only what rose is told");
    assert!(loaded.take_losses().is_empty());
    drop(idle);
}

#[test]
fn failed_opens_are_counted_with_their_errno() {
    let Some((mut loaded, cgroup)) = start("opens") else {
        return;
    };
    cgroup.run("i=0; while [ $i -lt 50 ]; do true < /tapio-has-no-such-file; i=$((i+1)); done");
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(count(&ours, "syscall.errors:openat:ENOENT"), 50, "{ours:#?}");
    assert_eq!(count(&ours, "syscall.calls:openat"), 50);
    assert_eq!(body(&ours, "syscall.errno:openat:ENOENT"), None);
}

#[test]
fn a_process_that_runs_out_of_descriptors_says_so() {
    let Some((mut loaded, cgroup)) = start("emfile") else {
        return;
    };
    cgroup.run("ulimit -n 3; for i in 1 2 3 4; do true < /dev/null; done");
    let ours = within(&rises(&mut loaded), cgroup.id());
    assert_eq!(count(&ours, "syscall.errors:openat:EMFILE"), 4, "{ours:#?}");
    assert_eq!(count(&ours, "syscall.errno:openat:EMFILE"), 4);
}

#[test]
fn a_read_that_waits_is_measured_from_entry_to_exit() {
    let Some((mut loaded, cgroup)) = start("waiting-read") else {
        return;
    };
    cgroup.run("{ sleep 0.2; echo done; } | cat > /dev/null");
    let ours = within(&rises(&mut loaded), cgroup.id());
    let reads = histogram(&ours, "syscall.latency:read");
    assert_eq!(reads.counts.iter().sum::<u64>(), count(&ours, "syscall.calls:read"));
    // 2^26 ns are 67 ms, 2^29 half a second.
    let long: u64 = reads.counts.iter().skip(26).sum();
    assert_eq!(long, 1, "{reads:?}");
    assert!(reads.sum_ns > 100_000_000, "{reads:?}");
    assert!(body(&ours, "syscall.latency:exit_group").is_none());
}
