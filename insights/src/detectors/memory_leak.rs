//! # A container's memory leaks
//!
//! **Why it matters.** A leak ends in an OOM kill sooner or later, and no limit is high enough for it. Told early, it is a task for
//! the day and not for the night.
//!
//! **How it is seen.** The floor under the memory that reclaim cannot free: its smallest value in each of sixteen equal parts of
//! the container's life, the first 15 % left out, so that what is freed again does not count.
//!
//! **Thresholds.** A life of two hours. The floor rises significantly (Mann-Kendall above 2.33), and both its newer half and its
//! last third still rise fast enough for 3 % of the limit within what is looked at: what flattens out is a warm-up. A warning when
//! the limit is met within a day with a probability of 0.5, else information. Nothing while `oom-trend` tells of the same container.
//!
//! **What it cannot do.** A container without a limit is not judged. A warm-up that takes longer than two hours looks the same until
//! it stops.
//!
//! **What to do.** Find what grows, or go back to the version that did not; a restart wins time.

use std::time::Duration;

use correlator::{ContainerView, Insight, Resource, Severity, Source, Timestamp, Tunable, Verdict, Window};

use crate::leak::{GROWS, LEAST_LIFE, Leak, leak};
use crate::phrase::{bytes, duration, percent};
use crate::rule::Rule;
use crate::{growth, remedies, standing};

const DAY: Duration = Duration::from_secs(86_400);
const LIKELY: Tunable = Tunable {
    detector: "memory-leak",
    name: "warningRatio",
    default: 0.5,
    bounds: [0.01, 1.0],
    meaning: "probability of meeting the limit within a day from which on it is a warning",
};
/// Without a sample for this long nothing is said.
const FRESH: Duration = Duration::from_secs(10);

pub(crate) const RULE: Rule = Rule {
    needs: &["cgroup"],
    hold: Duration::from_secs(600),
    tunables: &[LIKELY, LEAST_LIFE, GROWS],
    ..Rule::new("memory-leak", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if window.pod().is_some_and(standing::is_over) {
        return Verdict::Quiet;
    }
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let fill = container.runs.last()?.fill(Resource::Memory)?;
    let sample = fill.last()?;
    if window.now().since(sample.at) >= FRESH || is_told(window, container) {
        return None;
    }
    let leak = leak(window, fill)?;
    let capacity = sample.used + sample.headroom;
    let hourly = |rate: f64| bytes(rate * capacity * 3_600.0);
    let within_a_day = leak.probability(DAY);
    let severity = if within_a_day >= window.tuned(&LIKELY) {
        Severity::Warning
    } else {
        Severity::Info
    };
    let title = format!(
        "{} leaks memory, about {} an hour",
        container.subject(),
        hourly(leak.rate)
    );
    let cause = format!(
        "the least it uses has risen for {} and does not flatten out; its limit of {} is met within a day with a probability of {}",
        duration(window.now().since(leak.since)),
        bytes(sample.limit),
        percent(within_a_day)
    );
    let mut insight = Insight::new("memory-leak", container.subject(), severity, title, cause);
    container.key().clone_into(&mut insight.what);
    for (at, says) in evidence(&leak, hourly, sample.used, sample.cache) {
        insight = insight.because(at.unwrap_or(window.now()), Source::Cgroup, says);
    }
    if let Some(says) = growth::peaks(fill) {
        insight = insight.because(window.now(), Source::Cgroup, says);
    }
    insight.remedies.extend(remedies::look_at_memory(&container.identity));
    insight.remedies.extend(remedies::restart(&container.identity));
    Some(insight)
}

fn evidence(leak: &Leak, hourly: impl Fn(f64) -> String, used: f64, cache: f64) -> [(Option<Timestamp>, String); 2] {
    let rise = format!(
        "since then the floor rises by {} an hour (80 %: {} to {})",
        hourly(leak.rate),
        hourly(leak.low),
        hourly(leak.high)
    );
    let now = format!(
        "{} cannot be reclaimed now; {} of cache is not counted",
        bytes(used),
        bytes(cache)
    );
    [(Some(leak.since), rise), (None, now)]
}

/// Whether the more urgent insight about it is open.
fn is_told(window: &Window<'_>, container: &ContainerView<'_>) -> bool {
    let is_it = |insight: &&Insight| {
        insight.id == "oom-trend" && insight.what == container.key() && insight.subject.scope() == *window.scope()
    };
    window.open().any(|insight| is_it(&insight))
}
