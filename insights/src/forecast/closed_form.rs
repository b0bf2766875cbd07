//! The forecast without a table: first passage over the whole horizon, capped by what the resource survived before.

use correlator::fill::{Peaks, SPAN_LEVEL};
use correlator::{Fill, HORIZONS};

use super::features::{distance_of, passage};
use super::statistics::LevelStatistics;

/// Log-odds beyond one in a million are not claimed.
const LEAST: f64 = 1e-6;
/// Peaks are heights that differ by at least this, a fraction of the capacity.
const LEAST_DEVIATION: f64 = 0.03;

/// Forecasts by the first-passage time of a Brownian motion with the drift and noise of the last horizon.
///
/// A saw-tooth (garbage collection, a cache that is emptied) rises like a leak on each tooth. While such a resource is no
/// higher than the peaks it survived, the chance is capped by the rule of succession.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClosedForm;

/// `None` with fewer than five buckets of the whole horizon.
pub(super) fn log_odds(fill: &Fill, horizon: usize) -> Option<f64> {
    let seconds = HORIZONS[horizon].as_secs_f64();
    let statistics = LevelStatistics::of(&fill.window(horizon + SPAN_LEVEL))?;
    let used = f64::from(fill.now().used);
    let chance = passage(&statistics, distance_of(used), seconds).probability(seconds);
    let cap = survived(fill.peaks(), used, seconds / fill.age().as_secs_f64());
    let stated = chance.min(cap).clamp(LEAST, 1.0 - LEAST);
    Some((stated / (1.0 - stated)).ln())
}

/// The most that a saw-tooth's next `ages` lifetimes may be feared: after `n` peaks survived the next one is the last with
/// 1 / (n + 2), and as many come as came before. 1 when the use is beyond those peaks or none were seen.
fn survived(peaks: &Peaks, used: f64, ages: f64) -> f64 {
    let (Some(mean), Some(deviation)) = (peaks.mean(), peaks.deviation()) else {
        return 1.0;
    };
    let is_beyond = used > mean + 2.0 * deviation.max(LEAST_DEVIATION);
    let seen = f64::from(peaks.count());
    let to_come = (seen * ages).max(1.0);
    if is_beyond || !to_come.is_finite() {
        1.0
    } else {
        1.0 - ((seen + 1.0) / (seen + 2.0)).powf(to_come)
    }
}
