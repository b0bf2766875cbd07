//! How fast counters rose: sums and shares over the last part of a window.

use std::time::Duration;

use correlator::{ContainerView, Signal, Timestamp};

/// How much a counter rose in the last `reach`, over all runs of the container.
pub(crate) fn rise(container: &ContainerView<'_>, signal: &Signal, now: Timestamp, reach: Duration) -> f64 {
    let from = now.minus(reach);
    let series = container.runs.iter().filter_map(|run| run.history.series(signal));
    let lately = series
        .flat_map(correlator::Series::buckets)
        .filter(|bucket| bucket.at > from);
    lately.fold(0.0, |sum, bucket| sum + bucket.sum)
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
