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

/// A signal's buckets, oldest first, at most one a second and 300 in all. Seconds without a value have no bucket. A bucket of
/// one value takes 16 bytes, one of several 48.
#[derive(Debug, Clone, Default)]
pub struct Series {
    points: VecDeque<Point>,
    /// Of the seconds with several values, in order.
    spreads: VecDeque<Spread>,
}

/// The last value of a second.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Timestamp,
    value: f64,
}

/// What the values of a second were together.
#[derive(Debug, Clone, Copy)]
struct Spread {
    second: u64,
    min: f64,
    max: f64,
    sum: f64,
}

impl Series {
    /// Adds a value. A value older than the reach of the series is refused (`false`), as is one that is no number.
    pub fn add(&mut self, at: Timestamp, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        let point = Point { at, value };
        let place = self.points.iter().rposition(|other| other.second() <= point.second());
        match place {
            Some(index) if self.points[index].second() == point.second() => self.join(index, point),
            Some(index) => self.insert(index + 1, point),
            None if self.is_before_reach(at) => return false,
            None => self.insert(0, point),
        }
        self.forget_before(self.points.back().map_or(at, Point::start).minus(REACH));
        true
    }

    /// Doubling would leave half of the room unused: most series reach a length and keep it.
    fn insert(&mut self, index: usize, point: Point) {
        if self.points.len() == self.points.capacity() {
            self.points.reserve_exact((self.points.len() / 4).max(4));
        }
        self.points.insert(index, point);
    }

    /// Adds a value to a second that has one.
    fn join(&mut self, index: usize, point: Point) {
        let (second, value) = (point.second(), point.value);
        let place = self.spreads.partition_point(|spread| spread.second < second);
        let known = self.spreads.get(place).is_some_and(|spread| spread.second == second);
        if !known {
            self.spreads.insert(place, self.points[index].alone());
        }
        let spread = &mut self.spreads[place];
        spread.min = spread.min.min(value);
        spread.max = spread.max.max(value);
        spread.sum += value;
        if point.at >= self.points[index].at {
            self.points[index] = point;
        }
    }

    /// Drops what is older than `cutoff`.
    pub fn forget_before(&mut self, cutoff: Timestamp) {
        while self.points.front().is_some_and(|point| point.start() < cutoff) {
            self.points.pop_front();
        }
        let first = self.points.front().map_or(u64::MAX, Point::second);
        while self.spreads.front().is_some_and(|spread| spread.second < first) {
            self.spreads.pop_front();
        }
    }

    /// The buckets, oldest first.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + ExactSizeIterator {
        self.points.iter().map(|point| self.bucket(point))
    }

    /// The newest bucket.
    pub fn last(&self) -> Option<Bucket> {
        self.points.back().map(|point| self.bucket(point))
    }

    /// The largest value of the reach.
    pub fn max(&self) -> Option<f64> {
        self.buckets().map(|bucket| bucket.max).reduce(f64::max)
    }

    /// The sum of all values of the reach.
    pub fn sum(&self) -> f64 {
        self.buckets().map(|bucket| bucket.sum).sum()
    }

    /// True when nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    fn bucket(&self, point: &Point) -> Bucket {
        let second = point.second();
        let place = self.spreads.partition_point(|spread| spread.second < second);
        let spread = self.spreads.get(place).filter(|spread| spread.second == second);
        let Spread { min, max, sum, .. } = spread.copied().unwrap_or(point.alone());
        Bucket {
            start: point.start(),
            at: point.at,
            last: point.value,
            min,
            max,
            sum,
        }
    }

    fn is_before_reach(&self, at: Timestamp) -> bool {
        let newest = self.points.back();
        newest.is_some_and(|newest| at < newest.start().minus(REACH))
    }
}

impl Point {
    fn second(&self) -> u64 {
        self.at.as_secs()
    }

    fn start(&self) -> Timestamp {
        Timestamp::from_secs(self.second())
    }

    /// The spread of this value alone.
    fn alone(&self) -> Spread {
        let (second, value) = (self.second(), self.value);
        Spread {
            second,
            min: value,
            max: value,
            sum: value,
        }
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
        let first = series.buckets().next();
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
    fn late_and_early_values_of_one_second_are_told_together_whatever_their_order() {
        let orders = [[0, 400, 900], [900, 0, 400], [400, 900, 0]];
        let told = orders.map(|order| {
            let mut series = Series::default();
            for time in order {
                series.add(at(5000), 9.0);
                series.add(at(time), time as f64);
            }
            series.buckets().collect::<Vec<_>>()
        });
        assert!(told.iter().all(|other| *other == told[0]), "{told:?}");
        let [first, second] = &told[0][..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            (first.at, first.last, first.min, first.max, first.sum),
            (at(900), 900.0, 0.0, 900.0, 1300.0)
        );
        assert_eq!((second.last, second.min, second.max, second.sum), (9.0, 9.0, 9.0, 27.0));
    }

    #[test]
    fn five_minutes_of_single_values_take_six_kilobytes() {
        let mut series = Series::default();
        for second in 0..2_000 {
            series.add(at(second * 1000 + 7), 1.0);
        }
        let bytes = series.points.capacity() * size_of::<Point>() + series.spreads.capacity() * size_of::<Spread>();
        assert!(bytes <= 6 << 10, "{bytes}");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert!(!Series::default().add(at(0), f64::NAN));
    }
}
