//! Bytes, round-trip times, lifetimes and accepts of TCP connections, by cgroup.
//!
//! Bytes are payload that the other side acknowledged (RFC 4898 `HCThruOctetsAcked`) and payload received in order. A
//! connection counts when it closes and, while it lives, when the files of all processes are walked. Of connections that
//! were there before the probe only what follows is counted, and no duration.

use correlator::Signal;

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values};

/// Count, bytes: payload sent and acknowledged.
pub const BYTES_SENT: Signal = Signal::new("tcp.bytes_sent");
/// Count, bytes: payload received in order.
pub const BYTES_RECEIVED: Signal = Signal::new("tcp.bytes_received");
/// Count: connections that a listener's handshake ended well for.
pub const ACCEPTS: Signal = Signal::new("tcp.accepts");
/// Histogram: the smoothed round-trip time of a connection when it closed, and whenever it was found to have moved bytes.
pub const RTT: Signal = Signal::new("tcp.rtt");
/// Histogram: from `ESTABLISHED` to `CLOSE`. How long a connection was of use, not a latency.
pub const CONNECTION_DURATION: Signal = Signal::new("tcp.connection_duration");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "tcp_traffic",
    profile: Profile::Standard,
    watches: "bytes, round-trip times and accepts of TCP connections",
    object: aya::include_bytes_aligned!("tcp_traffic.bpf.o"),
    programs: &[
        Program {
            name: "tcp_traffic",
            hook: Hook::Tracepoint("inet_sock_set_state"),
        },
        Program {
            name: "tcp_traffic_walk",
            hook: Hook::Files,
        },
    ],
    losses: &["too many connections at once", "table full"],
    tables: &[
        Table {
            map: "traffic",
            values: Values::Four,
            signal: of_traffic,
        },
        Table {
            map: "times",
            values: Values::Histogram,
            signal: of_times,
        },
    ],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

fn of_traffic(_: [u32; 2], place: usize) -> Option<Signal> {
    match place {
        0 => Some(BYTES_SENT),
        1 => Some(BYTES_RECEIVED),
        2 => Some(ACCEPTS),
        _ => None,
    }
}

fn of_times(sub: [u32; 2], _: usize) -> Option<Signal> {
    match sub[0] {
        0 => Some(RTT),
        1 => Some(CONNECTION_DURATION),
        _ => None,
    }
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}
