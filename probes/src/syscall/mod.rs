//! System calls by cgroup: how many of each, which failed and how, and how long some of them took.
//!
//! Feeds `syscall.calls:<name>`, `syscall.errors:<name>:<ERRNO>`, `syscall.errno:<name>:<ERRNO>` and
//! `syscall.latency:<name>`. Before Linux 5.11 an LRU hash stands in for task storage. A call is counted where its task is at
//! the end of it; calls that do not return (exit, a successful execve of a killed thread) are not counted.

use correlator::Signal;

use crate::calls::{name_of_call, name_of_errno};
use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values, labelled};

/// Count: calls that ended, `:<name>`.
pub const CALLS: &str = "syscall.calls";
/// Histogram: time in the calls that are timed, `:<name>`.
pub const LATENCY: &str = "syscall.latency";
/// Count: calls that failed, `:<name>:<ERRNO>`.
pub const ERRORS: &str = "syscall.errors";
/// Count: those of [`ERRORS`] that say that something ran out or cannot be reached: `EMFILE`, `ENFILE`, `ENOSPC`,
/// `EADDRINUSE`, `EADDRNOTAVAIL`, `ECONNREFUSED`, `ETIMEDOUT` (not of futex), and `EAGAIN` of calls that make tasks.
pub const WANTS: &str = "syscall.errno";

/// The probe.
pub const PROBE: Probe = Probe {
    name: "syscall",
    profile: Profile::Comprehensive,
    watches: "system calls",
    object: aya::include_bytes_aligned!("syscall.bpf.o"),
    programs: &[
        Program {
            name: "syscall_enter",
            hook: Hook::Tracepoint("sys_enter"),
        },
        Program {
            name: "syscall_exit",
            hook: Hook::Tracepoint("sys_exit"),
        },
    ],
    losses: &["no storage for a task", "table full"],
    tables: &[
        Table {
            map: "calls",
            values: Values::One,
            signal: |[number, _], _| Some(labelled(CALLS, &[name_of_call(number)])),
        },
        Table {
            map: "timed",
            values: Values::HistogramAndOne,
            signal: timed,
        },
        Table {
            map: "errors",
            values: Values::One,
            signal: |sub, _| Some(failure(ERRORS, sub)),
        },
        Table {
            map: "wants",
            values: Values::One,
            signal: |sub, _| Some(failure(WANTS, sub)),
        },
    ],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

fn timed([number, _]: [u32; 2], place: usize) -> Option<Signal> {
    let name = [LATENCY, CALLS].get(place)?;
    Some(labelled(name, &[name_of_call(number)]))
}

fn failure(name: &'static str, [number, errno]: [u32; 2]) -> Signal {
    labelled(name, &[name_of_call(number), &name_of_errno(errno)])
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}
