//! Turns the records of messages into spans, facts and counts, and unanswered queries into timeouts.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData};
use correlator::{Body, DnsAnswer, Fact, Outcome, Peer, Transport};

use super::code::{outcome, rcode_name, type_name};
use super::domain::Domains;
use super::message::Message;
use super::name::Name;
use super::search::{Good, Search};
use super::tally::{Label, Tally};
use super::waiting::{Queue, TIMEOUT_NS, Waiting};
use super::{ANSWER, DnsRecord, LATE, PROBE, QUERY, QueryKey, REPLY, RETRY, UNMATCHED};
use crate::error::LoadError;
use crate::probe::Reader;
use crate::record::{BadRecord, Sighting, TaskIds, read_prefix};

/// What the kernel side has noted, asked when a query seems to have timed out: a record of its answer may have been lost.
trait Notes: Send {
    /// When the query that still waits was sent, nanoseconds of `CLOCK_MONOTONIC`.
    fn sent_at(&self, set: u32, key: &QueryKey) -> Option<u64>;
    /// True when this TCP socket received what is not read.
    fn is_unread(&self, cookie: u64) -> bool;
}

/// The maps of the object.
struct Maps {
    queries: Array<MapData, [u64; SET_WORDS]>,
    unread: HashMap<MapData, u64, u64>,
}

/// Words of `struct query_set`: a lock, and four times `struct dns_query`.
const SET_WORDS: usize = 1 + 4 * QUERY_WORDS;
/// Words of `struct dns_query`: the key, the time, and the owner.
const QUERY_WORDS: usize = 8;

impl Notes for Maps {
    fn sent_at(&self, set: u32, key: &QueryKey) -> Option<u64> {
        let wanted: [u64; 2] = zerocopy::transmute!(*key);
        let set = self.queries.get(&set, 0).ok()?;
        let (queries, _) = set[1..].as_chunks::<QUERY_WORDS>();
        let noted = queries.iter().find(|query| query[..2] == wanted)?;
        Some(noted[2]).filter(|ktime_ns| *ktime_ns > 0)
    }

    fn is_unread(&self, cookie: u64) -> bool {
        self.unread.get(&cookie, 0).is_ok()
    }
}

/// Opens the maps of a loaded object.
pub(super) fn open(ebpf: &mut Ebpf) -> Result<Box<dyn Reader>, LoadError> {
    let probe = PROBE.name;
    let mut take = |part| ebpf.take_map(part).ok_or(LoadError::Missing { probe, part });
    let map_error = |map, source| LoadError::Map {
        probe,
        map,
        source: Box::new(source),
    };
    let queries = Array::try_from(take("queries")?).map_err(|source| map_error("queries", source))?;
    let unread = HashMap::try_from(take("unread")?).map_err(|source| map_error("unread", source))?;
    Ok(Box::new(DnsReader::new(Maps { queries, unread })))
}

struct DnsReader<N> {
    notes: N,
    queue: Queue,
    tally: Tally,
    domains: Domains,
    search: Search,
    /// When the first record or tick came, nanoseconds of `CLOCK_MONOTONIC`.
    since: Option<u64>,
    /// Queries that found no room to wait.
    crowded: u64,
    /// Queries that neither were answered, as far as is known, nor wait any longer.
    unknown: u64,
}

/// What is known at the end of a query.
#[derive(Clone)]
struct End<'a> {
    ktime_ns: u64,
    task: TaskIds,
    name: Option<&'a Name>,
    kind: u16,
    rcode: Option<u16>,
    took: Duration,
    resolver: Peer,
    transport: Transport,
}

impl<N: Notes> DnsReader<N> {
    fn new(notes: N) -> Self {
        Self {
            notes,
            queue: Queue::default(),
            tally: Tally::default(),
            domains: Domains::default(),
            search: Search::default(),
            since: None,
            crowded: 0,
            unknown: 0,
        }
    }

    /// The message, with what is wrong with it counted.
    fn parse(&mut self, message: &[u8], task: &TaskIds) -> Option<Message> {
        let message = Message::parse(message);
        let bad = message.as_ref().map_or_else(|reason| Some(*reason), |message| message.malformed);
        if let Some(reason) = bad {
            self.tally.count(task, Label::Malformed(reason));
        }
        message.ok()
    }

    fn see_query(&mut self, record: &DnsRecord, message: &[u8]) {
        let task = record.header.task();
        let Some(message) = self.parse(message, &task) else { return };
        let question = message.question;
        let kind = question.map_or(0, |question| question.kind);
        if record.flags & RETRY != 0 {
            self.tally.count(&task, Label::Retry);
        }
        // A segment that TCP sends again is no other query.
        if record.flags & RETRY == 0 || record.tcp == 0 {
            self.tally.count(&task, Label::Query(kind));
        }
        if record.flags & RETRY != 0 {
            return;
        }
        let waiting = Waiting {
            ktime_ns: record.header.ktime_ns,
            task,
            set: record.set,
            name: question.map(|question| question.name.wire().into()).unwrap_or_default(),
            kind,
            resolver: record.resolver(),
            transport: record.transport(),
        };
        if !self.queue.add(record.key, waiting) {
            self.crowded += 1;
        }
    }

