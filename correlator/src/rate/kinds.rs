//! The rates that are watched of each container, and which events count in them.
//!
//! They are kept by the name of the container in its pod and not by its run, so that a container that is started again is judged
//! by what was usual before. A new pod begins anew: it may be on another node, and what only that one suffers from must not
//! be averaged with the others of its workload.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Bounds, Rate, RateWatch, SlowRate, Slowness};
use crate::event::{Body, Event, Outcome, Peer, signals};
use crate::time::Timestamp;

/// Most peers whose connects are watched one by one; the one that was asked longest ago makes room.
const MAX_PEERS: usize = 16;
/// Payload of a full segment on Ethernet with timestamps, bytes.
const SEGMENT: f64 = 1_448.0;
/// A connect that its own side gave up sooner had no time to be answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is slow for a DNS answer while nothing was learned, and how many may be.
const SLOW_ANSWER: (Duration, f64) = (Duration::from_millis(100), 0.05);

/// A rate of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateKind {
    /// DNS answers that the server could not or would not answer, of all answers. Cold bound 5 %.
    DnsFailed,
    /// DNS queries without an answer, of all that ended. Cold bound 5 %.
    DnsTimedOut,
    /// DNS answers that there is no such name, of all answers. No cold bound: searches make any share usual.
    DnsMissing,
    /// Segments sent again, of all that were sent: packets, or payload in full segments. Cold bound 10 %.
    Retransmitted,
    /// Resets received, of connections that began either way; those of refused connects are taken off. No cold bound.
    ResetReceived,
    /// Resets sent, of connections that began either way. No cold bound.
    ResetSent,
}

impl RateKind {
    /// What is too much for a container of which nothing was learned.
    pub const fn cold(self) -> Option<f64> {
        match self {
            Self::DnsFailed | Self::DnsTimedOut => Some(0.05),
            Self::Retransmitted => Some(0.1),
            Self::DnsMissing | Self::ResetReceived | Self::ResetSent => None,
        }
    }
}

/// All rates of one container, through its restarts. What never happened takes no room.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    kinds: BTreeMap<RateKind, RateWatch>,
    connects: BTreeMap<Peer, RateWatch>,
    slow_answers: Option<Box<Slowness>>,
    slow_connects: Option<Box<Slowness>>,
}

impl Rates {
    /// The share of failed connects to a peer that is too much while nothing was learned.
    pub const COLD_CONNECTS: f64 = 0.1;

    /// What a rate is at `now`. `None` while nothing of it was tried.
    pub fn of(&self, kind: RateKind, now: Timestamp) -> Option<Rate> {
        self.kinds.get(&kind)?.at(now)
    }

    /// Connects that failed by peer: refused, unreachable, not answered, or given up after a second or more.
    pub fn connects(&self, peer: &Peer, now: Timestamp) -> Option<Rate> {
        self.connects.get(peer)?.at(now)
    }

    /// DNS answers that took long.
    pub fn slow_answers(&self, now: Timestamp) -> Option<SlowRate> {
        self.slow_answers.as_ref()?.at(now)
    }

    /// Connects that took long, of those that succeeded.
    pub fn slow_connects(&self, now: Timestamp) -> Option<SlowRate> {
        self.slow_connects.as_ref()?.at(now)
    }

    /// Counts an event where it belongs. True when a rate is made of events like it.
    pub(crate) fn take(&mut self, event: &Event) -> bool {
        let at = event.at;
        match (&event.body, event.signal.name()) {
            (Body::Count(rise), name) => self.counted(at, name, *rise as f64),
            (Body::Span { took, outcome, .. }, "dns.query") if outcome.is_answer() => {
                let slow = self
                    .slow_answers
                    .get_or_insert_with(|| Box::new(Slowness::new(Some(SLOW_ANSWER))));
                slow.add(at, *took)
            }
            (Body::Span { took, outcome, peer }, name) if name == signals::TCP_CONNECT.name() => {
                self.connected(at, *took, *outcome, peer.as_ref());
                true
            }
            _ => false,
        }
    }

