//! Bytes and packets by cgroup, and with how many peers it talks.
//!
//! Feeds the signals below. A socket's packets belong to the v2 cgroup that it was made in; v1 hierarchies have no say, so
//! on a hybrid host whose runtime makes no v2 cgroups nothing is told. Bytes are those of the IP packets, headers included.

use correlator::Signal;

use crate::probe::{Direction, Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, Values};

/// Count: bytes of IP packets that sockets sent; the headers of packets sent as one are counted once.
pub const BYTES_SENT: Signal = Signal::new("net.bytes_sent");
/// Count: bytes of IP packets that sockets received.
pub const BYTES_RECEIVED: Signal = Signal::new("net.bytes_received");
/// Count: IP packets that sockets sent.
pub const PACKETS_SENT: Signal = Signal::new("net.packets_sent");
/// Count: IP packets that sockets received.
pub const PACKETS_RECEIVED: Signal = Signal::new("net.packets_received");
/// Gauge: different peers (address, port, TCP or UDP) that packets went to or came from within 8.6 seconds. Of more than
/// 16384 flows on the node some are counted twice.
pub const ACTIVE_FLOWS: Signal = Signal::new("net.active_flows");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "net_flow",
    profile: Profile::Comprehensive,
    watches: "bytes, packets and flows",
    object: aya::include_bytes_aligned!("net_flow.bpf.o"),
    programs: &[
        Program {
            name: "flow_sent",
            hook: Hook::CgroupSkb(Direction::Egress),
        },
        Program {
            name: "flow_received",
            hook: Hook::CgroupSkb(Direction::Ingress),
        },
    ],
    losses: &["table full", "no room for a flow"],
    tables: &[
        Table {
            map: "traffic",
            values: Values::Four,
            signal: traffic,
        },
        Table {
            map: "active",
            values: Values::SeenInEpoch,
            signal: |_, _| Some(ACTIVE_FLOWS),
        },
    ],
    sample_len: 0,
    decode: no_records,
    reader: None,
};

fn traffic(_: [u32; 2], place: usize) -> Option<Signal> {
    [BYTES_SENT, BYTES_RECEIVED, PACKETS_SENT, PACKETS_RECEIVED]
        .into_iter()
        .nth(place)
}

fn no_records(_: &[u8]) -> Result<Sighting, BadRecord> {
    Err(BadRecord::Kind)
}
