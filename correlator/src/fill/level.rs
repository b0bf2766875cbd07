//! One time scale of a record: closed buckets, the open one, and how much the value grew over the span before.

use super::increments::Increments;
use super::ring::{BucketWindow, Ring};
use super::scale::{tick, width_nanos};
use super::{BUCKETS, rescaled};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Level {
    ring: Ring,
    open: Open,
    /// Closed buckets since the first sample.
    closed: u32,
    /// Nanoseconds after the first sample at which the last gap ended.
    resumed: u64,
}

/// The bucket that still takes values.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    sum: f64,
    values: u32,
    max: f32,
    min: f32,
}

impl Open {
    fn with(value: f32) -> Self {
        Self {
            sum: f64::from(value),
            values: 1,
            max: value,
            min: value,
        }
    }

    /// In single precision, as closed buckets keep it: equal values give means that are equal, and tie in rank tests.
    #[expect(clippy::cast_possible_truncation, reason = "a fraction keeps seven digits")]
    fn mean(&self) -> f32 {
        (self.sum / f64::from(self.values.max(1))) as f32
    }
}

impl Level {
    /// Begins the first bucket.
    pub(super) fn open(&mut self, value: f32) {
        self.open = Open::with(value);
    }

    /// Adds a value to the open bucket.
    pub(super) fn add(&mut self, value: f32) {
        let open = &mut self.open;
        open.sum += f64::from(value);
        open.values = open.values.saturating_add(1);
        open.max = open.max.max(value);
        open.min = open.min.min(value);
    }

    /// Closes the open bucket and begins one `buckets` later with `value`, which also fills the buckets between. What each
    /// closed bucket says about growth over fifteen goes into `history`.
    pub(super) fn close(&mut self, buckets: u64, value: f32, mut history: Option<&mut Increments>) {
        let open = std::mem::replace(&mut self.open, Open::with(value));
        self.push(open.mean(), open.max, open.min, history.as_deref_mut());
        for _ in 1..buckets.min(BUCKETS as u64) {
            self.push(value, value, value, history.as_deref_mut());
        }
    }

    /// Remembers that the values before `elapsed` were not measured.
    pub(super) fn note_gap(&mut self, elapsed: u64) {
        self.resumed = elapsed;
    }

    /// The number of the bucket in which measuring began, or began again after a gap.
    pub(super) fn measured_since(&self, level: usize) -> u64 {
        tick(self.resumed, level)
    }

    pub(super) fn window(&self, level: usize, elapsed: u64) -> BucketWindow {
        let width = width_nanos(level);
        let kept = (self.closed as usize).min(BUCKETS);
        let counts_open = self.open.values > 0 && elapsed % width > width / 2;
        let dropped = usize::from(counts_open && kept == BUCKETS);
        let mut window = BucketWindow::new(width as f64 * 1e-9);
        for index in BUCKETS - kept + dropped..BUCKETS {
            window.push(self.ring.means[index], self.ring.maxes[index], self.ring.mins[index]);
        }
        if counts_open {
            window.push(self.open.mean(), self.open.max, self.open.min);
        }
        window
    }

    pub(super) fn rescale(&mut self, ratio: f64) {
        self.ring.rescale(ratio);
        self.open.sum *= ratio;
        self.open.max = rescaled(self.open.max, ratio);
        self.open.min = rescaled(self.open.min, ratio);
        self.open.sum = self
            .open
            .sum
            .min(f64::from(self.open.max) * f64::from(self.open.values));
    }

    fn push(&mut self, mean: f32, max: f32, min: f32, history: Option<&mut Increments>) {
        self.ring.push(mean, max, min);
        self.closed = self.closed.saturating_add(1);
        if let Some(history) = history.filter(|_| self.closed as usize >= BUCKETS) {
            history.take(self.ring.means[0], self.ring.highest_of_last() - self.ring.means[0]);
        }
    }
}
