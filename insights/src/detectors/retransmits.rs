//! # A container's TCP segments are lost and sent again
//!
//! **Why it matters.** A connection that loses segments waits and then sends slower: a loss of one in a hundred costs most of
//! the throughput, and requests that hit it take 200 ms and more.
//!
//! **How it is seen.** The kernel counts the segments that a container's sockets sent again (`tcp/tcp_retransmit_skb`). How many
//! they sent at all is estimated from below: packets sent, where `net_flow` counts them (those of one large write count once),
//! and payload bytes in full segments of 1,448; so the share is an upper bound. SYNs that are sent again to somebody who does not
//! answer are `connect-timeout` and taken off. Which peers it concerns is not counted; the other pods of the node are looked
//! at, to tell a node from a pod.
//!
//! **Thresholds.** Thirty segments sent again within a minute, of at least 1,000, and a share that has risen against what was
//! learned of this container over days: a binomial CUSUM over windows of ten seconds whose null is lifted for bursts, alarmed
//! from S > ln(8,640 / 0.1) = 11.4 on, which is at most 0.1 false alarms a pod-day where windows are independent. A container of
//! which two minutes and one hundred segments are not known yet is judged by a fixed share, 10 %; what is above it is never
//! learned as usual. Warning; critical from 10 % within a minute on, when that is five times what is usual.
//!
//! **What to do.** Many pods of a node: look at its network card, its cable or its host. One pod: look at what it talks with.

use std::time::Duration;

use correlator::{
    ContainerView, Culprit, Failure, Insight, Outcome, Pod, Rate, RateKind, Scope, Severity, Signal, Source, Tunable,
    Verdict, Window, signals,
};

use crate::phrase::{count, percent};
use crate::rates;
use crate::remedies;
use crate::risen;
use crate::rule::Rule;

const RETRANSMITS: Signal = Signal::new("tcp.retransmits");
const PAYLOAD: Signal = Signal::new("tcp.bytes_sent");
const PACKETS: Signal = Signal::new("net.packets_sent");

/// What is looked at, back from now.
const LATELY: Duration = Duration::from_secs(60);
/// Payload of a full segment on Ethernet with timestamps, bytes.
const SEGMENT: f64 = 1_448.0;
const LEAST: Tunable = Tunable {
    detector: "retransmits",
    name: "leastSentAgain",
    default: 30.0,
    bounds: [1.0, 1e6],
    meaning: "segments sent again within a minute that are enough",
};
const LEAST_SENT: Tunable = Tunable {
    detector: "retransmits",
    name: "leastSent",
    default: 1000.0,
    bounds: [1.0, 1e9],
    meaning: "segments sent within a minute that are enough to judge by",
};
/// The share of them that says of another pod that it loses segments too.
const LOSES_TOO: f64 = 0.01;
const CRITICAL_SHARE: Tunable = Tunable {
    detector: "retransmits",
    name: "criticalRatio",
    default: 0.1,
    bounds: [0.001, 1.0],
    meaning: "part of a minute's segments that is sent again from which on it is critical, when that is five times what is usual",
};
const FALSE_ALARMS: Tunable = risen::false_alarms("retransmits");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/tcp_retransmit", "ebpf/tcp_traffic", "ebpf/tcp_connect"],
    tunables: &[LEAST, LEAST_SENT, CRITICAL_SHARE, FALSE_ALARMS],
    ..Rule::new("retransmits", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let sent = Sent::lately(window, container)?;
    let rate = container.rates?.of(RateKind::Retransmitted, window.now())?;
    if !risen::is_too_much(window, &FALSE_ALARMS, &rate, RateKind::Retransmitted, sent.share()) {
        return None;
    }
    let severity = risen::severity(&rate, sent.share(), window.tuned(&CRITICAL_SHARE));
    Some(insight(window, container, severity, sent, rate))
}

/// What a container sent lately.
#[derive(Debug, Clone, Copy)]
struct Sent {
    again: f64,
    segments: f64,
}

