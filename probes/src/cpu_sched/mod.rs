//! How long runnable tasks wait for a CPU, and how often they get one.
//!
//! Feeds [`RUNQUEUE_WAIT`] and [`CONTEXT_SWITCHES`], by cgroup. Before Linux 5.11 an LRU hash stands in for task storage.

use correlator::Signal;

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values};

/// Histogram: from being woken or preempted to being given a CPU.
pub const RUNQUEUE_WAIT: Signal = Signal::new("cpu.runqueue_wait");
/// Count: how often a task was given a CPU.
pub const CONTEXT_SWITCHES: Signal = Signal::new("cpu.context_switches");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "cpu_sched",
    profile: Profile::Standard,
    watches: "waits for a CPU",
    object: aya::include_bytes_aligned!("cpu_sched.bpf.o"),
    programs: &[
        Program {
            name: "cpu_wakeup",
            hook: Hook::Tracepoint("sched_wakeup"),
        },
        Program {
            name: "cpu_wakeup_new",
            hook: Hook::Tracepoint("sched_wakeup_new"),
        },
        Program {
            name: "cpu_switch",
            hook: Hook::Tracepoint("sched_switch"),
        },
    ],
    losses: &["no storage for a task", "table full"],
    tables: &[Table {
        map: "switches",
        values: Values::HistogramAndOne,
        signal,
    }],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

fn signal(_: [u32; 2], place: usize) -> Option<Signal> {
    [RUNQUEUE_WAIT, CONTEXT_SWITCHES].into_iter().nth(place)
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}
