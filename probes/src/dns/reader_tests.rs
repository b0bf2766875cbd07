//! The reader, with the kernel's notes made up.

use std::collections::BTreeMap;

use zerocopy::IntoBytes as _;

use super::*;
use crate::dns::waiting::TIMEOUT_NS;
use crate::record::tests::header_of;

/// Queries that the kernel still waits for, by cookie; and a socket with more than could be read.
#[derive(Default)]
struct Noted(BTreeMap<u64, u64>);

const UNREAD_COOKIE: u64 = 66;

impl Notes for Noted {
    fn sent_at(&self, _: u32, key: &QueryKey) -> Option<u64> {
        self.0.get(&key.cookie).copied()
    }

    fn is_unread(&self, cookie: u64) -> bool {
        cookie == UNREAD_COOKIE
    }
}

/// A message about A of `name` of one label.
fn message(flags: u16, name: &[u8]) -> Vec<u8> {
    let words = [7, flags, 1, 0, 0, 0];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend(name);
    bytes.extend(b"\0\0\x01\0\x01");
    bytes
}

/// What goes before the message.
fn head(cookie: u64, ktime_ns: u64, flags: u8) -> DnsRecord {
    let mut header = header_of::<DnsRecord>();
    header.ktime_ns = ktime_ns;
    DnsRecord {
        header,
        took_ns: 3_000_000,
        key: QueryKey {
            cookie,
            ..QueryKey::default()
        },
        set: 0,
        unused: 0,
        remote: std::net::Ipv4Addr::new(10, 96, 0, 10).to_ipv6_mapped().octets(),
        remote_port: 53,
        message_len: 0,
        copied: 0,
        tcp: 0,
        flags,
    }
}

/// Both, with the free bytes at the end that the kernel side leaves.
fn bytes_of(mut head: DnsRecord, message: &[u8]) -> Vec<u8> {
    head.copied = u16::try_from(message.len()).unwrap();
    head.header.len = u32::try_from(size_of::<DnsRecord>() + message.len() + 8).unwrap();
    [head.as_bytes(), message, &[0; 8]].concat()
}

struct Run {
    reader: DnsReader<Noted>,
    seen: Vec<Sighting>,
}

impl Run {
    fn new() -> Self {
        let (reader, seen) = (DnsReader::new(Noted::default()), Vec::new());
        Self { reader, seen }
    }

    /// A query that the kernel side notes.
    fn ask(&mut self, cookie: u64, ktime_ns: u64, name: &[u8]) {
        self.reader.notes.0.insert(cookie, ktime_ns);
        self.read(head(cookie, ktime_ns, 0), &message(0x0100, name));
    }

    fn answer(&mut self, cookie: u64, rcode: u16, name: &[u8]) {
        self.reader.notes.0.remove(&cookie);
        self.read(head(cookie, 9, REPLY), &message(0x8180 | rcode, name));
    }

    fn read(&mut self, head: DnsRecord, message: &[u8]) {
        let seen = &mut self.seen;
        let read = self.reader.read(&bytes_of(head, message), &mut |sighting| seen.push(sighting));
        assert_eq!(read, Ok(()));
    }

    fn tick(&mut self, ktime_ns: u64) {
        let seen = &mut self.seen;
        self.reader.tick(ktime_ns, &mut |sighting| seen.push(sighting));
    }

    fn count(&self, signal: &str) -> u64 {
        let counts = self.seen.iter().filter(|sighting| sighting.signal.name() == signal);
        counts
            .map(|sighting| match sighting.body {
                Body::Count(count) => count,
                _ => panic!("{sighting:?}"),
            })
            .sum()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |sighting: &Sighting| match sighting.body {
            Body::Span { outcome, .. } => Some(outcome),
            _ => None,
        };
        self.seen.iter().filter_map(outcome).collect()
    }

    /// Name, type and code of the facts.
    fn facts(&self) -> Vec<String> {
        let fact = |sighting: &Sighting| match &sighting.body {
            Body::Fact(Fact::Dns(answer)) => Some(format!(
                "{} {} {}",
                answer.name,
                answer.qtype,
                answer.rcode.as_deref().unwrap_or("none")
            )),
            _ => None,
        };
        self.seen.iter().filter_map(fact).collect()
    }
}

const LATER: u64 = 2 * TIMEOUT_NS;

#[test]
fn an_answer_is_a_span_and_three_counts() {
    let mut run = Run::new();
    run.ask(1, 5, b"db");
    run.answer(1, 0, b"db");
    run.tick(LATER);
    let Body::Span { took, outcome, peer: Some(peer) } = &run.seen[0].body else {
        panic!("{:?}", run.seen)
    };
    assert_eq!((*took, *outcome), (Duration::from_millis(3), Outcome::Ok));
    assert_eq!(peer.to_string(), "10.96.0.10:53");
    assert_eq!((run.count("dns.queries:A"), run.count("dns.responses:NOERROR")), (1, 1));
    assert_eq!((run.count("dns.queries_by_domain:db"), run.seen.len()), (1, 4));
}