    fn counted(&mut self, at: Timestamp, name: &str, rise: f64) -> bool {
        if let Some(code) = name.strip_prefix("dns.responses:") {
            let failed = if matches!(code, "NOERROR" | "NXDOMAIN") {
                0.0
            } else {
                rise
            };
            self.watch(RateKind::DnsFailed).add(at, failed, rise);
            let missing = if code == "NXDOMAIN" { rise } else { 0.0 };
            self.watch(RateKind::DnsMissing).add(at, missing, rise);
            return self.watch(RateKind::DnsTimedOut).add(at, 0.0, rise);
        }
        match name {
            "dns.timeouts" => self.watch(RateKind::DnsTimedOut).add(at, rise, rise),
            "tcp.retransmits" => self.watch(RateKind::Retransmitted).add(at, rise, 0.0),
            "tcp.bytes_sent" => self.watch(RateKind::Retransmitted).add(at, 0.0, rise / SEGMENT),
            "net.packets_sent" => self.watch(RateKind::Retransmitted).add_other(at, rise),
            "tcp.resets_received" => self.watch(RateKind::ResetReceived).add(at, rise, 0.0),
            "tcp.resets_sent" => self.watch(RateKind::ResetSent).add(at, rise, 0.0),
            "tcp.accepts" => self.began(at, rise),
            _ => false,
        }
    }

    /// Connections began.
    fn began(&mut self, at: Timestamp, number: f64) -> bool {
        self.watch(RateKind::ResetSent).add(at, 0.0, number);
        self.watch(RateKind::ResetReceived).add(at, 0.0, number)
    }

    fn connected(&mut self, at: Timestamp, took: Duration, outcome: Outcome, peer: Option<&Peer>) {
        let is_unanswered = match outcome {
            Outcome::TimedOut | Outcome::Unreachable => true,
            Outcome::Aborted => took >= PATIENCE,
            _ => false,
        };
        match outcome {
            Outcome::Ok => {
                let slow = self.slow_connects.get_or_insert_with(|| Box::new(Slowness::new(None)));
                slow.add(at, took);
                self.began(at, 1.0);
            }
            Outcome::Refused => {
                self.watch(RateKind::ResetReceived).add(at, -1.0, 0.0);
            }
            _ => {}
        }
        if is_unanswered {
            // Its SYN was sent again after 1, 3, 7, .. seconds (RFC 6298), and lost on nobody's way.
            let again = f64::from((took.as_secs() + 1).ilog2());
            self.watch(RateKind::Retransmitted).add(at, -again, 0.0);
        }
        let is_failed = is_unanswered || outcome == Outcome::Refused;
        if let (Some(peer), true) = (peer, is_failed || outcome == Outcome::Ok) {
            self.connects_to(peer).add(at, f64::from(u8::from(is_failed)), 1.0);
        }
    }

    fn watch(&mut self, kind: RateKind) -> &mut RateWatch {
        let new = || {
            RateWatch::new(Bounds {
                cold: kind.cold(),
                floor: 0.0,
            })
        };
        self.kinds.entry(kind).or_insert_with(new)
    }

    fn connects_to(&mut self, peer: &Peer) -> &mut RateWatch {
        if self.connects.len() >= MAX_PEERS && !self.connects.contains_key(peer) {
            let stalest = self.connects.iter().min_by_key(|(_, watch)| watch.heard());
            if let Some(stalest) = stalest.map(|(peer, _)| peer.clone()) {
                self.connects.remove(&stalest);
            }
        }
        let new = || {
            RateWatch::new(Bounds {
                cold: Some(Self::COLD_CONNECTS),
                floor: 0.0,
            })
        };
        self.connects.entry(peer.clone()).or_insert_with(new)
    }

    /// Takes over what was counted of the same container before its name was known.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (kind, watch) in &other.kinds {
            self.watch(*kind).absorb(watch);
        }
        for (peer, watch) in &other.connects {
            self.connects_to(peer).absorb(watch);
        }
        for (ours, theirs) in [
            (&mut self.slow_answers, other.slow_answers),
            (&mut self.slow_connects, other.slow_connects),
        ] {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => ours.absorb(&theirs),
                (ours @ None, theirs) => *ours = theirs,
                (Some(_), None) => {}
            }
        }
    }

    /// When something was last counted.
    pub(crate) fn heard(&self) -> u32 {
        let slow = [&self.slow_answers, &self.slow_connects];
        let watches = self.kinds.values().chain(self.connects.values());
        let heard = watches.map(RateWatch::heard);
        heard
            .chain(slow.into_iter().flatten().map(|slow| slow.heard()))
            .max()
            .unwrap_or(0)
    }
}
