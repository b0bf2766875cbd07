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

/// A signal's buckets, oldest first, at most one a second and 300 in all. Seconds without a value have no bucket. Seconds in a row
/// with one value each that is always the same take 16 bytes together, another second of one value 16, one of several 48.
#[derive(Debug, Clone, Default)]
pub struct Series {
    stretches: VecDeque<Stretch>,
    /// Of the seconds with several values, in order.
    spreads: VecDeque<Spread>,
}

/// The last value of a second, and of those right after it in which the same came at the same moment of the second.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// When it came first, in microseconds, and below that how many seconds follow.
    packed: u64,
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
    /// Adds a value; its time is kept to 20 ms. A value older than the reach of the series is refused (`false`), as is one that is
    /// no number.
    pub fn add(&mut self, at: Timestamp, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        let (new, second) = (Stretch::new(at, value), at.as_secs());
        match self.stretches.back_mut().map(|newest| (newest.last_second(), newest)) {
            Some((newest, _)) if newest > second => {
                if self.is_before_reach(at) {
                    return false;
                }
                self.unroll();
                self.add_late(new);
            }
            Some((newest, _)) if newest == second => {
                self.part_newest();
                self.join(self.stretches.len() - 1, new);
            }
            Some((_, newest)) if newest.goes_on_with(&new) => newest.packed += 1,
            _ => self.insert(self.stretches.len(), new),
        }
        self.forget_before(self.newest().map_or(at, start_of).minus(REACH));
        true
    }

    /// Adds to what has no seconds that follow.
    fn add_late(&mut self, new: Stretch) {
        let second = new.last_second();
        let place = self.stretches.partition_point(|other| other.last_second() < second);
        if self
            .stretches
            .get(place)
            .is_some_and(|other| other.last_second() == second)
        {
            self.join(place, new);
        } else {
            self.insert(place, new);
        }
    }

    /// Doubling would leave half of the room unused: most series reach a length and keep it.
    fn insert(&mut self, index: usize, new: Stretch) {
        if self.stretches.len() == self.stretches.capacity() {
            self.stretches.reserve_exact((self.stretches.len() / 4).max(4));
        }
        self.stretches.insert(index, new);
    }

    /// Gives the newest second a stretch of its own.
    fn part_newest(&mut self) {
        let Some(newest) = self.stretches.back_mut().filter(|newest| newest.more() > 0) else {
            return;
        };
        newest.packed -= 1;
        let alone = Stretch::new(newest.at(newest.more() + 1), newest.value);
        self.insert(self.stretches.len(), alone);
    }

    /// Gives every second a stretch of its own.
    fn unroll(&mut self) {
        let each = |stretch: &Stretch| {
            let (stretch, seconds) = (*stretch, 0..=stretch.more());
            seconds.map(move |more| Stretch::new(stretch.at(more), stretch.value))
        };
        self.stretches = self.stretches.iter().flat_map(each).collect();
    }

    /// Adds a value to a second that has one, and a stretch of its own.
    fn join(&mut self, index: usize, new: Stretch) {
        let (second, value) = (new.last_second(), new.value);
        let place = self.spreads.partition_point(|spread| spread.second < second);
        let known = self.spreads.get(place).is_some_and(|spread| spread.second == second);
        if !known {
            self.spreads
                .insert(place, Spread::alone(second, self.stretches[index].value));
        }
        let spread = &mut self.spreads[place];
        spread.min = spread.min.min(value);
        spread.max = spread.max.max(value);
        spread.sum += value;
        if new.at(0) >= self.stretches[index].at(0) {
            self.stretches[index] = new;
        }
    }

    /// Drops what is older than `cutoff`.
    pub fn forget_before(&mut self, cutoff: Timestamp) {
        while let Some(oldest) = self.stretches.front_mut() {
            if start_of(oldest.at(0)) >= cutoff {
                break;
            }
            if oldest.more() > 0 {
                *oldest = oldest.later();
            } else {
                self.stretches.pop_front();
            }
        }
        let first = self.stretches.front().map_or(u64::MAX, |oldest| oldest.at(0).as_secs());
        while self.spreads.front().is_some_and(|spread| spread.second < first) {
            self.spreads.pop_front();
        }
    }

    /// The buckets, oldest first.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.stretches.iter().flat_map(|stretch| {
            let seconds = 0..=stretch.more();
            seconds.map(|more| self.bucket(stretch.at(more), stretch.value))
        })
    }

    /// The newest bucket.
    pub fn last(&self) -> Option<Bucket> {
        self.buckets().next_back()
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
        self.stretches.is_empty()
    }

    fn bucket(&self, at: Timestamp, last: f64) -> Bucket {
        let second = at.as_secs();
        let place = self.spreads.partition_point(|spread| spread.second < second);
        let spread = self.spreads.get(place).filter(|spread| spread.second == second);
        let Spread { min, max, sum, .. } = spread.copied().unwrap_or(Spread::alone(second, last));
        Bucket {
            start: start_of(at),
            at,
            last,
            min,
            max,
            sum,
        }
    }

    /// When the newest value came.
    fn newest(&self) -> Option<Timestamp> {
        self.stretches.back().map(|newest| newest.at(newest.more()))
    }

    fn is_before_reach(&self, at: Timestamp) -> bool {
        self.newest().is_some_and(|newest| at < start_of(newest).minus(REACH))
    }
}

