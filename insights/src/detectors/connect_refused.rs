//! # A container's connects are refused by the same peer
//!
//! **Why it matters.** A refused connect means that the address answered and nobody listens there: the dependency is down,
//! not ready, or on another port. Applications often exit because of it, and the crash loop hides the reason.
//!
//! **How it is seen.** The kernel's socket state changes (`sock/inet_sock_set_state`): a socket that goes from `SYN_SENT` to
//! `CLOSE` with `ECONNREFUSED` was answered by a reset (RFC 9293, 3.10.7.3). The peer's address is looked up among the
//! Services and pods that the API server told of, at the time of the connect: Service, its endpoints, their pods, the ports
//! their containers name, and whether they are ready. Addresses of hostNetwork pods are never blamed on a pod.
//!
//! **Thresholds.** Three refusals by one address and port within five minutes, the last within one minute, and no success
//! since the first of the three. A host name with two addresses of which only one listens (`::1` and `127.0.0.1`) is not reported while the other
//! one answers. Where the address answers others (one bad pod of several behind a Service): five refusals within a minute, the
//! last within 20 s, and a share of failed connects to it that has risen against what was learned of this container and this
//! address over days: a binomial CUSUM over windows of ten seconds whose null is lifted for bursts, alarmed from
//! S > ln(8,640 / 0.1) = 11.4 on, which is at most 0.1 false alarms a pod-day where windows are independent. With little learned
//! it is judged by a fixed share, 10 %; what is above it is never learned as usual. Warning; critical from 20 refusals on.
//!
//! **What to do.** Look at the peer: is it running, is it ready, does it listen on that port?

use std::time::Duration;

use correlator::{
    ContainerView, Failure, Insight, Outcome, Peer, Severity, Source, Timestamp, Tunable, Verdict, Window, signals,
};

use crate::partly::Failing;
use crate::phrase::count;
use crate::rule::Rule;
use crate::suspects;
use crate::{destination, peers, risen};

const LEAST: Tunable = Tunable {
    detector: "connect-refused",
    name: "leastRefusals",
    default: 3.0,
    bounds: [1.0, 200.0],
    meaning: "refusals by one address and port within five minutes that are enough, where it never answers",
};
const CRITICAL: Tunable = Tunable {
    detector: "connect-refused",
    name: "criticalRefusals",
    default: 20.0,
    bounds: [1.0, 200.0],
    meaning: "refusals by one address and port within five minutes from which on it is critical",
};
const FRESH: Duration = Duration::from_secs(60);
/// What becomes of some connects where others succeed.
const PARTLY: &str = "refused";

const LEAST_PARTLY: Tunable = Tunable {
    detector: "connect-refused",
    name: "leastPartialRefusals",
    default: 5.0,
    bounds: [1.0, 200.0],
    meaning: "refusals within a minute that are enough, where the address answers others and more fail than used to",
};
const FALSE_ALARMS: Tunable = risen::false_alarms("connect-refused");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/tcp_connect", "k8s/pods", "k8s/services", "k8s/endpointslices"],
    tunables: &[LEAST, LEAST_PARTLY, CRITICAL, FALSE_ALARMS],
    ..Rule::new("connect-refused", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Vec<Insight> {
    let failing = Failing {
        is_it: &|failure| failure.outcome == Outcome::Refused,
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

/// When the peer last answered; where the same port of its other loopback address ever did, that holds for ever.
fn last_answer(container: &ContainerView<'_>, peer: &Peer) -> Option<Timestamp> {
    let spans = container
        .runs
        .iter()
        .filter_map(|run| run.history.spans(&signals::TCP_CONNECT));
    let of_port = spans
        .flat_map(|spans| &spans.answered)
        .filter(|(other, _)| other.port == peer.port);
    let answers = of_port.filter_map(|(other, at)| {
        let is_sibling = peer.address.is_loopback() && other.address.is_loopback();
        if other.address == peer.address {
            return Some(*at);
        }
        is_sibling.then_some(Timestamp::from_nanos(u64::MAX))
    });
    answers.max()
}

fn insight(window: &Window<'_>, container: &ContainerView<'_>, peer: &Peer, failures: &[&Failure]) -> Insight {
    let (number, world) = (failures.len(), window.world());
    let times = failures.iter().map(|failure| failure.at);
    let (first, last) = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
    let severity = if number as f64 >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!(
        "{} is refused by {}",
        container.subject(),
        peers::name(world, peer, last)
    );
    let cause = destination::why_refused(world, peer, last);
    let mut insight = Insight::new("connect-refused", container.subject(), severity, title, cause);
    insight.what = format!("{} {peer}", container.key());
    insight.revision = number as u64;
    let says = format!(
        "{} answered by a reset from {peer}, the last at {last}",
        count(number, "connect")
    );
    insight = insight.because(first, Source::Kernel, says);
    for says in peers::standing(world, peer, last) {
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    insight.suspects = suspects::peer(world, peer, last);
    insight.remedies.extend(peers::look(world, peer, last, peers::REFUSAL));
    insight
}
