//! A resource that fills up towards a limit: a bounded record of its past at fifteen time scales.
//!
//! A forecast for a horizon `h` looks at the last `h / 4` and at the last `h`, sixteen buckets each, and at how much the
//! resource grew within `h` in the whole past. Bucket widths double from level to level, so horizons from 7.5 s to 8.5 h
//! share one record of constant size. Values are fractions of the capacity, `used / (used + headroom)`, and time counts
//! from the first sample: nothing depends on the unit or on the moment the record was begun.

mod hits;
mod increments;
mod level;
mod peaks;
mod ring;
mod sample;
mod scale;

use std::time::Duration;

use self::hits::HitRates;
pub use self::increments::Increments;
use self::level::Level;
pub use self::peaks::Peaks;
pub use self::ring::BucketWindow;
pub use self::sample::{Fractions, Sample};
use self::scale::{LONGEST, tick, width_nanos};
use crate::forecast::HORIZONS;

/// How many horizons a record serves.
const HORIZON_COUNT: usize = HORIZONS.len();
/// Horizon `k` is judged from level `k`, sixteen buckets of which are a quarter of it, and from level `k + 2`: all of it.
pub const SPAN_LEVEL: usize = 2;
/// How many levels a record has.
pub const LEVELS: usize = HORIZON_COUNT + SPAN_LEVEL;
/// Buckets of one level.
pub const BUCKETS: usize = 16;
/// Fewer buckets than this say nothing about a trend.
pub const FEWEST_BUCKETS: usize = 5;

/// A silence of more buckets than this (an eighth of the horizon of that level) is a gap.
const GAP_BUCKETS: u64 = 8;
/// A sample further back than this means that the clock was set back; a nearer one that it came late.
const LATE: Duration = Duration::from_secs(60);
/// The largest fraction that is kept after a limit was lowered; keeps hostile limits from becoming infinite.
const CEILING: f32 = 1e6;

/// What a sample did to the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Closed {
    /// Bit `j` is set when a bucket of level `j` was closed: horizon `j` has something new to say.
    pub levels: u16,
    /// The record was begun anew: its past was too long ago to say anything.
    pub reset: bool,
}

/// The bounded record of one resource of one container. Cloning copies some 4.5 KB; nothing is allocated.
///
/// - A gap (no sample for more than an eighth of a horizon) is filled with the value after it, and that horizon is not
///   [`Fill::is_ready`] before five buckets were measured again. After more than the longest horizon the record begins
///   anew.
/// - A sample that is not later than the last is refused. One that is over a minute earlier means that the clock was set
///   back: the record goes on as if no time had passed.
/// - When the limit changes, all remembered fractions are rescaled to the new limit.
/// - A sample is refused when a number is not finite, what is used or cached is negative, or limit or capacity is not
///   positive. Refused samples are counted.
#[derive(Debug, Clone)]
pub struct Fill {
    levels: [Level; LEVELS],
    /// By horizon.
    increments: [Increments; HORIZON_COUNT],
    last: Option<Sample>,
    /// Fractions of the capacity at the last sample.
    now: Fractions,
    /// Nanoseconds from the first sample to the last.
    elapsed: u64,
    refused: u64,
    highest: f32,
    peaks: Peaks,
    hit_rates: HitRates,
}

impl Default for Fill {
    fn default() -> Self {
        Self::new()
    }
}

impl Fill {
    /// A record without a sample.
    pub fn new() -> Self {
        Self {
            levels: [Level::default(); LEVELS],
            increments: [Increments::default(); HORIZON_COUNT],
            last: None,
            now: Fractions::default(),
            elapsed: 0,
            refused: 0,
            highest: 0.0,
            peaks: Peaks::default(),
            hit_rates: HitRates::default(),
        }
    }

    /// Takes one sample; the type says what becomes of unusual ones.
    pub fn take(&mut self, sample: &Sample) -> Closed {
        let Some(now) = Fractions::of(sample) else {
            return self.refuse();
        };
        let Some(last) = self.last else {
            self.begin(sample, now);
            return Closed::default();
        };
        let late_by = last.at.since(sample.at);
        if sample.at <= last.at && late_by <= LATE {
            return self.refuse();
        }
        let step = nanos(sample.at.since(last.at));
        if step > LONGEST {
            let refused = self.refused;
            *self = Self { refused, ..Self::new() };
            self.begin(sample, now);
            return Closed { levels: 0, reset: true };
        }
        self.resize(last.limit / sample.limit);
        let levels = self.fill_levels(step, now.used);
        self.highest = self.highest.max(now.used);
        self.peaks.take(now.used, self.elapsed);
        self.hit_rates.take(step, sample.hits);
        self.now = now;
        self.last = Some(*sample);
        Closed { levels, reset: false }
    }

