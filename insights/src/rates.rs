//! How fast counters rose: sums and shares over the last part of a window.

use std::time::Duration;

use correlator::{ContainerView, Series, Signal, Timestamp};

/// How much a counter rose from `from` to before `to`, over all runs of the container.
pub(crate) fn between(container: &ContainerView<'_>, signal: &Signal, from: Timestamp, to: Timestamp) -> f64 {
    let series = container.runs.iter().filter_map(|run| run.history.series(signal));
    let within = series
        .flat_map(Series::buckets)
        .filter(|bucket| bucket.at >= from && bucket.at < to);
    within.fold(0.0, |sum, bucket| sum + bucket.sum)
}

/// How much a counter rose in the last `reach`, this moment included, over all runs of the container.
pub(crate) fn rise(container: &ContainerView<'_>, signal: &Signal, now: Timestamp, reach: Duration) -> f64 {
    const MOMENT: Duration = Duration::from_nanos(1);
    between(container, signal, now.minus(reach).plus(MOMENT), now.plus(MOMENT))
}

/// The share of the last `reach` that a counter of nanoseconds rose by: 0.1 when it rose by 100 ms a second.
pub(crate) fn share(container: &ContainerView<'_>, signal: &Signal, now: Timestamp, reach: Duration) -> f64 {
    rise(container, signal, now, reach) / reach.as_secs_f64() / 1e9
}

/// How long the container has been watched, in its present run.
pub(crate) fn watched(container: &ContainerView<'_>, now: Timestamp) -> Duration {
    let first = container.runs.last().and_then(|run| run.history.first());
    first.map_or(Duration::ZERO, |first| now.since(first))
}
