//! Everything remembered of one container (or pod, node, host process) for five minutes, within fixed bounds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::event::{Body, Event, Outcome, Peer, Signal};
use crate::fact::Fact;
use crate::series::{REACH, Series};
use crate::sketch::{Sketch, Sketches};
use crate::time::Timestamp;

/// Most signals a history keeps; more come only from a broken source.
const MAX_SIGNALS: usize = 64;
/// Most facts a history keeps; the oldest DNS answer goes first, and the oldest fact where there is none: lookups are many
/// and must not push out how a container ended.
const MAX_FACTS: usize = 128;
/// Most failed spans a signal keeps; the oldest goes first.
const MAX_FAILURES: usize = 256;
/// Most peers whose last good answer a signal keeps; the stalest goes first.
const MAX_PEERS: usize = 256;

/// What is remembered.
#[derive(Debug, Clone, Default)]
pub struct History {
    series: BTreeMap<Signal, Series>,
    spans: BTreeMap<Signal, Spans>,
    sketches: BTreeMap<Signal, Sketches>,
    facts: VecDeque<(Timestamp, Fact)>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// Spans of one signal: how many went well a second, and each that did not.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    /// Successes.
    pub ok: Series,
    /// Failures, oldest first.
    pub failed: VecDeque<Failure>,
    /// When each peer last answered well.
    pub answered: BTreeMap<Peer, Timestamp>,
}

/// A span that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The other side.
    pub peer: Option<Peer>,
}

impl History {
    /// Remembers an event, unless it is for metrics and forecasts alone. `false` when it came too
    /// late or beyond a bound, and so was not remembered.
    pub fn add(&mut self, event: Event) -> bool {
        let at = event.at;
        let kept = match event.body {
            Body::Fact(fact) => {
                self.state(at, fact);
                true
            }
            _ if !is_remembered(&event.signal) => true,
            Body::Gauge(value) => self.sample(event.signal, at, value),
            Body::Count(rise) => self.sample(event.signal, at, rise as f64),
            Body::Histogram(histogram) => {
                let count: u64 = histogram.counts.iter().sum();
                if let Some(sketch) = self.sketch(&event.signal, at) {
                    sketch.add_histogram(&histogram);
                }
                self.sample(event.signal, at, count as f64)
            }
            Body::Span { took, outcome, peer } => self.span(
                event.signal,
                Failure {
                    at,
                    took,
                    outcome,
                    peer,
                },
            ),
        };
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        kept
    }

    fn state(&mut self, at: Timestamp, fact: Fact) {
        insert_in_time(&mut self.facts, (at, fact), |(at, _)| *at, usize::MAX);
        if self.facts.len() > MAX_FACTS {
            let answer = self.facts.iter().position(|(_, fact)| matches!(fact, Fact::Dns(_)));
            self.facts.remove(answer.unwrap_or(0));
        }
    }

    fn sample(&mut self, signal: Signal, at: Timestamp, value: f64) -> bool {
        let room = self.series.len() < MAX_SIGNALS || self.series.contains_key(&signal);
        room && self.series.entry(signal).or_default().add(at, value)
    }

    fn span(&mut self, signal: Signal, span: Failure) -> bool {
        if self.spans.len() >= MAX_SIGNALS && !self.spans.contains_key(&signal) {
            return false;
        }
        if span.outcome.is_answer()
            && let Some(sketch) = self.sketch(&signal, span.at)
        {
            sketch.add(span.took);
        }
        let spans = self.spans.entry(signal).or_default();
        if span.outcome == Outcome::Ok {
            if let Some(peer) = span.peer {
                spans.answer(peer, span.at);
            }
            return spans.ok.add(span.at, 1.0);
        }
        insert_in_time(&mut spans.failed, span, |failure| failure.at, MAX_FAILURES);
        true
    }

    fn sketch(&mut self, signal: &Signal, at: Timestamp) -> Option<&mut Sketch> {
        if self.sketches.len() >= MAX_SIGNALS && !self.sketches.contains_key(signal) {
            return None;
        }
        self.sketches.entry(signal.clone()).or_default().at(at)
    }

