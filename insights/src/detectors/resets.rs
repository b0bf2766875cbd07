//! # A container's TCP connections are broken off far more often than usual
//!
//! **Why it matters.** A reset ends a connection without a goodbye: what was on its way is lost, and clients see
//! "connection reset by peer". A pod that was replaced while it still had clients looks like this, and so does a proxy that
//! closes idle connections.
//!
//! **How it is seen.** The kernel counts the resets that a container's connections received and sent. Refused connects are resets
//! too; they are `connect-refused` and taken off. Pods that the container had connected to and that ended within the minute before
//! are named.
//!
//! **Thresholds.** Ten within a minute, and a share of resets among the connections that began, either way, that has risen against
//! what was learned of this container over days: a binomial CUSUM over windows of ten seconds whose null is lifted for bursts,
//! alarmed from S > ln(8,640 / 0.1) = 11.4 on, which is at most 0.1 false alarms a pod-day where windows are independent. Until two
//! minutes and one hundred connections are known: five a second over ten seconds, ten times the container's own average, and
//! beyond six times the spread of its own last minutes; judged after the first minute. Warning.
//!
//! **What to do.** When a peer restarted, let it end gracefully: a preStop pause and a handler of SIGTERM. Otherwise compare the idle
//! timeouts of both sides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use correlator::{
    ContainerView, Culprit, Insight, Outcome, Pod, Rate, RateKind, Severity, Signal, Source, Timestamp, Tunable,
    Verdict, Window, signals,
};

use crate::baseline::{self, Baseline};
use crate::destination::{self, Destination, behind};
use crate::phrase::percent;
use crate::rates;
use crate::remedies;
use crate::risen;
use crate::rule::Rule;

const RECEIVED: Signal = Signal::new("tcp.resets_received");
const SENT: Signal = Signal::new("tcp.resets_sent");

const LEAST: Tunable = Tunable {
    detector: "resets",
    name: "leastResets",
    default: 10.0,
    bounds: [1.0, 1e6],
    meaning: "resets within a minute that are enough, where connections are known",
};
const MINUTE: Duration = Duration::from_secs(60);
/// What is looked at else, back from now, seconds.
const LATELY: u64 = 10;
const LEAST_A_SECOND: Tunable = Tunable {
    detector: "resets",
    name: "unlearnedPerSecond",
    default: 5.0,
    bounds: [0.1, 1e6],
    meaning: "resets over ten seconds that are enough while nothing was learned of the container",
};
/// Times the average, and spreads above the median.
const TIMES: f64 = 10.0;
const SPREADS: f64 = 6.0;
/// Windows of ten seconds to compare with.
const LEAST_WINDOWS: usize = 5;
/// A peer that ended so long before may be why.
const JUST_BEFORE: Duration = Duration::from_secs(60);

const FALSE_ALARMS: Tunable = risen::false_alarms("resets");

