//! Whether a resource meets its limit within a horizon: what is asked, what was answered, and how often answers came true.
//!
//! A [`Forecaster`] gives raw log-odds. What they mean here is learnt from what came of them ([`Calibration`]), because how
//! often a stated 85 % comes true depends on how rare kills are where it is stated.

mod calibration;
mod filling;
mod group;
mod maturing;
mod outlook;
mod predictions;
mod recalibration;
mod reliability;
mod reservoir;
mod resource;
mod state;
mod stated;
mod watch;
mod workloads;

use std::fmt;
use std::time::Duration;

use crate::fill::Fill;

pub use calibration::{Calibration, Confidence, LEAST_KILLS};
pub use filling::Filling;
pub use group::Group;
pub use outlook::Outlook;
pub use predictions::Censored;
pub use recalibration::Recalibration;
pub use reliability::{BINS, Bin, Reliability};
pub use resource::Resource;
pub use state::StateError;
pub(crate) use stated::Stated;
pub use stated::{OF_MEMORY, OF_OTHERS};
pub(crate) use watch::{Fillings, Watch};

/// The horizons that are asked about: 7.5 s times a power of two, up to 8.5 hours.
pub const HORIZONS: [Duration; 13] = {
    let mut horizons = [Duration::ZERO; 13];
    let mut index = 0;
    while index < horizons.len() {
        horizons[index] = Duration::from_millis(7_500 << index);
        index += 1;
    }
    horizons
};

/// What the engine asks for the raw log-odds, before they are calibrated.
pub trait Forecaster: fmt::Debug + Send + Sync {
    /// Log-odds that the limit is met within `HORIZONS[horizon]`; `None` with too little history.
    fn log_odds(&self, fill: &Fill, horizon: usize) -> Option<f64>;

    /// What speaks for the limit being met within `HORIZONS[horizon]` and what against it, the strongest for it first, with the
    /// log-odds that each adds. Empty where that cannot be told apart.
    fn reasons(&self, _fill: &Fill, _horizon: usize) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// The name of the model, with its version: what was learnt with one says nothing about another.
    fn name(&self) -> String {
        "unnamed".to_owned()
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests;
