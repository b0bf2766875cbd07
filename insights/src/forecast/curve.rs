//! The probability that the limit is met, as a curve over the time ahead.

use std::time::Duration;

use correlator::{Fill, Forecaster, HORIZONS};

/// Log-odds over the thirteen horizons. They never fall: what is met within a minute is met within two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    points: [Option<f64>; HORIZONS.len()],
}

impl Curve {
    /// The curve through these log-odds, each raised to the largest before it. What is no number counts as unanswered.
    #[must_use]
    pub fn new(log_odds: [Option<f64>; HORIZONS.len()]) -> Self {
        let mut highest = f64::NEG_INFINITY;
        let points = log_odds.map(|point| {
            let point = point.filter(|point| !point.is_nan())?;
            highest = highest.max(point);
            Some(highest)
        });
        Self { points }
    }

    /// The curve that a forecaster gives for a record.
    #[must_use]
    pub fn of(forecaster: &dyn Forecaster, fill: &Fill) -> Self {
        Self::new(std::array::from_fn(|horizon| forecaster.log_odds(fill, horizon)))
    }

    /// The log-odds by horizon.
    #[must_use]
    pub fn log_odds(&self) -> &[Option<f64>; HORIZONS.len()] {
        &self.points
    }

    /// The probability that the limit is met within `horizon`, by interpolation of the log-odds over its logarithm. `None`
    /// outside the horizons that were answered.
    #[must_use]
    pub fn probability(&self, horizon: Duration) -> Option<f64> {
        let wanted = horizon.as_secs_f64().ln();
        let mut before: Option<(f64, f64)> = None;
        for (time, log_odds) in self.answered() {
            let time = time.ln();
            if (time - wanted).abs() < 1e-9 {
                return Some(logistic(log_odds));
            }
            if wanted < time {
                let (early, low) = before?;
                let way = (wanted - early) / (time - early);
                return Some(logistic(between(low, log_odds, way)));
            }
            before = Some((time, log_odds));
        }
        None
    }

    /// Seconds and probability of each horizon that was answered, in order.
    pub fn probabilities(&self) -> impl DoubleEndedIterator<Item = (f64, f64)> + '_ {
        self.answered().map(|(time, log_odds)| (time, logistic(log_odds)))
    }

    fn answered(&self) -> impl DoubleEndedIterator<Item = (f64, f64)> + '_ {
        let points = HORIZONS.iter().zip(&self.points);
        points.filter_map(|(horizon, point)| Some((horizon.as_secs_f64(), (*point)?)))
    }
}

/// `low` at the start of the way, `high` at its end, and never beyond either; infinite ends stay themselves.
fn between(low: f64, high: f64, way: f64) -> f64 {
    if low.is_finite() && high.is_finite() {
        (low * (1.0 - way) + high * way).clamp(low, high)
    } else {
        low
    }
}

/// The probability of these log-odds.
fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
