//! Scores forecasts of memory kills on recorded traces: the forecasts and the rules of today answer at the same instants,
//! and each answer is compared with what the kernel did.

pub(crate) mod alerts;
pub(crate) mod answers;
pub(crate) mod baselines;
mod columns;
pub(crate) mod estimator;
pub(crate) mod families;
pub(crate) mod figures;
pub(crate) mod folds;
pub(crate) mod instants;
mod isotonic;
pub(crate) mod metrics;
pub(crate) mod platt;
pub(crate) mod read;
pub(crate) mod required;
#[cfg(test)]
mod samples;
pub(crate) mod times;
pub(crate) mod trace;

/// Where and how often forecasts are asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Horizons in seconds, each one of `correlator::HORIZONS`.
    pub(crate) horizons: Vec<f64>,
    /// The horizon that alerts are opened by.
    pub(crate) alert_horizon: f64,
    /// Instants of each trace that count in the tables.
    pub(crate) instants: u32,
    /// Seconds between two questions to an alert rule.
    pub(crate) step: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            horizons: vec![7.5, 15.0, 30.0],
            alert_horizon: 15.0,
            instants: 40,
            step: 0.5,
        }
    }
}
