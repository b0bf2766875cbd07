//! # DNS queries of a container are not answered
//!
//! **Why it matters.** A resolver waits five seconds for an answer and then asks again, so every connection to a name takes
//! that much longer or fails. Applications report it as a timeout of whatever they wanted to reach.
//!
//! **How it is seen.** The kernel sees the query leave the container's socket and no answer come within five seconds. The server
//! that was asked is looked up among Services and pods; the endpoints of its Service and the network policies of both sides
//! say whether the query can arrive.
//!
//! **Thresholds.** Three queries within one minute that a server did not answer. When it has answered nothing since the first
//! of them, that is enough. Else their share of all queries must have risen against what was learned of this container over
//! days: a binomial CUSUM over windows of ten seconds whose null is lifted for bursts, alarmed from S > ln(8,640 / 0.1) = 11.4 on,
//! which is at most 0.1 false alarms a pod-day where windows are independent. A container of which two minutes and one
//! hundred queries are not known yet is judged by a fixed share, 5 %; what is above it is never learned as usual. Warning;
//! critical from half of the queries on. When at least three other pods fail at the same time this waits up to 20 s for
//! `dns-down`, which then stands for all.
//!
//! **What to do.** When a network policy forbids it, allow UDP and TCP to port 53. Otherwise look at the DNS server's pods.

use std::time::Duration;

use correlator::{
    ContainerView, Culprit, Failure, Insight, Outcome, Peer, Rate, RateKind, Severity, Source, Timestamp, Tunable,
    Verdict, Window,
};

use crate::dns::{self, Tally};
use crate::obstacles::{self, Obstacle};
use crate::phrase::{count, percent};
use crate::risen;
use crate::rule::Rule;

const LEAST: Tunable = Tunable {
    detector: "dns-timeout",
    name: "leastTimeouts",
    default: 3.0,
    bounds: [1.0, 200.0],
    meaning: "queries to one server without an answer within a minute that are enough",
};
const CRITICAL_SHARE: Tunable = Tunable {
    detector: "dns-timeout",
    name: "criticalRatio",
    default: 0.5,
    bounds: [0.001, 1.0],
    meaning: "part of a minute's queries without an answer from which on it is critical",
};
/// Without an answer, this is most of all queries.
const MOST: f64 = 0.5;
const FALSE_ALARMS: Tunable = risen::false_alarms("dns-timeout");

pub(crate) const RULE: Rule = Rule {
    needs: &[
        "ebpf/dns",
        "k8s/pods",
        "k8s/services",
        "k8s/endpointslices",
        "k8s/networkpolicies",
    ],
    hold: Duration::from_secs(90),
    tunables: &[LEAST, CRITICAL_SHARE, FALSE_ALARMS],
    ..Rule::new("dns-timeout", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let by_server = dns::failed(container, window.now(), |outcome| outcome == Outcome::TimedOut);
    let (server, failures) = by_server.into_iter().max_by_key(|(_, failures)| failures.len())?;
    if (failures.len() as f64) < window.tuned(&LEAST) {
        return None;
    }
    let tally = Tally::lately(container, window.now());
    let unanswered = tally.timeouts.max(failures.len() as f64);
    let share = unanswered / (tally.answered + unanswered);
    let began = failures.iter().map(|failure| failure.at).min()?;
    let rate = container.rates?.of(RateKind::DnsTimedOut, window.now())?;
    let is_told = is_silent(container, server, began)
        || risen::is_too_much(window, &FALSE_ALARMS, &rate, RateKind::DnsTimedOut, share);
    if !is_told || dns::waits_for_all(window, began) {
        return None;
    }
    Some(insight(window, container, server, &failures, (share, rate)))
}

/// Whether a server has answered nothing since, not even that a name does not exist.
fn is_silent(container: &ContainerView<'_>, server: &Peer, since: Timestamp) -> bool {
    let spans = container.runs.iter().filter_map(|run| run.history.spans(&dns::QUERY));
    let has_answered = spans
        .filter_map(|spans| spans.answered.get(server))
        .any(|at| *at > since);
    let failures = container.failures(&dns::QUERY);
    let mut others = failures
        .iter()
        .filter(|failure| failure.peer.as_ref() == Some(server) && failure.outcome != Outcome::TimedOut);
    !has_answered && !others.any(|failure| failure.at > since)
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    server: &Peer,
    failures: &[&Failure],
    (share, rate): (f64, Rate),
) -> Insight {
    let (now, world, subject) = (window.now(), window.world(), container.subject());
    let times = failures.iter().map(|failure| failure.at);
    let (first, last) = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
    let obstacle = window
        .pod()
        .and_then(|pod| obstacles::between(world, pod, server, "UDP", last));
    let severity = if share >= window.tuned(&CRITICAL_SHARE) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let name = dns::server(world, server, last);
    let title = format!(
        "{} of the DNS queries of {subject} to {name} got no answer",
        percent(share)
    );
    let cause = obstacle
        .as_ref()
        .map_or_else(|| unexplained(share), |obstacle| obstacle.cause.clone());
    let mut insight = Insight::new("dns-timeout", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    insight.revision = failures.len() as u64;
    insight.suspects = suspects(container, obstacle.as_ref());
    let queries = if failures.len() == 1 { "query" } else { "queries" };
    let says = format!(
        "{} {queries} to {server} without an answer within 5 s, the last at {last}",
        failures.len()
    );
    insight = insight.because(first, Source::Kernel, says);
    if rate.now > 0.0 {
        insight = insight.because(rate.since, Source::Kernel, risen::says(&rate, "queries"));
    }
    if let Some(obstacle) = &obstacle {
        insight = insight.because(now, Source::Kubernetes, obstacle.cause.clone());
    }
    let others = dns::pods_that_fail(window, None).len().saturating_sub(1);
    if others > 0 {
        insight = insight.because(
            now,
            Source::Tapio,
            format!("the queries of {} fail too", count(others, "other pod")),
        );
    }
    insight.remedies.extend(obstacle.as_ref().and_then(obstacles::look));
    insight.remedies.extend(dns::look(world));
    insight
}

/// A network policy of this pod is nobody else's fault.
fn suspects(container: &ContainerView<'_>, obstacle: Option<&Obstacle>) -> Vec<Culprit> {
    match obstacle {
        Some(obstacle) if !obstacle.policies.is_empty() => obstacle.suspects.clone(),
        Some(obstacle) => [dns::suspects(container), obstacle.suspects.clone()].concat(),
        None => dns::suspects(container),
    }
}

fn unexplained(share: f64) -> String {
    if share >= MOST {
        return "nothing answers at that address; no network policy that tapio knows of forbids it, so the server is down or \
                packets to it or from it are dropped on the way"
            .to_owned();
    }
    "the server answers most queries but not all; it is overloaded, or packets are lost on the way".to_owned()
}