#[test]
fn a_failure_is_a_fact_too_with_the_name_that_was_asked_for() {
    let mut run = Run::new();
    run.ask(1, 5, b"db.");
    run.answer(1, 3, b"other");
    assert_eq!(run.outcomes(), [Outcome::NameMissing]);
    assert_eq!(run.facts(), [r"db\. A NXDOMAIN"]);
}

#[test]
fn an_unanswered_query_times_out_once_and_its_late_answer_is_only_counted() {
    let mut run = Run::new();
    run.ask(1, 5, b"db");
    run.tick(TIMEOUT_NS);
    assert_eq!(run.outcomes(), []);
    run.tick(LATER);
    run.read(head(1, LATER, REPLY | LATE), &message(0x8180, b"db"));
    run.tick(2 * LATER);
    assert_eq!(run.outcomes(), [Outcome::TimedOut]);
    assert_eq!(run.facts(), ["db A none"]);
    assert_eq!((run.count("dns.timeouts"), run.count("dns.responses_late")), (1, 1));
}

#[test]
fn a_query_whose_answer_got_lost_on_the_way_here_is_no_timeout_but_a_loss() {
    let mut run = Run::new();
    run.ask(1, 5, b"db");
    run.reader.notes.0.clear();
    run.tick(LATER);
    assert_eq!((run.outcomes(), run.count("dns.timeouts")), (vec![], 0));
    assert!(run.reader.take_losses().contains(&("end of a query not seen", 1)));
    assert!(run.reader.take_losses().contains(&("end of a query not seen", 0)));
}

#[test]
fn fault_4_an_answer_in_a_stream_that_could_not_be_read_is_no_timeout() {
    let mut run = Run::new();
    let mut query = head(UNREAD_COOKIE, 5, 0);
    query.tcp = 1;
    run.reader.notes.0.insert(UNREAD_COOKIE, 5);
    run.read(query, &message(0x0100, b"db"));
    run.tick(LATER);
    assert_eq!((run.outcomes(), run.count("dns.responses_unread")), (vec![], 1));
}

#[test]
fn fault_5_a_retry_is_counted_and_waits_with_the_first() {
    let mut run = Run::new();
    run.ask(1, 5, b"db");
    run.read(head(1, 1_000, RETRY), &message(0x0100, b"db"));
    run.tick(LATER);
    assert_eq!(run.outcomes(), [Outcome::TimedOut]);
    assert_eq!((run.count("dns.queries:A"), run.count("dns.retries")), (2, 1));
}

#[test]
fn an_answer_to_nothing_is_only_counted_unless_its_query_may_have_been_sent_before_the_start() {
    let mut run = Run::new();
    run.tick(5);
    for ktime_ns in [9, 5 + TIMEOUT_NS, 6 + TIMEOUT_NS] {
        run.read(head(1, ktime_ns, REPLY | UNMATCHED), &message(0x8183, b"db"));
    }
    run.tick(LATER);
    assert_eq!((run.seen.len(), run.count("dns.responses_unmatched")), (1, 1));
}

#[test]
fn a_name_that_fails_often_is_told_once_a_second_and_counted() {
    let mut run = Run::new();
    for cookie in 0..10 {
        run.ask(cookie, 5, b"db");
        run.answer(cookie, 3, b"db");
    }
    assert_eq!((run.facts().len(), run.outcomes().len()), (1, 10));
    run.tick(LATER);
    assert_eq!(run.count("dns.answers_limited"), 9);
    assert_eq!(run.count("dns.responses:NXDOMAIN"), 10);
}

#[test]
fn fault_1_a_message_that_is_not_well_formed_is_counted_with_the_reason_and_its_code_kept() {
    let mut run = Run::new();
    run.ask(1, 5, b"db");
    let mut bad = message(0x8182, b"db");
    bad[12] = 0xc0;
    bad[13] = 0xff;
    run.reader.notes.0.remove(&1);
    run.read(head(1, 9, REPLY), &bad);
    run.tick(LATER);
    assert_eq!(run.count("dns.malformed:pointer"), 1);
    assert_eq!(run.facts(), ["db A SERVFAIL"]);
}

#[test]
fn fault_6_a_record_that_promises_more_than_it_holds_is_refused() {
    let mut run = Run::new();
    let good = bytes_of(head(1, 5, 0), &message(0x0100, b"db"));
    let mut long = good.clone();
    long[size_of::<DnsRecord>() - 4] = 0xff;
    for bad in [&long[..], &good[..good.len() - 1], &good[..8], &[]] {
        assert_eq!(run.reader.read(bad, &mut |_| ()), Err(BadRecord::Length));
    }
    run.tick(LATER);
    assert!(run.seen.is_empty());
}

#[test]
fn a_search_that_ends_well_is_told_with_its_last_name() {
    let mut run = Run::new();
    for (cookie, rcode) in [(1, 0), (2, 3), (3, 0), (4, 0)] {
        run.ask(cookie, 5, if cookie == 4 { b"web" } else { b"db" });
        run.answer(cookie, rcode, if cookie == 4 { b"web" } else { b"db" });
    }
    assert_eq!(run.facts(), ["db A NXDOMAIN", "db A NOERROR"]);
    run.tick(LATER);
    run.tick(2 * LATER);
    run.ask(5, 2 * LATER, b"db");
    run.answer(5, 0, b"db");
    assert_eq!(run.facts().len(), 2);
}