impl Stretch {
    /// Bits of the number of seconds that follow; those above hold every time that nanoseconds can.
    const MORE: u32 = 9;
    const MOST: u64 = (1 << Self::MORE) - 1;
    /// How far from the same moment of its second a value may come, microseconds.
    const JITTER: u64 = 20_000;

    fn new(at: Timestamp, value: f64) -> Self {
        let packed = (at.as_nanos() / 1_000) << Self::MORE;
        Self { packed, value }
    }

    fn more(&self) -> u64 {
        self.packed & Self::MOST
    }

    fn micros(&self) -> u64 {
        self.packed >> Self::MORE
    }

    /// When a value came, so many seconds after the first.
    fn at(&self, more: u64) -> Timestamp {
        Timestamp::from_nanos((self.micros() + more * 1_000_000) * 1_000)
    }

    fn last_second(&self) -> u64 {
        self.at(self.more()).as_secs()
    }

    /// Whether another value is what would have been expected a second later.
    fn goes_on_with(&self, next: &Self) -> bool {
        let expected = self.micros() + (self.more() + 1) * 1_000_000;
        self.value.to_bits() == next.value.to_bits()
            && self.more() < Self::MOST
            && next.last_second() == self.last_second() + 1
            && next.micros().abs_diff(expected) <= Self::JITTER
    }

    /// Without its first second, where more follow.
    fn later(&self) -> Self {
        let packed = self.packed + (1_000_000 << Self::MORE) - 1;
        Self { packed, ..*self }
    }
}

impl Spread {
    /// Of one value alone.
    fn alone(second: u64, value: f64) -> Self {
        Self {
            second,
            min: value,
            max: value,
            sum: value,
        }
    }
}

fn start_of(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        assert_eq!(series.buckets().count(), 2);
    }

    #[test]
    fn the_series_never_holds_more_than_its_reach() {
        let mut series = Series::default();
        for second in 0..2_000 {
            series.add(at(second * 1000), 1.0);
        }
        assert_eq!(series.buckets().count(), 301);
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

    fn bytes(series: &Series) -> usize {
        series.stretches.capacity() * size_of::<Stretch>() + series.spreads.capacity() * size_of::<Spread>()
    }

    #[test]
    fn five_minutes_of_single_values_take_six_kilobytes_and_nearly_nothing_where_they_are_the_same() {
        let (mut changing, mut same) = (Series::default(), Series::default());
        for second in 0..2_000 {
            assert!(changing.add(at(second * 1000 + 7), second as f64) && same.add(at(second * 1000 + 7), 1.0));
        }
        assert!(bytes(&changing) <= 6 << 10, "{}", bytes(&changing));
        assert!(bytes(&same) <= 128, "{}", bytes(&same));
        assert_eq!((changing.buckets().count(), same.buckets().count()), (301, 301));
    }

    #[test]
    fn values_that_are_the_same_are_told_as_if_they_were_kept_one_by_one() {
        // Jitter, drift, gaps, several in a second, late ones, and another value now and then.
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let steps = [1_000, 1_000, 1_000, 1_003, 400, 7_000];
        let (mut series, mut kept, mut now) = (Series::default(), BTreeMap::<u64, Vec<(u64, f64)>>::new(), 0_u64);
        for _ in 0..3_000 {
            now += steps.into_iter().nth(usize::try_from(random(6)).unwrap()).unwrap();
            let late = if random(10) == 0 { random(3_000) } else { 0 };
            let (time, value) = (at(now.saturating_sub(late)), f64::from(random(20) == 0));
            assert!(series.add(time, value));
            kept.entry(time.as_secs()).or_default().push((time.as_nanos(), value));
            let newest = *kept.keys().next_back().unwrap();
            kept.retain(|second, _| *second + REACH.as_secs() >= newest);
        }
        let told: Vec<Bucket> = series.buckets().collect();
        assert_eq!(told.len(), kept.len());
        for (bucket, (second, values)) in told.iter().zip(&kept) {
            let (when, last) = values
                .iter()
                .copied()
                .fold((0, 0.0), |a, b| if b.0 >= a.0 { b } else { a });
            let all = values.iter().map(|(_, value)| *value);
            assert_eq!((bucket.start.as_secs(), bucket.at.as_secs()), (*second, *second));
            assert!(bucket.at.as_nanos().abs_diff(when) <= 20_000_000, "{bucket:?} {when}");
            assert_eq!((bucket.last, bucket.sum), (last, all.clone().sum()));
            assert_eq!(
                Some((bucket.min, bucket.max)),
                all.clone().reduce(f64::min).zip(all.reduce(f64::max))
            );
        }
        let backwards: Vec<Bucket> = series.buckets().rev().collect();
        assert!(backwards.iter().rev().eq(&told));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert!(!Series::default().add(at(0), f64::NAN));
    }
}