pub(crate) const RULE: Rule = Rule {
    needs: &[
        "ebpf/tcp_retransmit",
        "ebpf/tcp_connect",
        "k8s/pods",
        "k8s/services",
        "k8s/endpointslices",
    ],
    tunables: &[LEAST, LEAST_A_SECOND, FALSE_ALARMS],
    ..Rule::new("resets", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let sides = |container| [(container, true), (container, false)];
    let found = window
        .containers()
        .iter()
        .flat_map(sides)
        .filter_map(|(container, is_received)| {
            let burst = burst(window, container, is_received)?;
            Some(insight(window, container, burst, is_received))
        });
    Verdict::of(found.collect())
}

/// Resets a second: of late, and on average before.
#[derive(Debug, Clone, Copy)]
struct Burst {
    now: f64,
    before: f64,
    /// Their share of connections, where that is what has risen.
    rate: Option<Rate>,
}

/// More resets than usual, by the connections that began, or while too few of those are known by the clock.
fn burst(window: &Window<'_>, container: &ContainerView<'_>, is_received: bool) -> Option<Burst> {
    let (kind, signal) = if is_received {
        (RateKind::ResetReceived, &RECEIVED)
    } else {
        (RateKind::ResetSent, &SENT)
    };
    let now = window.now();
    let rate = container.rates?.of(kind, now)?;
    if rate.is_cold {
        return by_the_clock(window, container, is_received);
    }
    let resets = rates::rise(container, signal, now, MINUTE);
    (rate.is_risen(window.tuned(&FALSE_ALARMS)) && resets >= window.tuned(&LEAST)).then(|| Burst {
        now: resets / MINUTE.as_secs_f64(),
        before: 0.0,
        rate: Some(rate),
    })
}

fn by_the_clock(window: &Window<'_>, container: &ContainerView<'_>, is_received: bool) -> Option<Burst> {
    let (now, least) = (window.now(), window.tuned(&LEAST_A_SECOND) * LATELY as f64);
    let signal = &if is_received { RECEIVED } else { SENT };
    let from = now.minus(Duration::from_secs(LATELY));
    let resets = rates::between(container, signal, from, now);
    if resets < least || !baseline::is_warm(container, now) {
        return None;
    }
    let refused = container
        .failures(&signals::TCP_CONNECT)
        .into_iter()
        .filter(|failure| is_received && failure.outcome == Outcome::Refused && failure.at >= from);
    let lately = resets - refused.count() as f64;
    let before = baseline::rises(container, now, from, signal);
    let usual = Baseline::of(&before).filter(|_| before.len() >= LEAST_WINDOWS)?;
    let is_burst = lately >= least && lately >= TIMES * usual.mean && usual.is_exceeded(lately, SPREADS);
    is_burst.then(|| Burst {
        now: lately / LATELY as f64,
        before: usual.mean / LATELY as f64,
        rate: None,
    })
}

fn insight(window: &Window<'_>, container: &ContainerView<'_>, burst: Burst, is_received: bool) -> Insight {
    let (now, subject) = (window.now(), container.subject());
    let ended = if is_received {
        ended_peers(window, container)
    } else {
        BTreeMap::new()
    };
    let title = match (is_received, burst.rate.map(|rate| percent(rate.now))) {
        (true, None) => format!("{subject} has {:.0} connections a second reset by its peers", burst.now),
        (false, None) => format!("{subject} resets {:.0} connections a second", burst.now),
        (true, Some(share)) => format!("{subject} has {share} of its connections reset by its peers"),
        (false, Some(share)) => format!("{subject} resets {share} of its connections"),
    };
    let names: Vec<String> = ended.values().map(|(_, pod)| pod.identity.pod_label()).collect();
    let cause = match (is_received, names.is_empty()) {
        (true, false) => format!("{} ended just before, with connections open", names.join(", ")),
        (true, true) => {
            "peers break off connections that they had accepted: they closed them while data was on its way, or \
                         restarted, or something between them dropped idle ones"
                .to_owned()
        }
        (false, _) => "it closes connections with data unread, or gets data for connections that it closed".to_owned(),
    };
    let mut insight = Insight::new("resets", subject, Severity::Warning, title, cause);
    insight.what = format!("{} {}", container.key(), if is_received { "received" } else { "sent" });
    let side = if is_received { "received" } else { "sent" };
    let says = burst.rate.map_or_else(
        || {
            format!(
                "{:.1} resets a second {side} within ten seconds, {:.2} on average before",
                burst.now, burst.before
            )
        },
        |_| format!("{:.0} resets {side} within a minute", burst.now * MINUTE.as_secs_f64()),
    );
    insight = insight.because(now, Source::Kernel, says);
    if let Some(rate) = burst.rate {
        insight = insight.because(rate.since, Source::Kernel, risen::says(&rate, "connections"));
    }
    for (at, pod) in ended.values() {
        let says = format!(
            "a container of {} ended, or the pod was deleted",
            pod.identity.pod_label()
        );
        insight = insight.because(*at, Source::Kubernetes, says);
    }
    insight.evidence.sort_by_key(|evidence| evidence.at);
    insight.suspects = ended.keys().map(|uid| Culprit::Pod((*uid).clone())).collect();
    insight.remedies.extend(
        ended
            .values()
            .filter_map(|(_, pod)| remedies::look_at_end(&pod.identity)),
    );
    insight
}

/// The pods behind the peers that answered, of which a container ended or that were deleted within the last minute, and when.
fn ended_peers<'a>(window: &Window<'a>, container: &ContainerView<'_>) -> BTreeMap<&'a Arc<str>, (Timestamp, &'a Pod)> {
    let (world, now) = (window.world(), window.now());
    let spans = container
        .runs
        .iter()
        .filter_map(|run| run.history.spans(&signals::TCP_CONNECT));
    let mut pods: Vec<&Pod> = Vec::new();
    for (peer, at) in spans.flat_map(|spans| &spans.answered) {
        match behind(world, peer.address, *at) {
            Destination::Pod(pod) => pods.push(pod),
            Destination::Service(name, service) if !service.selector.is_empty() => {
                pods.extend(destination::selected_ever(world, name, service));
            }
            _ => {}
        }
    }
    let ended = pods.into_iter().filter_map(|pod| {
        let ends = pod
            .state
            .containers
            .iter()
            .flat_map(|container| pod.terminations(&container.name));
        let at = ends.filter_map(|end| end.finished).chain(pod.state.deleted).max()?;
        (now.since(at) < JUST_BEFORE && at <= now).then_some((&pod.identity.uid, (at, pod)))
    });
    ended.collect()
}
