//! The 42 numbers that the table of trees reads: scale-free, so that one table serves every limit and every horizon.

use correlator::fill::{BUCKETS, Fractions, SPAN_LEVEL};
use correlator::{Fill, HORIZONS};

use super::first_passage::Passage;
use super::names::FEATURES;
use super::statistics::LevelStatistics;

/// The first feature of the windows over a quarter of the horizon, and over all of it.
const QUARTER: usize = 16;
const WHOLE: usize = QUARTER + OF_WINDOW;
const OF_WINDOW: usize = 10;
/// A distance below this is no distance; keeps the ratios finite.
const LEAST_DISTANCE: f64 = 1e-3;
/// The variance within a horizon that no estimate goes below.
const LEAST_VARIANCE: f64 = 1e-10;

/// The features of a record for `HORIZONS[horizon]`.
///
/// # Panics
/// When there is no such horizon.
#[must_use]
pub fn features(fill: &Fill, horizon: usize) -> [f32; FEATURES] {
    let of = |level| LevelStatistics::of(&fill.window(level));
    let (quarter, whole) = (of(horizon), of(horizon + SPAN_LEVEL));
    let view = View::of(fill, horizon);
    let mut row = [f32::NAN; FEATURES];
    row[..8].copy_from_slice(&view.level());
    row[8..12].copy_from_slice(&view.peaks());
    row[12..16].copy_from_slice(&view.times());
    if let Some(statistics) = &quarter {
        row[QUARTER..WHOLE].copy_from_slice(&view.window(statistics));
    }
    if let Some(statistics) = &whole {
        row[WHOLE..WHOLE + OF_WINDOW].copy_from_slice(&view.window(statistics));
    }
    let history = WHOLE + OF_WINDOW;
    row[history..history + 4].copy_from_slice(&view.increments());
    row[history + 4] = view.acceleration(quarter.as_ref(), whole.as_ref());
    row[history + 5] = fill.increments(horizon).largest().unwrap_or(f32::NAN);
    row
}

/// One record as one horizon sees it.
struct View<'a> {
    fill: &'a Fill,
    index: usize,
    /// Seconds.
    horizon: f64,
    now: Fractions,
    distance: f64,
}

impl<'a> View<'a> {
    fn of(fill: &'a Fill, index: usize) -> Self {
        let now = fill.now();
        Self {
            fill,
            index,
            horizon: HORIZONS[index].as_secs_f64(),
            now,
            distance: distance_of(f64::from(now.used)),
        }
    }

    /// `u` to `npk`.
    fn level(&self) -> [f32; 8] {
        let Fractions {
            used,
            cache,
            active_cache,
        } = self.now;
        let highest = self.fill.highest();
        let peaks = f64::from(self.fill.peaks().count());
        [
            used,
            used + cache,
            cache,
            active_cache,
            single(self.distance),
            highest,
            highest - used,
            single(peaks),
        ]
    }

    /// `mpk` to `upk`.
    fn peaks(&self) -> [f32; 4] {
        let peaks = self.fill.peaks();
        let (Some(mean), Some(deviation)) = (peaks.mean(), peaks.deviation()) else {
            return [f32::NAN; 4];
        };
        let away = (1.0 - mean) / (deviation + 0.03);
        [mean, deviation, away, f64::from(self.now.used) - mean].map(single)
    }

    /// `lage` to `tsd`.
    fn times(&self) -> [f32; 4] {
        let age = self.fill.age().as_secs_f64().max(1e-3);
        let hits = self.fill.last().is_some_and(|sample| sample.hits);
        let since_peak = self.fill.since_peak();
        [
            single((age / self.horizon).ln()),
            f32::from(u8::from(hits)),
            self.fill.hit_rate(self.index),
            since_peak.map_or(f32::NAN, |since| single(since.as_secs_f64() / self.horizon)),
        ]
    }

    /// `ols` to `dmax` of one window.
    fn window(&self, of: &LevelStatistics) -> [f32; OF_WINDOW] {
        let distances = |growth: f64| growth / self.distance;
        let variance = (of.diffusion * self.horizon).max(LEAST_VARIANCE);
        [
            distances(of.slope * self.horizon),
            distances(of.slope_of_maxes * self.horizon),
            distances(of.slope_of_mins * self.horizon),
            distances(of.residual),
            of.rising,
            of.explained,
            passage(of, self.distance, self.horizon).probability(self.horizon),
            passage_of_maxes(of, self.horizon).probability(self.horizon),
            distances(variance.sqrt()),
            distances(1.0 - of.max),
        ]
        .map(single)
    }

    /// `ninc` to `fge`.
    fn increments(&self) -> [f32; 4] {
        let past = self.fill.increments(self.index);
        let known = (f64::from(past.weight()) / BUCKETS as f64).ln_1p();
        let distances =
            |growth: Option<f32>| growth.map_or(f32::NAN, |growth| single(f64::from(growth) / self.distance));
        [
            single(known),
            distances(past.largest()),
            distances(past.mean()),
            past.share_of_at_least(self.distance).unwrap_or(f32::NAN),
        ]
    }

    /// `curv`.
    fn acceleration(&self, quarter: Option<&LevelStatistics>, whole: Option<&LevelStatistics>) -> f32 {
        match (quarter, whole) {
            (Some(recent), Some(long)) => single((recent.slope - long.slope) * self.horizon / self.distance),
            _ => f32::NAN,
        }
    }
}

/// The motion of the means from where the resource is now.
pub(super) fn passage(of: &LevelStatistics, distance: f64, horizon: f64) -> Passage {
    let diffusion = of.diffusion.max(LEAST_VARIANCE / horizon);
    Passage {
        distance,
        drift: of.slope,
        drift_variance: drift_variance(of, diffusion),
        diffusion,
    }
}

/// The motion of the upper envelope from the largest value of the window.
fn passage_of_maxes(of: &LevelStatistics, horizon: f64) -> Passage {
    let diffusion = of.diffusion.max(LEAST_VARIANCE / horizon);
    Passage {
        distance: distance_of(of.max),
        drift: of.slope_of_maxes,
        drift_variance: of.variance_of_maxes.max(drift_variance(of, diffusion)),
        diffusion,
    }
}

/// What the motion itself adds to the slope over the window.
fn drift_variance(of: &LevelStatistics, diffusion: f64) -> f64 {
    diffusion / (of.buckets as f64 * of.width)
}

/// How far a fraction is from the limit, never zero.
pub(super) fn distance_of(used: f64) -> f64 {
    (1.0 - used).max(LEAST_DISTANCE)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the table compares single-precision numbers"
)]
fn single(value: f64) -> f32 {
    value as f32
}
