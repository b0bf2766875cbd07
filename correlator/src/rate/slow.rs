//! Whether more of something is slow than used to be: slow is what takes longer than all but one in a hundred did.

use std::time::Duration;

use super::{Bounds, Counts, Fate, Rate, RateWatch, SETTLED};
use crate::sketch::Sketch;
use crate::time::Timestamp;

/// The share that is not slow, by what was learned.
const FAST: f64 = 0.99;
/// Durations to learn that from.
const LEAST: u64 = 100;
/// Standard deviations that the share of slow ones is lifted by, as so many tell the one in a hundred only roughly.
const UNSURE: f64 = 3.0;

/// A watch of how long something takes. About 300 bytes and four sketches.
#[derive(Debug, Clone, PartialEq)]
pub struct Slowness {
    watch: RateWatch,
    /// What counts as slow while nothing was learned.
    cold: Option<Duration>,
    /// What is usual; older durations count less, half after each 12 hours.
    usual: Sketch,
    halved: u32,
    /// Of the windows that are open, and of those that may be the beginning of a rise.
    fresh: [Sketch; 2],
    held: Sketch,
    limit: Option<Duration>,
}

/// What a watch of durations says at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowRate {
    /// How many were slow, before and since.
    pub rate: Rate,
    /// What takes longer is slow: what all but one in a hundred took, to 12.5 %; of a cold watch a fixed bound.
    pub limit: Duration,
    /// Durations that the limit was learned from. Zero: it is the fixed bound.
    pub learned: u64,
}

impl Slowness {
    /// A watch for which, while it has learned nothing, more than `share` above `limit` is too much; with `None` it only learns.
    pub fn new(cold: Option<(Duration, f64)>) -> Self {
        let bounds = Bounds {
            cold: cold.map(|(_, share)| share),
            floor: 1.0 - FAST,
        };
        Self {
            watch: RateWatch::new(bounds),
            cold: cold.map(|(limit, _)| limit),
            usual: Sketch::default(),
            halved: 0,
            fresh: Default::default(),
            held: Sketch::default(),
            limit: cold.map(|(limit, _)| limit),
        }
    }

    /// Counts something that ended at `at` and took so long. `false` when that is too late to count.
    pub fn add(&mut self, at: Timestamp, took: Duration) -> bool {
        let is_slow = self.limit.is_some_and(|limit| Sketch::is_above(took, limit));
        let counts = Counts::new(f64::from(u8::from(is_slow)), 1.0);
        let front = self.watch.front;
        let (usual, held, fresh) = (&mut self.usual, &mut self.held, &mut self.fresh);
        let slot = self.watch.take(at, counts, &mut |fate| {
            held.merge(&std::mem::take(&mut fresh[0]));
            fresh.swap(0, 1);
            let held = match fate {
                Fate::Held => return,
                Fate::Learned | Fate::Dropped => std::mem::take(held),
            };
            if fate == Fate::Learned {
                usual.merge(&held);
            }
        });
        let Some(slot) = slot else { return false };
        self.fresh[slot].add(took);
        if self.watch.front != front {
            self.renew();
        }
        true
    }

    /// What it says at `now`. `None` while it knows of no limit.
    pub fn at(&self, now: Timestamp) -> Option<SlowRate> {
        Some(SlowRate {
            rate: self.watch.at(now)?,
            limit: self.limit?,
            learned: Some(self.usual.count()).filter(|count| *count >= LEAST).unwrap_or(0),
        })
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.watch.absorb(&other.watch);
        for sketch in other.fresh.iter().chain([&other.held]) {
            self.held.merge(sketch);
        }
        self.usual.merge(&other.usual);
        self.renew();
    }

    /// The last window in which something was counted.
    pub(super) fn heard(&self) -> u32 {
        self.watch.heard()
    }

    /// What is slow from the next window on.
    fn renew(&mut self) {
        let halves = self.watch.front / SETTLED;
        for _ in self.halved..halves.min(self.halved.saturating_add(32)) {
            self.usual.halve();
        }
        self.halved = self.halved.max(halves);
        let learned = self.usual.count();
        let usual = self.usual.quantile(FAST).filter(|_| learned >= LEAST);
        self.limit = usual.or(self.cold);
        self.watch.bounds.floor =
            (1.0 - FAST) + usual.map_or(0.0, |_| UNSURE * (FAST * (1.0 - FAST) / learned as f64).sqrt());
    }
}
