//! What is usual for a container, by its own last minutes: the median, and how far values are from it.

use std::time::Duration;

use correlator::{ContainerView, REACH, Series, Signal, Timestamp};

use crate::cusum::Trials;
use crate::rates;

/// Nothing is compared with what is usual before a run was watched for this long.
pub(crate) const WARM_UP: Duration = Duration::from_secs(60);
/// Seconds that are looked at together.
const WIDTH_SECS: u64 = 10;
/// A normal distribution's standard deviation, as a multiple of its median absolute deviation.
const OF_NORMAL: f64 = 1.4826;

/// What is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) median: f64,
    pub(crate) mean: f64,
    /// The median absolute deviation, scaled to a standard deviation.
    pub(crate) spread: f64,
}

impl Baseline {
    /// The baseline of some values. `None` without any.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let median = median(values.to_vec())?;
        let off = values.iter().map(|value| (value - median).abs()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self {
            median,
            mean,
            spread: OF_NORMAL * median_or_zero(off),
        })
    }

    /// Whether a value is beyond what chance explains: more than `sigmas` above the median.
    pub(crate) fn is_exceeded(&self, value: f64, sigmas: f64) -> bool {
        value > self.median + sigmas * self.spread
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (below, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let median = *median;
    let lower = below
        .iter()
        .copied()
        .reduce(f64::max)
        .filter(|_| values.len().is_multiple_of(2));
    Some(lower.map_or(median, |lower| f64::midpoint(lower, median)))
}

fn median_or_zero(values: Vec<f64>) -> f64 {
    median(values).unwrap_or(0.0)
}

/// Whether the newest run of a container was watched long enough to know what is usual for it.
pub(crate) fn is_warm(container: &ContainerView<'_>, now: Timestamp) -> bool {
    rates::watched(container, now) >= WARM_UP
}

/// Windows of ten seconds, from the start of the newest run of a container or five minutes ago up to `now`: what these
/// counters rose by in each, those of `failed` among those of `tried`.
pub(crate) fn windows(
    container: &ContainerView<'_>,
    now: Timestamp,
    tried: &[Signal],
    failed: &[Signal],
) -> Vec<Trials> {
    let Some(run) = container.runs.last() else {
        return Vec::new();
    };
    let first = run.history.first().map_or(now, |first| first.max(now.minus(REACH)));
    let begin = first.as_secs().next_multiple_of(WIDTH_SECS);
    let starts = (begin..=now.as_secs()).step_by(usize::try_from(WIDTH_SECS).unwrap_or(1));
    let empty = |start| Trials {
        at: Timestamp::from_secs(start),
        tried: 0.0,
        failed: 0.0,
    };
    let mut windows: Vec<Trials> = starts.map(empty).collect();
    for (signals, is_failed) in [(tried, false), (failed, true)] {
        let series = signals.iter().filter_map(|signal| run.history.series(signal));
        for bucket in series.flat_map(Series::buckets) {
            let index = bucket
                .start
                .as_secs()
                .checked_sub(begin)
                .map(|seconds| seconds / WIDTH_SECS);
            let Some(window) = index.and_then(|index| windows.get_mut(usize::try_from(index).ok()?)) else {
                continue;
            };
            if is_failed {
                window.failed += bucket.sum;
            } else {
                window.tried += bucket.sum;
            }
        }
    }
    windows
}

/// What a counter of the newest run rose by in each whole window of ten seconds before `until`, oldest first.
pub(crate) fn rises(container: &ContainerView<'_>, now: Timestamp, until: Timestamp, signal: &Signal) -> Vec<f64> {
    let windows = windows(container, now, std::slice::from_ref(signal), &[]);
    let is_whole = |window: &&Trials| window.at.plus(Duration::from_secs(WIDTH_SECS)) <= until;
    windows.iter().filter(is_whole).map(|window| window.tried).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_spike_does_not_change_what_is_usual() {
        let baseline = Baseline::of(&[2.0, 3.0, 2.0, 500.0, 1.0]).expect("values");
        assert!(
            (baseline.median - 2.0).abs() < 1e-9 && (baseline.spread - 1.4826).abs() < 1e-9,
            "{baseline:?}"
        );
        assert!(baseline.is_exceeded(11.0, 6.0) && !baseline.is_exceeded(10.0, 6.0));
    }

    #[test]
    fn the_median_of_an_even_number_of_values_is_between_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(vec![7.0]), Some(7.0));
        assert_eq!(Baseline::of(&[]), None);
    }
}
