//! What failed just before an application gave up: its last connect or name lookup that nothing good came after.

use std::sync::Arc;
use std::time::Duration;

use correlator::{DnsAnswer, Fact, Failure, Outcome, Peer, RunView, Signal, Timestamp, signals};

use super::End;

/// What failed this long before the end may have caused it.
const JUST_BEFORE: Duration = Duration::from_secs(10);
/// A connect that was given up after this long was waiting for an answer; sooner, the application had another use for it.
const WAITED: Duration = Duration::from_secs(1);
/// A span for each query (`dns` probe).
const DNS_QUERY: Signal = Signal::new("dns.query");

/// A failure just before the end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lead {
    /// When it failed.
    pub(crate) at: Timestamp,
    /// How long before the end.
    pub(crate) before: Duration,
    pub(crate) what: What,
}

/// What failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A connect; `took` when nobody answered.
    Connect {
        peer: Peer,
        outcome: Outcome,
        took: Duration,
    },
    /// A lookup; without a response code nobody answered.
    Lookup {
        name: Arc<str>,
        rcode: Option<Arc<str>>,
        resolver: Peer,
    },
}

/// The last failure before the end of a run.
pub(super) fn of(end: &End<'_>) -> Option<Lead> {
    let run = end.run?;
    let lead = |at: Timestamp, what: What| Lead {
        at,
        before: end.at.since(at),
        what,
    };
    let connect = failed_connect(run, end.at).map(|(at, what)| lead(at, what));
    let lookup = failed_lookup(run, end.at).map(|(at, what)| lead(at, what));
    [lookup, connect].into_iter().flatten().max_by_key(|lead| lead.at)
}

fn is_near(at: Timestamp, end: Timestamp) -> bool {
    at <= end && end.since(at) < JUST_BEFORE
}

fn failed_connect(run: RunView<'_>, end: Timestamp) -> Option<(Timestamp, What)> {
    let spans = run.history.spans(&signals::TCP_CONNECT)?;
    let is_failure = |failure: &&Failure| failure.outcome != Outcome::Aborted || failure.took >= WAITED;
    let answered_later = |peer: &Peer, at: Timestamp| spans.answered.get(peer).is_some_and(|answer| *answer > at);
    let failed = spans
        .failed
        .iter()
        .rev()
        .filter(|failure| is_near(failure.at, end))
        .filter(is_failure);
    failed.into_iter().find_map(|failure| {
        let peer = failure.peer.clone().filter(|peer| !answered_later(peer, failure.at))?;
        let (outcome, took) = (failure.outcome, failure.took);
        Some((failure.at, What::Connect { peer, outcome, took }))
    })
}

/// A name of which a later candidate of the search walk was found is no failure: after it comes an answer.
fn failed_lookup(run: RunView<'_>, end: Timestamp) -> Option<(Timestamp, What)> {
    let (at, answer) = run.history.facts().rev().find_map(|(at, fact)| match fact {
        Fact::Dns(answer) if is_near(*at, end) => Some((*at, answer)),
        _ => None,
    })?;
    let answered = run
        .history
        .spans(&DNS_QUERY)
        .and_then(|spans| spans.ok.last())
        .map(|bucket| bucket.at);
    if answered.is_some_and(|answered| answered >= at) {
        return None;
    }
    let DnsAnswer {
        name, rcode, resolver, ..
    } = &**answer;
    let what = What::Lookup {
        name: name.clone(),
        rcode: rcode.clone(),
        resolver: resolver.clone(),
    };
    Some((at, what))
}