    fn see_reply(&mut self, record: &DnsRecord, message: &[u8], see: &mut dyn FnMut(Sighting)) {
        let task = record.header.task();
        if record.flags & LATE != 0 {
            return self.tally.count(&task, Label::Late);
        }
        if record.flags & UNMATCHED != 0 {
            if !self.may_precede_us(record.header.ktime_ns) {
                self.tally.count(&task, Label::Unmatched);
            }
            return;
        }
        let asked = self.queue.take(&record.key);
        let Some(message) = self.parse(message, &task) else { return };
        if message.header.truncated {
            self.tally.count(&task, Label::Truncated);
        }
        let asked = asked.map(|asked| (Name::from_wire(&asked.name), asked.kind));
        let named = asked.or(message.question.map(|question| (question.name, question.kind)));
        let end = End {
            ktime_ns: record.header.ktime_ns,
            task,
            name: named.as_ref().map(|(name, _)| name),
            kind: named.map_or(0, |(_, kind)| kind),
            rcode: Some(message.rcode()),
            took: Duration::from_nanos(record.took_ns),
            resolver: record.resolver(),
            transport: record.transport(),
        };
        self.tally.count(&end.task, Label::Response(message.rcode()));
        self.tell(&end, see);
    }

    /// True when the query of a reply at `ktime_ns` may have been sent before this reader looked.
    fn may_precede_us(&self, ktime_ns: u64) -> bool {
        self.since.is_some_and(|since| ktime_ns <= since + TIMEOUT_NS)
    }

    /// A span for the query, and a fact if it failed or a search ended with it.
    fn tell(&mut self, end: &End<'_>, see: &mut dyn FnMut(Sighting)) {
        let outcome = end.rcode.map_or(Outcome::TimedOut, outcome);
        let (took, peer) = (end.took, Some(end.resolver.clone()));
        see(Sighting {
            ktime_ns: end.ktime_ns,
            task: end.task.clone(),
            signal: QUERY,
            body: Body::Span { took, outcome, peer },
        });
        self.domains.count(&end.task, end.name, outcome == Outcome::Ok);
        let Some(name) = end.name else { return };
        let earlier = match outcome {
            Outcome::Ok if !self.search.answered(&end.task, name, end.good()) => return,
            Outcome::NameMissing => self.search.missed(&end.task, name),
            _ => None,
        };
        self.state(end, name, see);
        if let Some(good) = earlier {
            let (kind, took) = (good.kind, Duration::from_nanos(good.took_ns));
            let rcode = Some(0);
            self.state(&End { kind, rcode, took, ..end.clone() }, name, see);
        }
    }

    /// A fact, unless it was told within the second.
    fn state(&mut self, end: &End<'_>, name: &Name, see: &mut dyn FnMut(Sighting)) {
        if !self.tally.is_first(&end.task, name, end.kind, end.rcode) {
            return;
        }
        let answer = DnsAnswer {
            name: name.to_string().into(),
            qtype: type_name(end.kind).into(),
            rcode: end.rcode.map(|rcode| rcode_name(rcode).into()),
            took: end.took,
            resolver: end.resolver.clone(),
            transport: end.transport,
        };
        see(Sighting {
            ktime_ns: end.ktime_ns,
            task: end.task.clone(),
            signal: ANSWER,
            body: Body::Fact(Fact::Dns(Box::new(answer))),
        });
    }

    /// What becomes of a query whose time is over.
    fn time_out(&mut self, now: u64, key: QueryKey, waiting: Waiting, see: &mut dyn FnMut(Sighting)) {
        if self.notes.sent_at(waiting.set, &key) != Some(waiting.ktime_ns) {
            self.unknown += 1;
            return;
        }
        if waiting.transport == Transport::Tcp && self.notes.is_unread(key.cookie) {
            return self.tally.count(&waiting.task, Label::Unread);
        }
        self.tally.count(&waiting.task, Label::Timeout);
        let name = Name::from_wire(&waiting.name);
        let end = End {
            ktime_ns: now,
            task: waiting.task,
            name: Some(&name),
            kind: waiting.kind,
            rcode: None,
            took: Duration::from_nanos(now - waiting.ktime_ns),
            resolver: waiting.resolver,
            transport: waiting.transport,
        };
        self.tell(&end, see);
    }
}

impl<N: Notes> Reader for DnsReader<N> {
    fn read(&mut self, record: &[u8], see: &mut dyn FnMut(Sighting)) -> Result<(), BadRecord> {
        let (record, rest): (DnsRecord, _) = read_prefix(record)?;
        let message = rest.get(..record.copied.into()).ok_or(BadRecord::Length)?;
        self.since.get_or_insert(record.header.ktime_ns);
        if record.flags & REPLY == 0 {
            self.see_query(&record, message);
        } else {
            self.see_reply(&record, message, see);
        }
        Ok(())
    }

    fn tick(&mut self, ktime_ns: u64, see: &mut dyn FnMut(Sighting)) {
        self.since.get_or_insert(ktime_ns);
        while let Some((key, waiting)) = self.queue.take_due(ktime_ns) {
            self.time_out(ktime_ns, key, waiting, see);
        }
        self.search.tick(ktime_ns);
        self.tally.tell(ktime_ns, see);
        self.domains.tell(ktime_ns, see);
    }

    fn take_losses(&mut self) -> Vec<(&'static str, u64)> {
        vec![
            ("too many queries wait", std::mem::take(&mut self.crowded)),
            ("end of a query not seen", std::mem::take(&mut self.unknown)),
            ("too many counters", self.tally.take_lost()),
            ("too many askers", self.domains.take_lost()),
            ("too many names in a search", self.search.take_lost()),
        ]
    }
}

impl End<'_> {
    fn good(&self) -> Good {
        let took_ns = u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX);
        Good {
            kind: self.kind,
            took_ns,
        }
    }
}

impl DnsRecord {
    fn resolver(&self) -> Peer {
        Peer {
            address: IpAddr::from(Ipv6Addr::from(self.remote)).to_canonical(),
            port: self.remote_port,
        }
    }

    fn transport(&self) -> Transport {
        match self.tcp {
            0 => Transport::Udp,
            _ => Transport::Tcp,
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