    /// Drops what is out of reach at `now`. `false` when all is.
    pub fn forget(&mut self, now: Timestamp) -> bool {
        let cutoff = now.minus(REACH);
        for series in self.series.values_mut() {
            series.forget_before(cutoff);
        }
        for spans in self.spans.values_mut() {
            spans.ok.forget_before(cutoff);
            spans.failed.retain(|failure| failure.at >= cutoff);
            spans.answered.retain(|_, at| *at >= cutoff);
        }
        self.series.retain(|_, series| !series.is_empty());
        self.spans
            .retain(|_, spans| !spans.ok.is_empty() || !spans.failed.is_empty());
        self.sketches.retain(|_, sketches| sketches.forget_before(cutoff));
        self.facts.retain(|(at, _)| *at >= cutoff);
        self.last.is_some_and(|last| last >= cutoff)
    }

    /// The values of a gauge, a counter or a histogram's count.
    pub fn series(&self, signal: &Signal) -> Option<&Series> {
        debug_assert!(is_remembered(signal), "{signal:?} is asked for and not remembered");
        self.series.get(signal)
    }

    /// The spans of a signal.
    pub fn spans(&self, signal: &Signal) -> Option<&Spans> {
        debug_assert!(is_remembered(signal), "{signal:?} is asked for and not remembered");
        self.spans.get(signal)
    }

    /// How long the spans of a signal took that were answered, or what its histograms counted, from `from` to before
    /// `to`, to half a minute.
    pub fn latencies(&self, signal: &Signal, from: Timestamp, to: Timestamp) -> Sketch {
        debug_assert!(is_remembered(signal), "{signal:?} is asked for and not remembered");
        let sketches = self.sketches.get(signal);
        sketches.map_or_else(Sketch::default, |sketches| sketches.between(from, to))
    }

    /// The facts, oldest first.
    pub fn facts(&self) -> impl DoubleEndedIterator<Item = &(Timestamp, Fact)> {
        self.facts.iter()
    }

    /// When the first event was seen.
    pub fn first(&self) -> Option<Timestamp> {
        self.first
    }

    /// When the last event was seen.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }
}

impl Spans {
    fn answer(&mut self, peer: Peer, at: Timestamp) {
        if self.answered.len() >= MAX_PEERS && !self.answered.contains_key(&peer) {
            let stalest = self
                .answered
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(peer, _)| peer.clone());
            stalest.map(|peer| self.answered.remove(&peer));
        }
        let last = self.answered.entry(peer).or_insert(at);
        *last = at.max(*last);
    }
}

/// Whether a detector may ask what the values of a signal were. Of the others, metrics and forecasts take each value as it comes, and no more than
/// that: five minutes of them would be half of the memory, and labels without end (system calls, domains) would leave no room for
/// the signals that tell of trouble.
fn is_remembered(signal: &Signal) -> bool {
    let (family, _) = signal.name().split_once(':').unwrap_or((signal.name(), ""));
    !matches!(
        family,
        "syscall.calls"
            | "syscall.latency"
            | "memory.rss"
            | "memory.active_cache"
            | "memory.working_set"
            | "memory.major_faults"
            | "memory.headroom"
            | "memory.limit_hits"
            | "io.pressure_some"
            | "cpu.context_switches"
            | "pids.headroom"
            | "files.open"
            | "files.limit"
            | "volume.used_bytes"
            | "volume.size_bytes"
            | "volume.used_inodes"
            | "volume.size_inodes"
            | "tcp.bytes_received"
            | "tcp.rtt"
            | "tcp.connection_duration"
            | "net.active_flows"
            | "net.bytes_sent"
            | "net.bytes_received"
            | "dns.queries"
            | "dns.queries_by_domain"
            | "dns.retries"
    )
}

