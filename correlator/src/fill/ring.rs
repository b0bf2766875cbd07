//! Sixteen closed buckets of one level, and a copy of them to compute with.

use super::{BUCKETS, rescaled};

/// Mean, largest and smallest value of the last closed buckets, newest last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ring {
    pub(super) means: [f32; BUCKETS],
    pub(super) maxes: [f32; BUCKETS],
    pub(super) mins: [f32; BUCKETS],
}

impl Ring {
    pub(super) fn push(&mut self, mean: f32, max: f32, min: f32) {
        for (row, value) in [(&mut self.means, mean), (&mut self.maxes, max), (&mut self.mins, min)] {
            row.copy_within(1.., 0);
            row[BUCKETS - 1] = value;
        }
    }

    /// The largest value of all buckets but the oldest.
    pub(super) fn highest_of_last(&self) -> f32 {
        let larger = |highest, value| if value > highest { value } else { highest };
        self.maxes[1..].iter().copied().fold(0.0, larger)
    }

    pub(super) fn rescale(&mut self, ratio: f64) {
        for value in self.means.iter_mut().chain(&mut self.maxes).chain(&mut self.mins) {
            *value = rescaled(*value, ratio);
        }
    }
}

/// Up to sixteen buckets of one level, oldest first, each a fraction of the capacity.
#[derive(Debug, Clone, Copy)]
pub struct BucketWindow {
    width: f64,
    len: usize,
    means: [f64; BUCKETS],
    maxes: [f64; BUCKETS],
    mins: [f64; BUCKETS],
}

impl BucketWindow {
    pub(super) fn new(width: f64) -> Self {
        Self {
            width,
            len: 0,
            means: [0.0; BUCKETS],
            maxes: [0.0; BUCKETS],
            mins: [0.0; BUCKETS],
        }
    }

    /// Adds a bucket; one too many is ignored.
    pub(super) fn push(&mut self, mean: f32, max: f32, min: f32) {
        if self.len < BUCKETS {
            self.means[self.len] = f64::from(mean);
            self.maxes[self.len] = f64::from(max);
            self.mins[self.len] = f64::from(min);
            self.len += 1;
        }
    }

    /// Width of a bucket, seconds.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The mean of each bucket.
    pub fn means(&self) -> &[f64] {
        &self.means[..self.len]
    }

    /// The largest value of each bucket.
    pub fn maxes(&self) -> &[f64] {
        &self.maxes[..self.len]
    }

    /// The smallest value of each bucket: the floor under what comes and goes.
    pub fn mins(&self) -> &[f64] {
        &self.mins[..self.len]
    }
}
