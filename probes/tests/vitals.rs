//! What a probe tells of itself: how full its ring was, and how long its programs ran.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::process::Command;
use std::time::Duration;

use aya::sys::{Stats, enable_stats};
use live::load;

#[test]
fn a_ring_that_was_read_tells_how_full_it_was_once() {
    let Some(mut loaded) = load("ring", &probes::process::PROBE) else {
        return;
    };
    assert!(Command::new("true").status().unwrap().success());
    while loaded.drain(1, |_| ()) > 0 {}
    let small = loaded.take_ring_peak().unwrap();
    assert!(
        small > 0.0 && small < 0.01,
        "one record of many that have room: {small}"
    );
    assert_eq!(loaded.take_ring_peak(), Some(0.0), "since it was last asked");
    for _ in 0..10 {
        assert!(Command::new("true").status().unwrap().success());
    }
    loaded.drain(1 << 15, |_| ());
    let large = loaded.take_ring_peak().unwrap();
    assert!(large > 5.0 * small, "{large} of {small}");
}

#[test]
fn programs_tell_how_long_they_ran_while_the_kernel_keeps_statistics() {
    let Some(loaded) = load("run time", &probes::process::PROBE) else {
        return;
    };
    let _kept_while_this_is_open = enable_stats(Stats::RunTime).unwrap();
    let before = loaded.run_time();
    assert!(Command::new("true").status().unwrap().success());
    let took = loaded.run_time().checked_sub(before).unwrap();
    assert!(took > Duration::ZERO && took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_probe_without_a_ring_has_none_to_tell_of() {
    let Some(mut loaded) = load("no ring", &probes::cpu_sched::PROBE) else {
        return;
    };
    assert_eq!(loaded.take_ring_peak(), None);
}
