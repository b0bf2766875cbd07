//! Waits for a CPU that the tables hold, compared with what the scheduler itself says of the processes.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::time::Duration;

use correlator::{Body, Histogram};
use live::cgroup::{Cgroup, Running, rises, within};
use live::load;
use nix::sys::signal::Signal::SIGCONT;
use probes::Sighting;
use probes::cpu_sched::{CONTEXT_SWITCHES, PROBE, RUNQUEUE_WAIT};

const SPIN: &str = "exec taskset -c 0 sh -c 'while :; do :; done'";

fn waits(rises: &[Sighting]) -> Histogram {
    let of_waits = rises.iter().find(|sighting| sighting.signal == RUNQUEUE_WAIT);
    match of_waits.map(|sighting| &sighting.body) {
        Some(Body::Histogram(histogram)) => histogram.clone(),
        None => Histogram::default(),
        Some(other) => panic!("{other:?}"),
    }
}

fn switches(rises: &[Sighting]) -> u64 {
    let of_switches = rises.iter().find(|sighting| sighting.signal == CONTEXT_SWITCHES);
    match of_switches.map(|sighting| &sighting.body) {
        Some(Body::Count(count)) => *count,
        other => panic!("{other:?}"),
    }
}

/// Nanoseconds waited and times switched out, by the kernel's own books, of processes that stand still.
fn books(processes: &[Running]) -> (u64, u64) {
    let number = |text: &str| text.trim().parse::<u64>().unwrap();
    let waited = |process: &Running| number(process.proc("schedstat").split(' ').nth(1).unwrap());
    let switched = |process: &Running| -> u64 {
        let status = process.proc("status");
        let lines = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
        lines.map(|(_, count)| number(count)).sum()
    };
    (processes.iter().map(waited).sum(), processes.iter().map(switched).sum())
}

#[test]
fn neighbours_on_one_cpu_wait_in_their_own_cgroup_as_the_scheduler_says() {
    let Some(mut loaded) = load("cpu_sched", &PROBE) else {
        return;
    };
    let (Some(crowded), Some(idle)) = (Cgroup::new("crowded"), Cgroup::new("idle")) else {
        return;
    };
    let sleeper = idle.spawn("exec sleep 60");
    let spinners: Vec<_> = (0..3).map(|_| crowded.spawn(SPIN)).collect();
    while !spinners
        .iter()
        .all(|spinner| spinner.proc("cmdline").starts_with("sh\0-c\0while"))
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    spinners.iter().for_each(Running::stop);
    let before = books(&spinners);
    rises(&mut loaded);

    for spinner in &spinners {
        spinner.signal(SIGCONT);
    }
    std::thread::sleep(Duration::from_millis(500));
    spinners.iter().for_each(Running::stop);

    let after = books(&spinners);
    let seen = rises(&mut loaded);
    let (of_crowded, of_idle) = (within(&seen, crowded.id()), within(&seen, idle.id()));
    let (waited_ns, switched) = (after.0 - before.0, after.1 - before.1);
    let histogram = waits(&of_crowded);

    // Up to 4 of about 140 switches were not seen on one virtual machine; why is not known.
    let traced = switches(&of_crowded);
    assert!(
        traced <= switched && traced > switched - switched / 10,
        "{traced} of {switched}"
    );
    let ended = histogram.counts.iter().sum::<u64>();
    assert_eq!(ended, traced, "every switch ends a wait");
    let missed = waited_ns - waited_ns / 10 > histogram.sum_ns;
    let invented = histogram.sum_ns > waited_ns + waited_ns / 50;
    assert!(
        !missed && !invented,
        "{} ns, {waited_ns} by schedstat",
        histogram.sum_ns
    );
    assert!(
        histogram.sum_ns > 500_000_000,
        "three on one CPU: {} ns",
        histogram.sum_ns
    );
    assert!(waits(&of_idle).sum_ns < histogram.sum_ns / 100, "{of_idle:?}");
    assert!(loaded.take_losses().is_empty());
    drop((spinners, sleeper));
}
