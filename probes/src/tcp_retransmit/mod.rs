//! Retransmitted segments and resets of TCP connections, by cgroup.
//!
//! Counts what the kernel counts as `RetransSegs` and `OutRsts` (RFC 4022). A reset that answers a packet for nobody, to
//! a closed port for example, has no owner. Older kernels
//! do not tell of a retransmission that the device refused.

use correlator::Signal;

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values};

/// Count: segments sent again, SYNs and answers to them included.
pub const RETRANSMITS: Signal = Signal::new("tcp.retransmits");
/// Count: resets sent.
pub const RESETS_SENT: Signal = Signal::new("tcp.resets_sent");
/// Count: resets received by a connection that lived or was being made.
pub const RESETS_RECEIVED: Signal = Signal::new("tcp.resets_received");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "tcp_retransmit",
    profile: Profile::Standard,
    watches: "TCP retransmissions and resets",
    object: aya::include_bytes_aligned!("tcp_retransmit.bpf.o"),
    programs: &[
        tracepoint("tcp_retransmit", "tcp_retransmit_skb"),
        tracepoint("tcp_retransmit_synack", "tcp_retransmit_synack"),
        tracepoint("tcp_send_reset", "tcp_send_reset"),
        tracepoint("tcp_receive_reset", "tcp_receive_reset"),
        tracepoint("tcp_retransmit_owner", "inet_sock_set_state"),
    ],
    losses: &["table full"],
    tables: &[Table {
        map: "troubles",
        values: Values::Four,
        signal,
    }],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

const fn tracepoint(name: &'static str, hook: &'static str) -> Program {
    Program {
        name,
        hook: Hook::Tracepoint(hook),
    }
}

fn signal(_: [u32; 2], place: usize) -> Option<Signal> {
    match place {
        0 => Some(RETRANSMITS),
        1 => Some(RESETS_SENT),
        2 => Some(RESETS_RECEIVED),
        _ => None,
    }
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}
