//! # A container's connects to a peer are not answered
//!
//! **Why it matters.** Nobody says no, so the application waits: for its own timeout, or for more than two minutes. Requests
//! pile up behind it.
//!
//! **How it is seen.** The kernel's socket state changes: a socket that goes from `SYN_SENT` to `CLOSE` with `ETIMEDOUT`,
//! `EHOSTUNREACH` or `ENETUNREACH`, or that the application closed after a second or more of waiting, when its SYN had been sent
//! again at least once (RFC 6298: after one second). The peer is looked up among Services and pods at the time of the connect;
//! network policies of both sides, endpoints, pods that are gone and nodes that are not ready may explain it.
//!
//! **Thresholds.** Three such connects to one address and port within five minutes, the last within one minute, and none
//! since the first of the three that succeeded. Where others succeed (one pod of several behind a Service that hangs): five within a minute, the last within
//! 20 s, and a share of failed connects to it that has risen against what was learned of this container and this address over
//! days: a binomial CUSUM over windows of ten seconds whose null is lifted for bursts, alarmed from S > ln(8,640 / 0.1) = 11.4 on,
//! which is at most 0.1 false alarms a pod-day where windows are independent. With little learned it is judged by a fixed
//! share, 10 %; what is above it is never learned as usual. Warning; critical from 20 on.
//!
//! **What to do.** Mend what the cause names. Without one, look for a firewall between the two: a dropped packet looks like this,
//! a closed port does not.

use std::time::Duration;

use correlator::{
    ContainerView, Failure, Insight, Outcome, Peer, Severity, Source, Timestamp, Tunable, Verdict, Window, signals,
};

use crate::obstacles::{self, Obstacle};
use crate::partly::Failing;
use crate::phrase::{count, duration};
use crate::rule::Rule;
use crate::suspects;
use crate::{peers, risen};

const LEAST: Tunable = Tunable {
    detector: "connect-timeout",
    name: "leastUnanswered",
    default: 3.0,
    bounds: [1.0, 200.0],
    meaning: "connects to one address and port without an answer within five minutes that are enough, where it never answers",
};
const CRITICAL: Tunable = Tunable {
    detector: "connect-timeout",
    name: "criticalUnanswered",
    default: 20.0,
    bounds: [1.0, 200.0],
    meaning: "connects without an answer within five minutes from which on it is critical",
};
const FRESH: Duration = Duration::from_secs(60);
/// What becomes of some connects where others succeed.
const PARTLY: &str = "not answered";
const PATIENCE: Tunable = Tunable {
    detector: "connect-timeout",
    name: "givenUpSeconds",
    default: 1.0,
    bounds: [0.05, 60.0],
    meaning: "how long a connect that its own side gave up has to have waited to count as not answered",
};
const LEAST_PARTLY: Tunable = Tunable {
    detector: "connect-timeout",
    name: "leastPartlyUnanswered",
    default: 5.0,
    bounds: [1.0, 200.0],
    meaning: "connects without an answer within a minute that are enough, where the address answers others and more fail than used to",
};
const FALSE_ALARMS: Tunable = risen::false_alarms("connect-timeout");

pub(crate) const RULE: Rule = Rule {
    needs: &[
        "ebpf/tcp_connect",
        "k8s/pods",
        "k8s/nodes",
        "k8s/services",
        "k8s/endpointslices",
        "k8s/networkpolicies",
    ],
    tunables: &[LEAST, LEAST_PARTLY, CRITICAL, PATIENCE, FALSE_ALARMS],
    ..Rule::new("connect-timeout", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Vec<Insight> {
    let patience = window.tuned_time(&PATIENCE);
    let failing = Failing {
        is_it: &|failure| is_unanswered(failure, patience),
        last_answer,
        lately: FRESH,
        least: window.tuned(&LEAST),
        least_partly: window.tuned(&LEAST_PARTLY),
        false_alarms: window.tuned(&FALSE_ALARMS),
        fate: PARTLY,
        insight,
    };
    failing.in_container(window, container)
}

fn is_unanswered(failure: &Failure, patience: Duration) -> bool {
    match failure.outcome {
        Outcome::TimedOut | Outcome::Unreachable => true,
        Outcome::Aborted => failure.took >= patience,
        _ => false,
    }
}

fn last_answer(container: &ContainerView<'_>, peer: &Peer) -> Option<Timestamp> {
    let spans = container
        .runs
        .iter()
        .filter_map(|run| run.history.spans(&signals::TCP_CONNECT));
    spans.filter_map(|spans| spans.answered.get(peer)).copied().max()
}

fn insight(window: &Window<'_>, container: &ContainerView<'_>, peer: &Peer, failures: &[&Failure]) -> Insight {
    let (number, world, subject) = (failures.len(), window.world(), container.subject());
    let times = failures.iter().map(|failure| failure.at);
    let (first, last) = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
    let obstacle = window
        .pod()
        .and_then(|pod| obstacles::between(world, pod, peer, "TCP", last));
    let severity = if number as f64 >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let name = peers::name(world, peer, last);
    let unreachable = failures
        .iter()
        .filter(|failure| failure.outcome == Outcome::Unreachable)
        .count();
    let title = if unreachable == number {
        format!("{subject} cannot reach {name}: there is no way to it")
    } else {
        format!("{subject} gets no answer from {name}")
    };
    let cause = obstacle
        .as_ref()
        .map_or_else(|| unexplained(number, unreachable), |obstacle| obstacle.cause.clone());
    let mut insight = Insight::new("connect-timeout", subject, severity, title, cause);
    insight.what = format!("{} {peer}", container.key());
    insight.revision = number as u64;
    let longest = failures.iter().map(|failure| failure.took).max().unwrap_or_default();
    let says = format!(
        "{} to {peer} without an answer, the last at {last}; the longest waited {}",
        count(number, "connect"),
        duration(longest)
    );
    insight = insight.because(first, Source::Kernel, says);
    if let Some(obstacle) = &obstacle {
        insight = insight.because(window.now(), Source::Kubernetes, obstacle.cause.clone());
    }
    for says in peers::standing(world, peer, last) {
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    insight.suspects = match &obstacle {
        Some(Obstacle { policies, suspects, .. }) if !policies.is_empty() => suspects.clone(),
        Some(obstacle) => [obstacle.suspects.clone(), suspects::peer(world, peer, last)].concat(),
        None => suspects::peer(world, peer, last),
    };
    insight.remedies.extend(obstacle.as_ref().and_then(obstacles::look));
    let why = "who gets no packets cannot answer; the pod's state says whether it could";
    insight.remedies.extend(peers::look(world, peer, last, why));
    insight
}

fn unexplained(number: usize, unreachable: usize) -> String {
    if unreachable == number {
        return "a router or the node itself says that there is no way to that address (EHOSTUNREACH or ENETUNREACH)"
            .to_owned();
    }
    "its SYNs are not answered; nothing that tapio knows of explains it, so they are dropped on the way (a firewall, a \
     security group, the network plugin) or the host is down"
        .to_owned()
}
