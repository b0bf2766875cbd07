//! Whether a resource meets its limit within a horizon: what is asked, what was answered, and how often answers came true.

use std::time::Duration;

use crate::fill::Fill;

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
pub trait Forecaster: Send + Sync {
    /// Log-odds that the limit is met within `HORIZONS[horizon]`; `None` with too little history.
    fn log_odds(&self, fill: &Fill, horizon: usize) -> Option<f64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizons_reach_from_seconds_to_a_working_day() {
        assert_eq!(HORIZONS[2], Duration::from_secs(30));
        assert_eq!(HORIZONS[12], Duration::from_secs(30_720));
    }
}
