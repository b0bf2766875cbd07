//! # DNS answers to a container are slow
//!
//! **Why it matters.** Most connections begin with a lookup, often with several in a row: what one answer takes longer, each
//! request takes longer several times over.
//!
//! **How it is seen.** The kernel's time from query to answer, of the answered queries of a container; those that were never
//! answered are for `dns-timeout`. The DNS server's own containers are looked at for CPU throttling.
//!
//! **Thresholds.** Thirty answers within a minute. Slow is what takes longer than all but one in a hundred answers to this
//! container did, learned over days; told when the share of slow ones has risen: a binomial CUSUM over windows of ten seconds with
//! a null of 1 % or more, alarmed from S > ln(8,640 / 0.1) = 11.4 on, which is at most 0.1 false alarms a pod-day where windows are
//! independent. The slowest 5 % must then take twice that limit and 20 ms. Until one hundred answers and two minutes are
//! known, 5 % that take longer than 100 ms are too many; what is above that is never learned as usual. Warning; critical when the
//! slowest 5 % take 500 ms.
//!
//! **What to do.** Look at the DNS server: is it throttled, are there enough of it, is its upstream slow?

use correlator::{
    ContainerView, Insight, Peer, Scope, Severity, Signal, SlowRate, Source, Tunable, Verdict, Window, signals,
};

use crate::dns::{self, LATELY};
use crate::latency::{self, Slowest};
use crate::phrase::{duration, percent};
use crate::risen;
use crate::rule::Rule;
use crate::{destination, rates};

const LONG: Tunable = Tunable {
    detector: "dns-slow",
    name: "leastSeconds",
    default: 0.02,
    bounds: [0.0001, 60.0],
    meaning: "what the slowest twentieth has to take at least",
};
const TIMES: Tunable = Tunable {
    detector: "dns-slow",
    name: "times",
    default: 2.0,
    bounds: [1.0, 1000.0],
    meaning: "how many times the learned limit the slowest twentieth has to take at least",
};
const COLD: Tunable = Tunable {
    detector: "dns-slow",
    name: "unlearnedSeconds",
    default: 0.1,
    bounds: [0.001, 60.0],
    meaning: "what the slowest twentieth takes that is too long while nothing was learned of the container",
};
const CRITICAL: Tunable = Tunable {
    detector: "dns-slow",
    name: "criticalSeconds",
    default: 0.5,
    bounds: [0.001, 60.0],
    meaning: "what the slowest twentieth takes from which on it is critical",
};
/// Share of its periods in which the DNS server had no CPU time left.
const THROTTLED: f64 = 0.1;

const LEAST_ANSWERS: Tunable = Tunable {
    detector: "dns-slow",
    name: "leastAnswers",
    default: 30.0,
    bounds: [10.0, 1e6],
    meaning: "answers within a minute that are enough to judge by",
};
const FALSE_ALARMS: Tunable = risen::false_alarms("dns-slow");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/dns", "cgroup", "k8s/pods", "k8s/services", "k8s/endpointslices"],
    tunables: &[LONG, TIMES, COLD, CRITICAL, LEAST_ANSWERS, FALSE_ALARMS],
    ..Rule::new("dns-slow", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let slowest = latency::slowest(container, &dns::QUERY, window.now(), window.tuned(&LEAST_ANSWERS))?;
    let slow = container.rates?.slow_answers(window.now())?;
    let is_unknown = slow.learned == 0 && slow.rate.is_risen(window.tuned(&FALSE_ALARMS)) || slow.rate.is_cold;
    let is_told = latency::has_shifted(
        slowest,
        &slow,
        [&LONG, &TIMES, &FALSE_ALARMS].map(|one| window.tuned(one)),
    ) || (is_unknown && slowest.took.as_secs_f64() >= window.tuned(&COLD));
    is_told.then(|| insight(window, container, slowest, &slow))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    Slowest { took, count }: Slowest,
    slow: &SlowRate,
) -> Insight {
    let severity = if took.as_secs_f64() >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let (now, subject) = (window.now(), container.subject());
    let title = format!(
        "one of twenty DNS answers to {subject} takes longer than {}",
        duration(took)
    );
    let server = asked(container);
    let name = server.map_or_else(
        || "the server".to_owned(),
        |server| dns::server(window.world(), server, now),
    );
    let throttled = throttled(window);
    let cause = match (&throttled, slow.learned) {
        (Some((pod, share)), _) => {
            format!(
                "{pod} of the DNS server uses up its CPU limit: it had to pause in {} of its periods",
                percent(*share)
            )
        }
        (None, 1..) => format!(
            "{name} answers slower than before, when all but one in a hundred took {} at most; it is overloaded, or its \
             upstream server is slow",
            duration(slow.limit)
        ),
        (None, 0) => format!("{name} is overloaded, far away, or its upstream server is slow"),
    };
    let mut insight = Insight::new("dns-slow", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    let says = format!(
        "{count} answers within a minute, the slowest twentieth took {} or longer",
        duration(took)
    );
    insight = insight.because(now, Source::Kernel, says);
    if slow.learned > 0 && slow.rate.now > 0.0 {
        insight = insight.because(slow.rate.since, Source::Kernel, latency::says(slow, "answers"));
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
