//! # A container turns new connections away because its queue of them is full
//!
//! **Why it matters.** The kernel drops the SYN or the last packet of the handshake and says nothing: clients wait a second,
//! three, seven, and then report timeouts of a server whose own log shows no trouble.
//!
//! **How it is seen.** The drops that the kernel notes on listening sockets: mostly connections that found the accept queue full
//! (`TcpExtListenOverflows`). How fast the container accepts and whether it gets CPU time says why.
//!
//! **Thresholds.** Ten within a minute, in three different seconds or more: a single burst at a start is none. Warning; critical
//! from 100 on.
//!
//! **What to do.** Accept faster (more workers, more CPU, more replicas) or make the queue longer: the smaller of the backlog that
//! the application gives to `listen` and `net.core.somaxconn`.

use std::time::Duration;

use correlator::{
    Bucket, ContainerView, Insight, Remedy, Risk, Series, Severity, Signal, Source, Timestamp, Tunable, Verdict,
    Window, signals,
};

use crate::kubectl::on_pod;
use crate::phrase::percent;
use crate::rates;
use crate::rule::Rule;

const OVERFLOWS: Signal = Signal::new("listen.overflows");
const ACCEPTS: Signal = Signal::new("tcp.accepts");

/// What is looked at, back from now.
const LATELY: Duration = Duration::from_secs(60);
/// Connections turned away within a minute, and the seconds in which some were.
const LEAST: Tunable = Tunable {
    detector: "listen-overflow",
    name: "leastOverflows",
    default: 10.0,
    bounds: [1.0, 1e6],
    meaning: "connections turned away within a minute that are enough",
};
const CRITICAL: Tunable = Tunable {
    detector: "listen-overflow",
    name: "criticalOverflows",
    default: 100.0,
    bounds: [1.0, 1e6],
    meaning: "connections turned away within a minute from which on it is critical",
};
const LEAST_SECONDS: Tunable = Tunable {
    detector: "listen-overflow",
    name: "distinctSeconds",
    default: 3.0,
    bounds: [1.0, 60.0],
    meaning: "different seconds of the minute in which connections have to be turned away",
};
/// Share of its CPU periods in which its limit was used up.
const THROTTLED: f64 = 0.1;

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/listen_queue", "ebpf/tcp_traffic", "cgroup"],
    tunables: &[LEAST, CRITICAL, LEAST_SECONDS],
    ..Rule::new("listen-overflow", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    let series = container.runs.iter().filter_map(|run| run.history.series(&OVERFLOWS));
    let is_recent = |bucket: &Bucket| now.since(bucket.at) < LATELY && bucket.sum > 0.0;
    let buckets: Vec<Bucket> = series.flat_map(Series::buckets).filter(is_recent).collect();
    let overflows: f64 = buckets.iter().map(|bucket| bucket.sum).sum();
    if overflows < window.tuned(&LEAST) || (buckets.len() as f64) < window.tuned(&LEAST_SECONDS) {
        return None;
    }
    let first = buckets.first().map_or(now, |bucket| bucket.at);
    Some(insight(window, container, overflows, first, buckets.len()))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    overflows: f64,
    first: Timestamp,
    seconds: usize,
) -> Insight {
    let (now, subject) = (window.now(), container.subject());
    let rise = |signal: &Signal| rates::between(container, signal, now.minus(LATELY), now);
    let accepted = rise(&ACCEPTS);
    let throttled = rise(&signals::CPU_THROTTLED_PERIODS) / rise(&signals::CPU_PERIODS).max(1.0);
    let severity = if overflows >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!("{subject} turned {overflows:.0} new connections away within a minute");
    let cause = if throttled >= THROTTLED {
        format!(
            "its queue of new connections is full because it cannot accept them: it used up its CPU limit in {} of its periods",
            percent(throttled)
        )
    } else if accepted > 0.0 {
        format!(
            "its queue of new connections fills faster than it accepts them ({:.1} a second)",
            accepted / LATELY.as_secs_f64()
        )
    } else {
        "its queue of new connections is full and it accepts none: its accept loop hangs, or it waits for something"
            .to_owned()
    };
    let mut insight = Insight::new("listen-overflow", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    let revision = overflows as u64;
    insight.revision = revision;
    let says =
        format!("{overflows:.0} drops of listening sockets in {seconds} seconds, {accepted:.0} connections accepted");
    insight = insight.because(first, Source::Kernel, says);
    if throttled >= THROTTLED {
        let says = format!("throttled in {} of its CPU periods within a minute", percent(throttled));
        insight = insight.because(now, Source::Cgroup, says);
    }
    insight.remedies.extend(look(container));
    insight
}

/// Read-only: the queues, if the image has `ss`; else the kernel's own list.
fn look(container: &ContainerView<'_>) -> Option<Remedy> {
    let name = container.identity.container.as_deref()?;
    let exec = |words: &[&str]| {
        let command = on_pod(&["exec"], &container.identity)?.container(name)?.flag("--");
        Some(
            words
                .iter()
                .fold(command, |command, word| command.arg(*word))
                .to_string(),
        )
    };
    let commands: Vec<String> = [exec(&["ss", "-lnt"]), exec(&["cat", "/proc/sys/net/core/somaxconn"])]
        .into_iter()
        .flatten()
        .collect();
    (!commands.is_empty()).then(|| Remedy {
        title: "See how long the queue is and how full".to_owned(),
        why: "Recv-Q is what waits to be accepted, Send-Q what the queue holds at most".to_owned(),
        risk: Risk::None,
        impact: "none, read-only".to_owned(),
        needs: Some("an image with ss in it, for the first".to_owned()),
        commands,
        undo: None,
        verify: "Recv-Q stays well below Send-Q".to_owned(),
    })
}
