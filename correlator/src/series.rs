//! Five minutes of one signal, in buckets of one second.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// How far back history reaches.
pub const REACH: Duration = Duration::from_secs(300);

/// One second of a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Start of the second.
    pub start: Timestamp,
    /// When the last value came.
    pub at: Timestamp,
    /// The last value.
    pub last: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// Sum of the values: what a counter rose by.
    pub sum: f64,
}

/// A signal's buckets, oldest first, at most one a second and 300 in all. Seconds without a value have no bucket.
#[derive(Debug, Clone, Default)]
pub struct Series {
    buckets: VecDeque<Bucket>,
}

impl Series {
    /// Adds a value. A value older than the reach of the series is refused (`false`), as is one that is no number.
    pub fn add(&mut self, at: Timestamp, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        let start = Timestamp::from_secs(at.as_secs());
        let place = self.buckets.iter().rposition(|bucket| bucket.start <= start);
        match place {
            Some(index) if self.buckets[index].start == start => self.buckets[index].take(at, value),
            Some(index) => self.buckets.insert(index + 1, Bucket::of(start, at, value)),
            None if self.is_before_reach(at) => return false,
            None => self.buckets.push_front(Bucket::of(start, at, value)),
        }
        self.forget_before(self.buckets.back().map_or(at, |newest| newest.start).minus(REACH));
        true
    }

    /// Drops what is older than `cutoff`.
    pub fn forget_before(&mut self, cutoff: Timestamp) {
        while self.buckets.front().is_some_and(|bucket| bucket.start < cutoff) {
            self.buckets.pop_front();
        }
    }

    /// The buckets, oldest first.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = &Bucket> + ExactSizeIterator {
        self.buckets.iter()
    }

    /// The newest bucket.
    pub fn last(&self) -> Option<&Bucket> {
        self.buckets.back()
    }

    /// The largest value of the reach.
    pub fn max(&self) -> Option<f64> {
        self.buckets.iter().map(|bucket| bucket.max).reduce(f64::max)
    }

    /// The sum of all values of the reach.
    pub fn sum(&self) -> f64 {
        self.buckets.iter().map(|bucket| bucket.sum).sum()
    }

    /// True when nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn is_before_reach(&self, at: Timestamp) -> bool {
        self.buckets.back().is_some_and(|newest| at < newest.start.minus(REACH))
    }
}

impl Bucket {
    fn of(start: Timestamp, at: Timestamp, value: f64) -> Self {
        Self {
            start,
            at,
            last: value,
            min: value,
            max: value,
            sum: value,
        }
    }

    fn take(&mut self, at: Timestamp, value: f64) {
        if at >= self.at {
            self.at = at;
            self.last = value;
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(1_000_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn values_of_one_second_share_a_bucket() {
        let mut series = Series::default();
        for (time, value) in [(0, 3.0), (400, 1.0), (900, 2.0), (1000, 7.0)] {
            assert!(series.add(at(time), value));
        }
        let first = series.buckets().next().copied();
        assert_eq!(first.map(|b| (b.last, b.min, b.max, b.sum)), Some((2.0, 1.0, 3.0, 6.0)));
        assert_eq!(series.buckets().len(), 2);
    }

    #[test]
    fn the_series_never_holds_more_than_its_reach() {
        let mut series = Series::default();
        for second in 0..2_000 {
            series.add(at(second * 1000), 1.0);
        }
        assert_eq!(series.buckets().len(), 301);
        assert!(!series.add(at(0), 1.0));
    }

    #[test]
    fn a_late_value_lands_in_its_own_second() {
        let mut series = Series::default();
        for time in [0, 3000, 1000] {
            series.add(at(time), 1.0);
        }
        let starts: Vec<_> = series.buckets().map(|b| b.start.as_secs() - 1000).collect();
        assert_eq!(starts, [0, 1, 3]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert!(!Series::default().add(at(0), f64::NAN));
    }
}
