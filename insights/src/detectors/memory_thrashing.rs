//! # A container is slow because it hardly fits into its memory limit
//!
//! **Why it matters.** Nothing is killed and nothing is restarted. The kernel takes program text and files out of memory and reads
//! them again at once; the process waits for that instead of working. Probes and requests time out.
//!
//! **How it is seen.** The time that its tasks waited for memory (`memory.pressure` of cgroup v2: `some` while one waited, `full` while
//! all did), the charge against the limit that holds, and how much of the charge is file pages.
//!
//! **Thresholds.** Over the last minute, watched for 45 seconds of it: `some` for 20 ms a second or `full` for 5 ms a second on
//! average, in half of the seconds at least; the charge at 90 % of the limit or above; file pages at most 30 % of it, since a
//! cache that streams through costs little. Not while an OOM kill of the last five minutes says more. Warning; critical when all tasks waited
//! for 10 % of the time.
//!
//! **What to do.** Raise the limit; the memory it works with does not fit.

use std::time::Duration;

use correlator::{
    Bucket, ContainerView, Insight, Series, Severity, Signal, Source, Timestamp, Tunable, Verdict, Window, signals,
};

use crate::memory_kills::{self, Class};
use crate::phrase::bytes;
use crate::rule::Rule;
use crate::{rates, remedies, suspects};

/// What is judged.
const FRESH: Duration = Duration::from_secs(60);
/// Seconds of it that have to be measured.
const MEASURED: usize = 45;
const SOME: Tunable = Tunable {
    detector: "memory-thrashing",
    name: "someRatio",
    default: 0.02,
    bounds: [0.0001, 1.0],
    meaning: "time in which some task waits for memory that is too much, of a minute",
};
const FULL: Tunable = Tunable {
    detector: "memory-thrashing",
    name: "fullRatio",
    default: 0.005,
    bounds: [0.0001, 1.0],
    meaning: "time in which all tasks wait for memory that is too much, of a minute",
};
const CRITICAL: Tunable = Tunable {
    detector: "memory-thrashing",
    name: "criticalFullRatio",
    default: 0.1,
    bounds: [0.0, 1.0],
    meaning: "time in which all tasks wait from which on it is critical, of a minute",
};
/// Seconds of it in which somebody waited.
const SECONDS: usize = 30;
const USED: Tunable = Tunable {
    detector: "memory-thrashing",
    name: "usedRatio",
    default: 0.9,
    bounds: [0.1, 1.0],
    meaning: "least part of the limit that is charged",
};
const CACHE: Tunable = Tunable {
    detector: "memory-thrashing",
    name: "cacheRatio",
    default: 0.3,
    bounds: [0.0, 1.0],
    meaning: "most of the limit that may be file pages",
};
/// From the cgroup files: nanoseconds.
const PRESSURE_SOME: Signal = Signal::new("memory.pressure_some");
const PRESSURE_FULL: Signal = Signal::new("memory.pressure_full");

pub(crate) const RULE: Rule = Rule {
    needs: &["cgroup", "k8s/pods"],
    tunables: &[SOME, FULL, CRITICAL, USED, CACHE],
    ..Rule::new("memory-thrashing", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    let limit = container.series(&signals::MEMORY_LIMIT).and_then(Series::last)?.last;
    let usage = mean(container, &signals::MEMORY_USAGE, now, MEASURED)?;
    let cache = mean(container, &signals::MEMORY_CACHE, now, MEASURED).unwrap_or_default();
    if limit <= 0.0 || usage < window.tuned(&USED) * limit || cache > window.tuned(&CACHE) * limit {
        return None;
    }
    let reach = rates::watched(container, now).min(FRESH);
    let some = rates::share(container, &PRESSURE_SOME, now, reach);
    let full = rates::share(container, &PRESSURE_FULL, now, reach);
    let waited = container
        .series(&PRESSURE_SOME)
        .map_or(0, |series| fresh(series, now).count());
    if waited < SECONDS || (some < window.tuned(&SOME) && full < window.tuned(&FULL)) || was_killed(window, container) {
        return None;
    }
    Some(insight(window, container, limit, [usage, cache], [some, full]))
}

fn was_killed(window: &Window<'_>, container: &ContainerView<'_>) -> bool {
    let classes = [Class::Container, Class::Child, Class::Node];
    classes
        .iter()
        .any(|class| memory_kills::of(window, container, *class).number > 0)
}

fn fresh(series: &Series, now: Timestamp) -> impl Iterator<Item = Bucket> {
    series.buckets().filter(move |bucket| now.since(bucket.at) < FRESH)
}

/// The mean of a gauge over the last minute, when at least so many of its seconds were measured.
fn mean(container: &ContainerView<'_>, signal: &Signal, now: Timestamp, least: usize) -> Option<f64> {
    let values: Vec<f64> = fresh(container.series(signal)?, now)
        .map(|bucket| bucket.last)
        .collect();
    (values.len() >= least).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    limit: f64,
    [usage, cache]: [f64; 2],
    [some, full]: [f64; 2],
) -> Insight {
    let (now, pod) = (window.now(), &container.identity);
    let subject = container.subject();
    let severity = if full >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!(
        "{subject} is slow because it hardly fits into its memory limit of {}",
        bytes(limit)
    );
    let cause = format!(
        "it is charged {} of {} ({:.0} %), of which {} are file pages; its tasks waited for memory to be freed or read back \
         for {:.1} % of the last minute, all of them at once for {:.1} %",
        bytes(usage),
        bytes(limit),
        usage / limit * 100.0,
        bytes(cache),
        some * 100.0,
        full * 100.0
    );
    let mut insight = Insight::new("memory-thrashing", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    insight.about = suspects::pod(pod);
    insight.suspects = suspects::owner(pod).into_iter().collect();
    let says = format!(
        "memory.pressure of the last minute: some {:.0} ms/s, full {:.0} ms/s",
        some * 1e3,
        full * 1e3
    );
    insight = insight.because(now, Source::Cgroup, says);
    insight.remedies.push(remedies::look_at_log(
        pod,
        "timeouts and pauses of that time belong to this",
    ));
    let node = pod.node.as_deref().and_then(|name| window.world().node(name));
    let allocatable = node.and_then(|node| node.state.allocatable_memory);
    let peak = container.runs.last().map_or(usage, |run| memory_kills::peak(*run));
    insight
        .remedies
        .push(remedies::raise_memory_limit(pod, peak, limit, allocatable));
    insight
}