/// Keeps a queue in order of time although events come late, and drops the oldest beyond `most`.
pub(crate) fn insert_in_time<T>(queue: &mut VecDeque<T>, item: T, time: impl Fn(&T) -> Timestamp, most: usize) {
    let at = time(&item);
    let place = queue
        .iter()
        .rposition(|other| time(other) <= at)
        .map_or(0, |index| index + 1);
    queue.insert(place, item);
    if queue.len() > most {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::signals;
    use crate::fact::{DnsAnswer, Transport};
    use crate::identity::Subject;

    fn span(second: u64, outcome: Outcome) -> Event {
        let body = Body::Span {
            took: Duration::from_millis(1),
            outcome,
            peer: None,
        };
        Event {
            at: Timestamp::from_secs(second),
            subject: Subject::Cluster,
            signal: signals::TCP_CONNECT,
            body,
        }
    }

    #[test]
    fn failures_are_kept_one_by_one_and_successes_counted() {
        let mut history = History::default();
        for (second, outcome) in [(2, Outcome::Refused), (1, Outcome::TimedOut), (3, Outcome::Ok)] {
            assert!(history.add(span(second, outcome)));
        }
        let spans = history.spans(&signals::TCP_CONNECT).cloned().unwrap_or_default();
        let order: Vec<_> = spans.failed.iter().map(|f| f.outcome).collect();
        assert_eq!(order, [Outcome::TimedOut, Outcome::Refused]);
        assert!((spans.ok.sum() - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_flood_keeps_only_the_newest_failures() {
        let mut history = History::default();
        for second in 0..10_000 {
            history.add(span(second, Outcome::Refused));
        }
        let failed = &history.spans(&signals::TCP_CONNECT).expect("spans").failed;
        assert_eq!(failed.len(), MAX_FAILURES);
        assert_eq!(failed.back().map(|f| f.at), Some(Timestamp::from_secs(9_999)));
    }

    #[test]
    fn a_program_with_many_system_calls_leaves_room_for_the_errors_of_one() {
        let mut history = History::default();
        let mut count = |name: String| {
            history.add(Event {
                signal: Signal::named(name),
                body: Body::Count(1),
                ..span(1, Outcome::Ok)
            })
        };
        for call in 0..10 * MAX_SIGNALS {
            assert!(count(format!("syscall.calls:call{call}")) && count(format!("syscall.latency:call{call}")));
        }
        assert!(count("syscall.errno:openat:EMFILE".to_owned()));
        assert_eq!(history.series.len(), 1);
    }

    #[test]
    fn lookups_do_not_push_out_how_a_container_ended() {
        let mut history = History::default();
        let fact = |second, fact| Event {
            body: Body::Fact(fact),
            ..span(second, Outcome::Ok)
        };
        history.add(fact(0, Fact::PodDeleted));
        for second in 1..1_000 {
            let answer = DnsAnswer {
                name: "db".into(),
                qtype: "A".into(),
                rcode: None,
                took: Duration::ZERO,
                resolver: Peer {
                    address: [10, 96, 0, 10].into(),
                    port: 53,
                },
                transport: Transport::Udp,
            };
            history.add(fact(second, Fact::Dns(Box::new(answer))));
        }
        let times: Vec<u64> = history.facts().map(|(at, _)| at.as_secs()).collect();
        assert_eq!((times.len(), times[0], times[1]), (MAX_FACTS, 0, 1_000 - 127));
    }

    #[test]
    fn domains_without_end_take_no_room_from_other_signals() {
        let mut history = History::default();
        let count = |signal| Event {
            signal,
            body: Body::Count(1),
            ..span(1, Outcome::Ok)
        };
        for number in 0..2 * MAX_SIGNALS {
            let domain = format!("d{number}.com");
            assert!(history.add(count(signals::DNS_QUERIES_BY_DOMAIN.labelled(&domain))));
        }
        assert!(history.add(count(signals::CPU_USAGE)));
        assert_eq!(history.series.len(), 1);
    }

    #[test]
    fn after_five_minutes_nothing_is_left() {
        let mut history = History::default();
        history.add(span(10, Outcome::Refused));
        assert!(history.forget(Timestamp::from_secs(310)));
        assert!(!history.forget(Timestamp::from_secs(311)));
    }
}
