//! Distributions of durations, small enough to keep several for every container.

use std::collections::VecDeque;
use std::time::Duration;

use crate::event::Histogram;
use crate::series::REACH;
use crate::time::Timestamp;

/// Buckets an octave; the middle of a bucket is within 12.5 % of every value in it.
const PER_OCTAVE: u32 = 4;
/// One sketch holds what ended within this time.
const SPAN: Duration = Duration::from_secs(30);

/// How often durations of about each length were seen: logarithmic buckets, four an octave, from 1 ns to 584 years.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Bucket and count, in the order of the buckets; only those that are not empty.
    counts: Vec<(u8, u32)>,
}

impl Sketch {
    /// Counts one duration.
    pub fn add(&mut self, took: Duration) {
        self.add_at(bucket(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)), 1);
    }

    /// Counts what the kernel counted: each of its octaves goes to the middle of ours.
    pub fn add_histogram(&mut self, histogram: &Histogram) {
        for (octave, count) in (0u8..64).zip(&histogram.counts) {
            let count = u32::try_from(*count).unwrap_or(u32::MAX);
            if count > 0 {
                self.add_at(octave * 4 + 2, count);
            }
        }
    }

    /// Counts all that another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            self.add_at(*bucket, *count);
        }
    }

    fn add_at(&mut self, bucket: u8, count: u32) {
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(count),
            Err(at) => self.counts.insert(at, (bucket, count)),
        }
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The duration below which this share (0 to 1) of them is, to 12.5 %; those the kernel counted to 42 %. `None` when
    /// nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.count();
        let mut seen = 0;
        let reached = |(_, count): &&(u8, u32)| {
            seen += u64::from(*count);
            seen as f64 >= share.clamp(0.0, 1.0) * total as f64
        };
        let (bucket, _) = self.counts.iter().find(reached)?;
        Some(Duration::from_nanos(middle(*bucket)))
    }

    /// Counts each of them half, rounded down.
    pub(crate) fn halve(&mut self) {
        for (_, count) in &mut self.counts {
            *count /= 2;
        }
        self.counts.retain(|(_, count)| *count > 0);
    }

    /// Whether a duration is longer than another by a bucket or more.
    pub(crate) fn is_above(took: Duration, limit: Duration) -> bool {
        let bucket_of = |took: Duration| bucket(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        bucket_of(took) > bucket_of(limit)
    }

    /// The share of them (0 to 1) that took longer than this, as far as the buckets tell. Zero when nothing was counted.
    #[must_use]
    pub fn share_above(&self, limit: Duration) -> f64 {
        let limit = bucket(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let above = self.counts.iter().filter(|(bucket, _)| *bucket > limit);
        let above: u64 = above.map(|(_, count)| u64::from(*count)).sum();
        above as f64 / self.count().max(1) as f64
    }
}

/// The bucket of a number of nanoseconds: its octave and the two bits below the highest.
fn bucket(nanos: u64) -> u8 {
    let nanos = nanos.max(1);
    let octave = nanos.ilog2();
    let quarter = ((u128::from(nanos) << 2 >> octave) & 3) as u32;
    u8::try_from(octave * PER_OCTAVE + quarter).unwrap_or(u8::MAX)
}

fn middle(bucket: u8) -> u64 {
    let (octave, quarter) = (
        u32::from(bucket) / PER_OCTAVE,
        u128::from(bucket) % u128::from(PER_OCTAVE),
    );
    let eighths = (2 * (4 + quarter) + 1) << octave;
    u64::try_from(eighths >> 3).unwrap_or(u64::MAX).max(1)
}

/// Sketches of five minutes, one each half minute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sketches {
    spans: VecDeque<(Timestamp, Sketch)>,
}

impl Sketches {
    /// The sketch that holds what ended at `at`; `None` when that is out of reach.
    pub(crate) fn at(&mut self, at: Timestamp) -> Option<&mut Sketch> {
        let begin = Timestamp::from_nanos(at.as_nanos() - at.as_nanos() % u64::try_from(SPAN.as_nanos()).ok()?);
        let index = self.spans.partition_point(|(other, _)| *other < begin);
        if self.spans.get(index).is_none_or(|(other, _)| *other != begin) {
            let newest = self.spans.back().map_or(begin, |(newest, _)| *newest);
            if newest > begin && newest.since(begin) > REACH {
                return None;
            }
            self.spans.insert(index, (begin, Sketch::default()));
        }
        self.spans.get_mut(index).map(|(_, sketch)| sketch)
    }

    /// All that ended at `from` or later and before `to`, to half a minute.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Sketch {
        let mut all = Sketch::default();
        for (begin, sketch) in &self.spans {
            if begin.plus(SPAN) > from && *begin < to {
                all.merge(sketch);
            }
        }
        all
    }

    /// `false` when nothing is left.
    pub(crate) fn forget_before(&mut self, cutoff: Timestamp) -> bool {
        self.spans.retain(|(begin, _)| begin.plus(SPAN) > cutoff);
        !self.spans.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_middle_of_a_bucket_is_near_every_value_in_it(nanos in 8..u64::MAX / 2) {
            let middle = middle(bucket(nanos)) as f64;
            prop_assert!((middle / nanos as f64 - 1.0).abs() <= 0.126, "{nanos} {middle}");
        }

        #[test]
        fn buckets_are_in_order(a in 1..u64::MAX, b in 1..u64::MAX) {
            prop_assert_eq!(a.cmp(&b).then(bucket(a).cmp(&bucket(b))), a.cmp(&b));
            prop_assert!(a > b || bucket(a) <= bucket(b));
        }
    }

    #[test]
    fn a_quantile_is_that_of_the_values() {
        let mut sketch = Sketch::default();
        for millis in 1..=100 {
            sketch.add(Duration::from_millis(millis));
        }
        for (share, millis) in [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0)] {
            let found = sketch.quantile(share).map_or(0.0, |took| took.as_secs_f64() * 1000.0);
            assert!((found / millis - 1.0).abs() < 0.13, "{share} {found}");
        }
        assert_eq!((sketch.count(), Sketch::default().quantile(0.5)), (100, None));
        assert!((sketch.share_above(Duration::from_millis(64)) - 0.28).abs() < 0.1);
    }

    #[test]
    fn what_the_kernel_counted_lands_in_its_octave() {
        let mut sketch = Sketch::default();
        let mut counts = vec![0; 64];
        counts[20] = 7;
        sketch.add_histogram(&Histogram { counts, sum_ns: 0 });
        let middle = sketch.quantile(0.5).map(|took| took.as_nanos()).unwrap_or_default();
        assert!((1 << 20..1 << 21).contains(&middle), "{middle}");
        assert_eq!(sketch.count(), 7);
    }

    #[test]
    fn sketches_are_kept_by_half_minutes_for_five_minutes() {
        let mut sketches = Sketches::default();
        for second in [0, 29, 30, 299] {
            sketches
                .at(Timestamp::from_secs(second))
                .unwrap()
                .add(Duration::from_secs(1));
        }
        let count = |from, to| {
            sketches
                .between(Timestamp::from_secs(from), Timestamp::from_secs(to))
                .count()
        };
        assert_eq!((count(0, 30), count(0, 31), count(30, 300)), (2, 3, 2));
        let mut left = sketches.clone();
        assert!(left.forget_before(Timestamp::from_secs(61)));
        assert_eq!(
            left.between(Timestamp::from_secs(0), Timestamp::from_secs(400)).count(),
            1
        );
        assert!(left.at(Timestamp::from_secs(601)).is_some());
        assert!(left.at(Timestamp::from_secs(200)).is_none());
    }
}