    /// The last sample that was taken.
    pub fn last(&self) -> Option<&Sample> {
        self.last.as_ref()
    }

    /// From the first sample to the last.
    pub fn age(&self) -> Duration {
        Duration::from_nanos(self.elapsed)
    }

    /// The last sample in fractions of the capacity; zeros before the first.
    pub fn now(&self) -> Fractions {
        self.now
    }

    /// How many samples were refused since the record was made.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The largest fraction ever used.
    pub fn highest(&self) -> f32 {
        self.highest
    }

    /// The peaks of the saw-tooth: what the resource survived.
    pub fn peaks(&self) -> &Peaks {
        &self.peaks
    }

    /// How long ago the use fell from the last peak; `None` when it never did.
    pub fn since_peak(&self) -> Option<Duration> {
        let at = self.peaks.last_drop()?;
        Some(Duration::from_nanos(self.elapsed.saturating_sub(at)))
    }

    /// The share of the time, weighted towards the last quarter of horizon `horizon`, in which the limit was being hit.
    ///
    /// # Panics
    /// When there is no such horizon.
    pub fn hit_rate(&self, horizon: usize) -> f32 {
        self.hit_rates.of(horizon)
    }

    /// The buckets of `level`, oldest first; the open bucket counts when it is more than half full.
    ///
    /// # Panics
    /// When there is no such level.
    pub fn window(&self, level: usize) -> BucketWindow {
        self.levels[level].window(level, self.elapsed)
    }

    /// How much the resource grew within horizon `horizon`, over the whole past.
    ///
    /// # Panics
    /// When there is no such horizon.
    pub fn increments(&self, horizon: usize) -> &Increments {
        &self.increments[horizon]
    }

    /// True when horizon `horizon` may be spoken about: five buckets of its level were measured since the first sample
    /// and since the last gap.
    ///
    /// # Panics
    /// When there is no such horizon.
    pub fn is_ready(&self, horizon: usize) -> bool {
        let since = self.levels[horizon].measured_since(horizon);
        tick(self.elapsed, horizon).saturating_sub(since) >= FEWEST_BUCKETS as u64
    }

    fn refuse(&mut self) -> Closed {
        self.refused = self.refused.saturating_add(1);
        Closed::default()
    }

    fn begin(&mut self, sample: &Sample, now: Fractions) {
        for level in &mut self.levels {
            level.open(now.used);
        }
        self.highest = now.used;
        self.peaks.take(now.used, 0);
        self.now = now;
        self.last = Some(*sample);
    }

    /// Moves time on by `step` nanoseconds and adds the value to every level. Bit `j` of the result: level `j` closed.
    fn fill_levels(&mut self, step: u64, used: f32) -> u16 {
        let (before, after) = (self.elapsed, self.elapsed.saturating_add(step));
        let mut closed = 0;
        for (index, level) in self.levels.iter_mut().enumerate() {
            if step > GAP_BUCKETS * width_nanos(index) {
                level.note_gap(after);
            }
            match tick(after, index) - tick(before, index) {
                0 => level.add(used),
                buckets => {
                    let history = index
                        .checked_sub(SPAN_LEVEL)
                        .map(|horizon| &mut self.increments[horizon]);
                    level.close(buckets, used, history);
                    closed |= 1 << index;
                }
            }
        }
        self.elapsed = after;
        closed
    }

    fn resize(&mut self, ratio: f64) {
        if (ratio - 1.0).abs() <= 1e-9 {
            return;
        }
        let ratio = ratio.clamp(1.0 / f64::from(CEILING), f64::from(CEILING));
        for level in &mut self.levels {
            level.rescale(ratio);
        }
        for increments in &mut self.increments {
            increments.rescale(ratio);
        }
        self.highest = rescaled(self.highest, ratio);
        self.peaks.rescale(ratio);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction keeps seven digits")]
fn rescaled(fraction: f32, ratio: f64) -> f32 {
    ((f64::from(fraction) * ratio) as f32).min(CEILING)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
