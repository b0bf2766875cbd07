//! TCP connects of the client side: how long the handshake took and how it ended.
//!
//! Feeds `tcp.connect`. A connect that fails before a SYN is sent (no route, no free port) is not seen here.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use correlator::{Body, Outcome, Peer, signals};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Header, Record, Sighting, read};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "tcp_connect",
    profile: Profile::Standard,
    watches: "TCP connects",
    object: aya::include_bytes_aligned!("tcp_connect.bpf.o"),
    programs: &[Program {
        name: "tcp_connect",
        hook: Hook::Tracepoint("inet_sock_set_state"),
    }],
    losses: &[
        "ring full",
        "start of the connect not seen",
        "good connect left out: ring nearly full",
    ],
    tables: &[],
    sample_len: 0,
    decode,
    reader: None,
};

/// One connect, `struct tcp_connect_record`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct TcpConnectRecord {
    /// When it ended and who called connect.
    pub header: Header,
    /// From `SYN_SENT` to the end, nanoseconds.
    pub took_ns: u64,
    /// Our address; IPv4 is IPv4-mapped.
    pub local: [u8; 16],
    /// The other side's address; IPv4 is IPv4-mapped.
    pub remote: [u8; 16],
    /// Our port.
    pub local_port: u16,
    /// The other side's port.
    pub remote_port: u16,
    /// errno of the failure; 0 when our side closed the socket.
    pub error: u16,
    /// 1 when the handshake ended well.
    pub established: u8,
    /// Zero.
    pub unused: u8,
}

impl Record for TcpConnectRecord {
    const KIND: u8 = 1;
}

fn decode(bytes: &[u8]) -> Result<Sighting, BadRecord> {
    let record: TcpConnectRecord = read(bytes)?;
    let outcome = match record.established {
        0 => Outcome::of_connect_errno(record.error),
        _ => Outcome::Ok,
    };
    let peer = Peer {
        address: IpAddr::from(Ipv6Addr::from(record.remote)).to_canonical(),
        port: record.remote_port,
    };
    let body = Body::Span {
        took: Duration::from_nanos(record.took_ns),
        outcome,
        peer: Some(peer),
    };
    Ok(record.header.sighting(signals::TCP_CONNECT, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::header_of;

    fn span(established: u8, error: u16, remote: Ipv6Addr) -> (Outcome, String) {
        let record = TcpConnectRecord {
            header: header_of::<TcpConnectRecord>(),
            took_ns: 5,
            local: [0; 16],
            remote: remote.octets(),
            local_port: 1,
            remote_port: 443,
            error,
            established,
            unused: 0,
        };
        match decode(record.as_bytes()).unwrap().body {
            Body::Span { outcome, peer: Some(peer), took } if took == Duration::from_nanos(5) => (outcome, peer.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_established_connect_is_ok_and_a_mapped_address_is_ipv4() {
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(span(1, 0, mapped), (Outcome::Ok, "10.0.0.1:443".to_owned()));
    }

    #[test]
    fn a_failed_connect_keeps_its_errno() {
        let address = "fd00::1".parse().unwrap();
        assert_eq!(span(0, 111, address), (Outcome::Refused, "[fd00::1]:443".to_owned()));
        assert_eq!(span(0, 0, address).0, Outcome::Aborted);
    }
}
