//! # A container's connects take much longer than they did
//!
//! **Why it matters.** The handshake is one round trip: when it takes longer, the way got longer, packets are lost and sent
//! again, or the other side's queue of new connections is full. Every request over a new connection is slower by as much.
//!
//! **How it is seen.** The kernel's time from `SYN_SENT` to `ESTABLISHED`, of the connects that succeeded; how long a connection
//! then lives has no part in it. A SYN that is lost is sent again after one second, and again after three.
//!
//! **Thresholds.** Thirty connects within a minute. Slow is what takes longer than all but one in a hundred connects of this
//! container did, learned over days, at least two minutes and one hundred connects; told when the share of slow ones has risen: a
//! binomial CUSUM over windows of ten seconds with a null of 1 % or more, alarmed from S > ln(8,640 / 0.1) = 11.4 on, which is at
//! most 0.1 false alarms a pod-day where windows are independent. The slowest 5 % must then take twice that limit and 20 ms.
//! Warning; critical when they take a second or more. What was slow from the start is usual: the peers may be far away.
//!
//! **What to do.** Look for lost packets and full queues when it is about a second; else at where the peers run now.

use std::collections::BTreeSet;
use std::time::Duration;

use correlator::{
    ContainerView, Culprit, Insight, Peer, Severity, SlowRate, Source, Tunable, Verdict, Window, signals,
};

use crate::latency::{self, Slowest};
use crate::phrase::duration;
use crate::rule::Rule;
use crate::suspects;
use crate::{peers, risen};

/// After this a SYN is sent again (RFC 6298, 2.1), less what the kernel's timers and the sketch of durations are off by.
const SENT_AGAIN: Duration = Duration::from_millis(850);
const LONG: Tunable = Tunable {
    detector: "connect-slow",
    name: "leastSeconds",
    default: 0.02,
    bounds: [0.0001, 60.0],
    meaning: "what the slowest twentieth has to take at least",
};
const TIMES: Tunable = Tunable {
    detector: "connect-slow",
    name: "times",
    default: 2.0,
    bounds: [1.0, 1000.0],
    meaning: "how many times the learned limit the slowest twentieth has to take at least",
};
const CRITICAL: Tunable = Tunable {
    detector: "connect-slow",
    name: "criticalSeconds",
    default: 0.85,
    bounds: [0.001, 60.0],
    meaning: "what the slowest twentieth takes from which on it is critical; by default as long as a SYN that is sent again",
};
/// Where the times were counted from.
const LATELY: Duration = Duration::from_secs(60);
/// Peers that are named.
const NAMED: usize = 3;

const LEAST_CONNECTS: Tunable = Tunable {
    detector: "connect-slow",
    name: "leastConnects",
    default: 30.0,
    bounds: [10.0, 1e6],
    meaning: "connects within a minute that are enough to judge by",
};
const FALSE_ALARMS: Tunable = risen::false_alarms("connect-slow");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/tcp_connect", "k8s/pods", "k8s/services"],
    tunables: &[LONG, TIMES, CRITICAL, LEAST_CONNECTS, FALSE_ALARMS],
    ..Rule::new("connect-slow", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let found = window.containers().iter().filter_map(|container| {
        let slowest = latency::slowest(
            container,
            &signals::TCP_CONNECT,
            window.now(),
            window.tuned(&LEAST_CONNECTS),
        )?;
        let slow = container.rates?.slow_connects(window.now())?;
        latency::has_shifted(
            slowest,
            &slow,
            [&LONG, &TIMES, &FALSE_ALARMS].map(|one| window.tuned(one)),
        )
        .then(|| insight(window, container, slowest, &slow))
    });
    Verdict::of(found.collect())
}

fn insight(window: &Window<'_>, container: &ContainerView<'_>, slowest: Slowest, slow: &SlowRate) -> Insight {
    let (now, world, subject) = (window.now(), window.world(), container.subject());
    let is_sent_again = slowest.took >= SENT_AGAIN;
    let severity = if slowest.took.as_secs_f64() >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!(
        "one of twenty connects of {subject} takes longer than {}",
        duration(slowest.took)
    );
    let cause = if is_sent_again {
        "a SYN that is lost is sent again after one second and after three: packets are lost, or the other side's queue of new \
         connections is full"
    } else {
        "no SYN had to be sent again; the way to the peers is longer, or a host on it is busy"
    };
    let mut insight = Insight::new("connect-slow", subject, severity, title, cause.to_owned());
    container.key().clone_into(&mut insight.what);
    insight = insight.because(slow.rate.since, Source::Kernel, latency::says(slow, "connects"));
    let says = format!(
        "{} connects within a minute, the slowest twentieth took {} or longer",
        slowest.count,
        duration(slowest.took)
    );
    insight = insight.because(now, Source::Kernel, says);
    let peers = peers_of(window, container);
    let names: Vec<String> = peers
        .iter()
        .take(NAMED)
        .map(|peer| peers::name(world, peer, now))
        .collect();
    if !names.is_empty() {
        let more = if peers.len() > NAMED { " and others" } else { "" };
        insight = insight.because(
            now,
            Source::Kernel,
            format!("it connected to {}{more}", names.join(", ")),
        );
    }
    if let [only] = &peers.into_iter().collect::<Vec<_>>()[..] {
        insight.cause = format!(
            "{}; it connects to {} only",
            insight.cause,
            peers::name(world, only, now)
        );
        insight.suspects = suspects::peer(world, only, now);
        let why = "it is the only one that the container connects to";
        insight.remedies.extend(peers::look(world, only, now, why));
    }
    insight
        .suspects
        .extend(container.identity.node.clone().map(Culprit::Node));
    insight
}

/// Those that answered within the minute.
fn peers_of<'a>(window: &Window<'_>, container: &ContainerView<'a>) -> BTreeSet<&'a Peer> {
    let spans = container
        .runs
        .iter()
        .filter_map(|run| run.history.spans(&signals::TCP_CONNECT));
    let answered = spans.flat_map(|spans| &spans.answered);
    answered
        .filter(|(_, at)| window.now().since(**at) < LATELY)
        .map(|(peer, _)| peer)
        .collect()
}
