//! # DNS answers to a container are slow
//!
//! **Why it matters.** Most connections begin with a lookup, often with several in a row: what one answer takes longer, each
//! request takes longer several times over.
//!
//! **How it is seen.** The kernel's time from query to answer, of the answered queries of a container; those that were never
//! answered are for `dns-timeout`. The DNS server's own containers are looked at for CPU throttling.
//!
//! **Thresholds.** Thirty answers within a minute. Warning when 5 % of them took longer than 100 ms, critical when they took
//! longer than 500 ms. Also a warning when the slowest 5 % take five times as long as in the minutes before and more than 20 ms:
//! compared with one hundred answers or more, after the first minute, and only when chance explains so many slow ones in less
//! than one of 10,000 cases.
//!
//! **What to do.** Look at the DNS server: is it throttled, are there enough of it, is its upstream slow?

use std::time::Duration;

use correlator::{ContainerView, Detector, Insight, Peer, Scope, Severity, Signal, Source, Verdict, Window, signals};

use crate::dns::{self, LATELY};
use crate::latency::{self, Shift};
use crate::phrase::{duration, percent};
use crate::{destination, rates};

/// Answers within a minute.
const LEAST: u64 = 30;
/// What the slowest 5 % take.
const WARNING: Duration = Duration::from_millis(100);
const CRITICAL: Duration = Duration::from_millis(500);
/// A shift against the minutes before: this many times, and this long at least.
const TIMES: f64 = 5.0;
const SHIFTED: Duration = Duration::from_millis(20);
/// Share of its periods in which the DNS server had no CPU time left.
const THROTTLED: f64 = 0.1;

/// The detector.
pub(crate) struct Rule;

impl Detector for Rule {
    fn id(&self) -> &'static str {
        "dns-slow"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["ebpf/dns", "cgroup", "k8s/pods", "k8s/services", "k8s/endpointslices"]
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        Verdict::each(window, in_container)
    }
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let (now, run) = (window.now(), container.runs.last()?);
    let lately = run.history.latencies(&dns::QUERY, now.minus(LATELY), now);
    if lately.count() < LEAST {
        return None;
    }
    let slow = lately.quantile(latency::SLOW)?;
    let shift = latency::shift(container, &dns::QUERY, now, TIMES, SHIFTED);
    let severity = if slow >= CRITICAL {
        Severity::Critical
    } else {
        Severity::Warning
    };
    if slow < WARNING && shift.is_none() {
        return None;
    }
    Some(insight(window, container, severity, slow, shift, lately.count()))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    severity: Severity,
    slow: Duration,
    shift: Option<Shift>,
    answers: u64,
) -> Insight {
    let (now, subject) = (window.now(), container.subject());
    let title = format!(
        "one of twenty DNS answers to {subject} takes longer than {}",
        duration(slow)
    );
    let server = asked(container);
    let name = server.map_or_else(
        || "the server".to_owned(),
        |server| dns::server(window.world(), server, now),
    );
    let throttled = throttled(window);
    let cause = match (&throttled, shift) {
        (Some((pod, share)), _) => {
            format!(
                "{pod} of the DNS server uses up its CPU limit: it had to pause in {} of its periods",
                percent(*share)
            )
        }
        (None, Some(shift)) => format!(
            "{name} answers slower than before, when it took {}; it is overloaded, or its upstream server is slow",
            duration(shift.before)
        ),
        (None, None) => format!("{name} is overloaded, far away, or its upstream server is slow"),
    };
    let mut insight = Insight::new("dns-slow", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    let says = format!(
        "{answers} answers within a minute, the slowest twentieth took {} or longer",
        duration(slow)
    );
    insight = insight.because(now, Source::Kernel, says);
    if let Some(shift) = shift {
        let says = format!(
            "before, the slowest twentieth of {} answers took {}",
            shift.compared,
            duration(shift.before)
        );
        insight = insight.because(now.minus(LATELY), Source::Kernel, says);
    }
    if let Some((pod, share)) = throttled {
        let says = format!(
            "{pod} was throttled in {} of its CPU periods within a minute",
            percent(share)
        );
        insight = insight.because(now, Source::Cgroup, says);
    }
    insight.suspects = dns::suspects(container);
    insight.remedies.extend(dns::look(window.world()));
    insight
}

/// The server that answered last.
fn asked<'a>(container: &ContainerView<'a>) -> Option<&'a Peer> {
    let spans = container.runs.iter().filter_map(|run| run.history.spans(&dns::QUERY));
    spans
        .flat_map(|spans| &spans.answered)
        .max_by_key(|(_, at)| **at)
        .map(|(server, _)| server)
}

/// The pod of the DNS server that is throttled most, and in which share of its periods.
fn throttled(window: &Window<'_>) -> Option<(String, f64)> {
    let (name, _) = dns::service(window.world())?;
    let uids = destination::ready(window.world(), name).filter_map(|endpoint| endpoint.pod.clone());
    let views = uids.filter_map(|uid| window.of(&Scope::Pod(uid)));
    let shares = views.filter_map(|view| {
        let share = view
            .containers()
            .iter()
            .map(|container| share_throttled(window, container))
            .reduce(f64::max)?;
        Some((view.pod()?.identity.pod_label(), share))
    });
    shares
        .filter(|(_, share)| *share >= THROTTLED)
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

fn share_throttled(window: &Window<'_>, container: &ContainerView<'_>) -> f64 {
    let now = window.now();
    let rise = |signal: &Signal| rates::between(container, signal, now.minus(LATELY), now);
    rise(&signals::CPU_THROTTLED_PERIODS) / rise(&signals::CPU_PERIODS).max(1.0)
}
