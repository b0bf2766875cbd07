//! What is usual for a container, by its own last minutes: the median, and how far values are from it.

use std::time::Duration;

use correlator::{ContainerView, REACH, Series, Signal, Timestamp};

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

/// What a counter of the newest run rose by in each whole window of ten seconds before `until`, oldest first: from its start or
/// five minutes ago on.
pub(crate) fn rises(container: &ContainerView<'_>, now: Timestamp, until: Timestamp, signal: &Signal) -> Vec<f64> {
    let Some(run) = container.runs.last() else {
        return Vec::new();
    };
    let first = run.history.first().map_or(now, |first| first.max(now.minus(REACH)));
    let begin = first.as_secs().next_multiple_of(WIDTH_SECS);
    let whole = until.as_secs().saturating_sub(begin) / WIDTH_SECS;
    let mut windows: Vec<f64> = (0..whole).map(|_| 0.0).collect();
    for bucket in run.history.series(signal).into_iter().flat_map(Series::buckets) {
        let index = bucket
            .start
            .as_secs()
            .checked_sub(begin)
            .map(|seconds| seconds / WIDTH_SECS);
        if let Some(window) = index.and_then(|index| windows.get_mut(usize::try_from(index).ok()?)) {
            *window += bucket.sum;
        }
    }
    windows
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
