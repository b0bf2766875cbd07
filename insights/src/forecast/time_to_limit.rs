//! When the limit is met, given that it is.

use std::time::Duration;

use correlator::fill::SPAN_LEVEL;
use correlator::{Fill, HORIZONS};

use super::curve::Curve;
use super::features::distance_of;
use super::statistics::LevelStatistics;

/// Shares of the curve between which four of five limits were met, and the one in the middle: measured on traces with known
/// ends, where the plain tenths and the half were nearly right.
const LOW: f64 = 0.113;
const MIDDLE: f64 = 0.482;
const HIGH: f64 = 0.876;
/// The curve is taken to begin at this part of the first answered horizon.
const BEGIN: f64 = 1.0 / 8.0;

/// When the limit is met, given that it is met within the longest answered horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeToLimit {
    /// Nine of ten are met later.
    pub low: Duration,
    /// As likely before as after; when the trend is known, between the curve's and the straight line's.
    pub likely: Duration,
    /// Nine of ten are met earlier.
    pub high: Duration,
}

impl TimeToLimit {
    /// The time that a curve gives, drawn towards the straight line to the limit where there is one. `None` when nothing was
    /// answered or the limit is out of the question (below one in a million).
    #[must_use]
    pub fn of(curve: &Curve, straight_line: Option<Duration>) -> Option<Self> {
        let all = curve.probabilities().next_back()?.1;
        if all < 1e-6 {
            return None;
        }
        let [low, middle, high] = [LOW, MIDDLE, HIGH].map(|share| time_of(curve, share * all));
        let likely = match straight_line.map(|line| line.as_secs_f64()) {
            Some(line) => (middle * line).sqrt().clamp(low, high),
            None => middle,
        };
        Some(Self {
            low: Duration::from_secs_f64(low),
            likely: Duration::from_secs_f64(likely),
            high: Duration::from_secs_f64(high),
        })
    }
}

/// How long the slope over `HORIZONS[horizon]` takes to the limit. `None` when it does not rise, is not known, or takes longer
/// than a hundred years.
///
/// # Panics
/// When there is no such horizon.
#[must_use]
pub fn straight_line(fill: &Fill, horizon: usize) -> Option<Duration> {
    const CENTURY: f64 = 3.2e9;
    assert!(horizon < HORIZONS.len(), "no horizon {horizon}");
    let slope = LevelStatistics::of(&fill.window(horizon + SPAN_LEVEL))?.slope;
    let seconds = distance_of(f64::from(fill.now().used)) / slope;
    (slope > 0.0 && seconds < CENTURY).then(|| Duration::from_secs_f64(seconds))
}

/// When the curve reaches a probability, seconds; linear between horizons over the logarithm of time.
fn time_of(curve: &Curve, probability: f64) -> f64 {
    let first = curve.probabilities().next().map_or(0.0, |(time, _)| time);
    let mut before = (first * BEGIN, 0.0);
    for (time, reached) in curve.probabilities() {
        if reached >= probability {
            let way = (probability - before.1) / (reached - before.1);
            let way = if way.is_finite() { way } else { 1.0 };
            return before.0 * (time / before.0).powf(way);
        }
        before = (time, reached);
    }
    before.0
}