impl Sent {
    /// `None` when it is too little to judge.
    fn lately(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Self> {
        let now = window.now();
        let rise = |signal: &Signal| rates::between(container, signal, now.minus(LATELY), now);
        let again = rise(&RETRANSMITS);
        if again < window.tuned(&LEAST) {
            return None;
        }
        let again = again - syns_sent_again(window, container);
        let segments = rise(&PACKETS).max(rise(&PAYLOAD) / SEGMENT);
        (again >= window.tuned(&LEAST) && segments >= window.tuned(&LEAST_SENT)).then_some(Self { again, segments })
    }

    fn share(self) -> f64 {
        self.again / self.segments.max(self.again)
    }
}

/// SYNs that were sent again within the minute because nobody answered: after 1, 3, 7, .. seconds (RFC 6298).
fn syns_sent_again(window: &Window<'_>, container: &ContainerView<'_>) -> f64 {
    let is_so = |failure: &&&Failure| {
        let is_unanswered = matches!(
            failure.outcome,
            Outcome::TimedOut | Outcome::Unreachable | Outcome::Aborted
        );
        is_unanswered && window.now().since(failure.at) < LATELY
    };
    let failures = container.failures(&signals::TCP_CONNECT);
    let again = failures
        .iter()
        .filter(is_so)
        .map(|failure| f64::from((failure.took.as_secs() + 1).ilog2()));
    again.sum()
}

fn insight(window: &Window<'_>, container: &ContainerView<'_>, severity: Severity, sent: Sent, rate: Rate) -> Insight {
    let (now, subject, share) = (window.now(), container.subject(), percent(sent.share()));
    let title = format!("{subject} retransmits up to {share} of its TCP segments");
    let (alike, others) = neighbours(window);
    let is_general = alike > 0 && 2 * alike >= others;
    let node = container.identity.node.as_deref().unwrap_or("the node");
    let cause = if is_general {
        format!(
            "{alike} of {} on {node} lose segments too: the node's own network loses them",
            count(others, "other busy pod")
        )
    } else if others > 0 {
        format!(
            "the other busy pods on {node} do not lose segments: the way to this pod's peers, or a peer, loses them"
        )
    } else {
        "segments are lost on the way to its peers, or a peer is too busy to take them".to_owned()
    };
    let mut insight = Insight::new("retransmits", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    let says = format!(
        "{:.0} segments sent again within a minute, of at least {:.0}",
        sent.again, sent.segments
    );
    insight = insight.because(now, Source::Kernel, says);
    insight = insight.because(rate.since, Source::Kernel, risen::says(&rate, "segments"));
    insight.evidence.sort_by_key(|evidence| evidence.at);
    if is_general {
        insight
            .suspects
            .extend(container.identity.node.clone().map(Culprit::Node));
    }
    insight.remedies.extend(remedies::look_at_node(
        container.identity.node.as_deref().filter(|_| is_general),
    ));
    insight
}

/// Of the other pods of the node that send much: how many lose as many segments, and how many there are.
fn neighbours(window: &Window<'_>) -> (usize, usize) {
    let Some(ours) = window.pod() else { return (0, 0) };
    let is_neighbour =
        |pod: &&Pod| pod.exists() && pod.identity.node == ours.identity.node && pod.identity.uid != ours.identity.uid;
    let pods = window.world().pods().filter(is_neighbour);
    let views = pods.filter_map(|pod| window.of(&Scope::Pod(pod.identity.uid.clone())));
    let (mut alike, mut all) = (0, 0);
    for view in views {
        let now = view.now();
        let rise =
            |container: &ContainerView<'_>, signal: &Signal| rates::between(container, signal, now.minus(LATELY), now);
        let is_busy = |container: &&ContainerView<'_>| {
            rise(container, &PACKETS).max(rise(container, &PAYLOAD) / SEGMENT) >= window.tuned(&LEAST_SENT)
        };
        let loses = |container: &ContainerView<'_>| {
            Sent::lately(&view, container).is_some_and(|sent| sent.share() >= LOSES_TOO)
        };
        all += usize::from(view.containers().iter().any(|container| is_busy(&container)));
        alike += usize::from(view.containers().iter().any(loses));
    }
    (alike, all)
}
