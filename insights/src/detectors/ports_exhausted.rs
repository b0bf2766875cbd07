//! # A container has no free local port left to connect from
//!
//! **Why it matters.** To one address and port a pod can have at most 28,232 connections at once (`ip_local_port_range`), those
//! that were closed within the last minute included (`TIME_WAIT`). Then every further connect fails at once, without a packet.
//!
//! **How it is seen.** System calls `connect` and `bind` that fail with `EADDRNOTAVAIL`, together with the connects that went out.
//! The same errno comes from an address that the pod does not have, for example of `::1` without IPv6: without many
//! connects it says nothing.
//!
//! **Thresholds.** Ten such failures within a minute, and 1,000 connects within five minutes. Critical.
//!
//! **What to do.** Keep connections open and use them again. More replicas, or more addresses of the peer, are a stop-gap.

use std::collections::BTreeSet;
use std::time::Duration;

use correlator::{ContainerView, Insight, Peer, REACH, Severity, Signal, Source, Tunable, Verdict, Window, signals};

use crate::peers;
use crate::phrase::count;
use crate::rates;
use crate::rule::Rule;

const LEAST: Tunable = Tunable {
    detector: "ports-exhausted",
    name: "leastFailures",
    default: 10.0,
    bounds: [1.0, 1e6],
    meaning: "connects or binds that found no free port within a minute that are enough",
};
const LEAST_CONNECTS: Tunable = Tunable {
    detector: "ports-exhausted",
    name: "leastConnects",
    default: 1000.0,
    bounds: [1.0, 1e6],
    meaning: "connects within five minutes without which such failures have another reason",
};
const LATELY: Duration = Duration::from_secs(60);
/// Peers that are named.
const NAMED: usize = 3;

const CONNECT: Signal = Signal::new("syscall.errno:connect:EADDRNOTAVAIL");
const BIND: Signal = Signal::new("syscall.errno:bind:EADDRNOTAVAIL");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/syscall", "ebpf/tcp_connect"],
    tunables: &[LEAST, LEAST_CONNECTS],
    ..Rule::new("ports-exhausted", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    let rise = |signal: &Signal| rates::between(container, signal, now.minus(LATELY), now);
    let failed = rise(&CONNECT) + rise(&BIND);
    if failed < window.tuned(&LEAST) {
        return None;
    }
    let spans = || {
        container
            .runs
            .iter()
            .filter_map(|run| run.history.spans(&signals::TCP_CONNECT))
    };
    let connects: f64 = spans().map(|spans| spans.ok.sum() + spans.failed.len() as f64).sum();
    let peers: BTreeSet<&Peer> = spans().flat_map(|spans| spans.answered.keys()).collect();
    (connects >= window.tuned(&LEAST_CONNECTS)).then(|| insight(window, container, (failed, connects), &peers))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    (failed, connects): (f64, f64),
    peers: &BTreeSet<&Peer>,
) -> Insight {
    let (now, subject) = (window.now(), container.subject());
    let title = format!("{subject} has no free port left to connect from");
    let names: Vec<String> = peers
        .iter()
        .take(NAMED)
        .map(|peer| peers::name(window.world(), peer, now))
        .collect();
    let whom = match (names.is_empty(), peers.len() > NAMED) {
        (true, _) => String::new(),
        (false, false) => format!(" to {}", names.join(", ")),
        (false, true) => format!(" to {} and others", names.join(", ")),
    };
    let a_second = connects / REACH.as_secs_f64();
    let cause = format!(
        "it opens {a_second:.0} connections a second{whom} and each keeps its local port for a minute after it is closed, or they \
         are never closed"
    );
    let mut insight = Insight::new("ports-exhausted", subject, Severity::Critical, title, cause);
    container.key().clone_into(&mut insight.what);
    let says = format!(
        "{connects:.0} connects within five minutes to {}",
        count(peers.len(), "peer")
    );
    insight = insight.because(now.minus(REACH), Source::Kernel, says);
    let says = format!("{failed:.0} calls of connect or bind failed with EADDRNOTAVAIL within a minute");
    insight = insight.because(now, Source::Kernel, says);
    if let [only] = &peers.iter().collect::<Vec<_>>()[..] {
        let why = "all its connections go there; does it close them, or ask to?";
        insight.remedies.extend(peers::look(window.world(), only, now, why));
    }
    insight
}
