//! DNS queries as the asking side sees them: how long the answer took and what it says, over UDP and TCP.
//!
//! Feeds `dns.query` (spans: answered or timed out after 5 s), `dns.answer` (a fact for each failure, and for the good
//! answers that a name with the same first label was missing up to 5 to 10 s before, at most one a name and second), and
//! counts once a second: `dns.queries:<type>`, `dns.responses:<code>`, `dns.timeouts`, `dns.retries`,
//! `dns.malformed:<reason>` and answers that were late, unmatched, truncated (TC) or not read. Port 53 only; queries over
//! TCP are read where one whole message is in one segment, answers where one begins in a segment.
//!
//! `dns.queries_by_domain:<domain>` counts the same queries as `dns.query`: each that was answered or timed out, once. The
//! domain is the registered one by the public suffix list; of a Service that was found below `svc` in a domain of no public
//! suffix, it is `service.namespace.svc`. 32 domains a second of one owner are told apart, the rest is `~other`.
//!
//! The owner is the socket's v2 cgroup; where that is the root (hybrid hosts), the cgroups of the process that called
//! connect or sendto. A socket connected before the probe was loaded has no such stamp, and an answer of the first 5 s to
//! no query that waits is not counted as unmatched: its query may have been sent before.

pub mod code;
mod domain;
pub mod message;
pub mod name;
mod reader;
mod search;
mod tally;
mod waiting;

use correlator::Signal;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::probe::{Direction, Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Header, Record};

/// Span: a DNS query, to its answer or its timeout; the peer is the server.
pub const QUERY: Signal = Signal::new("dns.query");
/// Fact `Dns`: a query that failed, or the good answer that a search for a name ended with.
pub const ANSWER: Signal = Signal::new("dns.answer");

/// The probe.
pub const PROBE: Probe = Probe {
    name: "dns",
    profile: Profile::Standard,
    watches: "DNS queries",
    object: aya::include_bytes_aligned!("dns.bpf.o"),
    programs: &[
        of_address("dns_connect4", "connect4"),
        of_address("dns_connect6", "connect6"),
        of_address("dns_sendmsg4", "sendmsg4"),
        of_address("dns_sendmsg6", "sendmsg6"),
        // Replies first: a query that is seen while they are not yet would wait for its reply in vain.
        Program {
            name: "dns_ingress",
            hook: Hook::CgroupSkb(Direction::Ingress),
        },
        Program {
            name: "dns_egress",
            hook: Hook::CgroupSkb(Direction::Egress),
        },
    ],
    losses: &[
        "ring full",
        "query or asker not noted",
        "TCP query not in one segment",
        "answer left out: ring nearly full",
    ],
    tables: &[],
    sample_len: 0,
    decode: |_| Err(BadRecord::Kind),
    reader: Some(reader::open),
};

const fn of_address(name: &'static str, call: &'static str) -> Program {
    Program {
        name,
        hook: Hook::CgroupSockAddr(call),
    }
}

/// In [`DnsRecord::flags`]: a reply.
pub const REPLY: u8 = 1;
/// In [`DnsRecord::flags`]: the same query is on its way already.
pub const RETRY: u8 = 2;
/// In [`DnsRecord::flags`]: a reply after the timeout.
pub const LATE: u8 = 4;
/// In [`DnsRecord::flags`]: a reply to no query that was seen, or a second one.
pub const UNMATCHED: u8 = 8;

/// What ties a reply to its query, `struct query_key`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct QueryKey {
    /// The socket's, unique while the host is up.
    pub cookie: u64,
    /// Hash of the question's name and type.
    pub question: u32,
    /// The message's id, in network byte order.
    pub id: u16,
    /// Our port, in network byte order.
    pub local_port: u16,
}

/// What goes before a message, `struct dns_record`; `copied` bytes of the message follow, and then up to 520 of no use.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct DnsRecord {
    /// When it passed, and who asks.
    pub header: Header,
    /// Of a reply: since the query was sent first, nanoseconds.
    pub took_ns: u64,
    /// What ties replies to queries.
    pub key: QueryKey,
    /// Where the kernel side notes the query: index into its map.
    pub set: u32,
    /// Zero.
    pub unused: u32,
    /// The server's address; IPv4 is IPv4-mapped.
    pub remote: [u8; 16],
    /// The server's port.
    pub remote_port: u16,
    /// Bytes of the whole message.
    pub message_len: u16,
    /// Bytes of it in this record; fewer than `message_len` when it is longer than 512 or than its TCP segment.
    pub copied: u16,
    /// 1 over TCP.
    pub tcp: u8,
    /// [`REPLY`], [`RETRY`], [`LATE`], [`UNMATCHED`].
    pub flags: u8,
}

impl Record for DnsRecord {
    const KIND: u8 = 16;
}
