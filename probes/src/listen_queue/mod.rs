//! Connections that listening sockets turned away because their queue was full, by cgroup.
//!
//! Counts the drops that the kernel notes on the socket (`sk_drops`, the `d` of `ss -lntm`): a SYN that found the accept
//! queue full is one, as in `TcpExtListenOverflows`. Rarer ones count too: a handshake that found it full only with its
//! last packet, twice; a full SYN queue; a packet that makes no sense to a listener.

use correlator::Signal;

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values};

/// Count: packets that a listener turned away.
pub const OVERFLOWS: Signal = Signal::new("listen.overflows");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "listen_queue",
    profile: Profile::Standard,
    watches: "connections turned away by full listen queues",
    object: aya::include_bytes_aligned!("listen_queue.bpf.o"),
    programs: &[
        Program {
            name: "listen_queue",
            hook: Hook::Tracepoint("inet_sock_set_state"),
        },
        Program {
            name: "listen_queue_walk",
            hook: Hook::Files,
        },
    ],
    losses: &["too many listeners at once", "table full"],
    tables: &[Table {
        map: "overflows",
        values: Values::One,
        signal,
    }],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

fn signal(_: [u32; 2], place: usize) -> Option<Signal> {
    (place == 0).then_some(OVERFLOWS)
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}
