//! Reads, writes and syncs of files that took ten milliseconds or longer, by cgroup.
//!
//! Feeds the signals below. Seen are the calls that name a descriptor of a regular file or a block device, `msync`, faults
//! on mapped files and `io_uring` are not. Before Linux 5.11 an LRU hash stands in for task storage.

use correlator::Signal;

use crate::calls::{READS, SYNCS, WRITES};
use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values};

/// Histogram: how long the slow ones of `read`, `pread64`, `readv` and their like took.
pub const SLOW_READS: Signal = Signal::new("file.slow_reads");
/// Histogram: the same of `write` and its like.
pub const SLOW_WRITES: Signal = Signal::new("file.slow_writes");
/// Histogram: the same of `fsync`, `fdatasync` and `sync_file_range`.
pub const SLOW_SYNCS: Signal = Signal::new("file.slow_syncs");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "file",
    profile: Profile::Comprehensive,
    watches: "slow reads, writes and syncs of files",
    object: aya::include_bytes_aligned!("file.bpf.o"),
    programs: &[
        Program {
            name: "file_enter",
            hook: Hook::Tracepoint("sys_enter"),
        },
        Program {
            name: "file_exit",
            hook: Hook::Tracepoint("sys_exit"),
        },
    ],
    losses: &["no storage for a task", "table full"],
    tables: &[Table {
        map: "slow",
        values: Values::Histogram,
        signal,
    }],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

fn signal([kind, _]: [u32; 2], _: usize) -> Option<Signal> {
    match u8::try_from(kind) {
        Ok(READS) => Some(SLOW_READS),
        Ok(WRITES) => Some(SLOW_WRITES),
        Ok(SYNCS) => Some(SLOW_SYNCS),
        _ => None,
    }
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_named_by_its_kind_and_one_of_no_kind_is_left_out() {
        assert_eq!(signal([u32::from(SYNCS), 0], 0), Some(SLOW_SYNCS));
        assert_eq!(signal([u32::from(READS | WRITES), 0], 0), None);
        assert_eq!(signal([1000, 0], 0), None);
    }
}
