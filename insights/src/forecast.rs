//! Whether a resource that fills up meets its limit within a horizon, judged from its bounded record.
//!
//! Two forecasters answer the same question. The table of trees reads 42 scale-free features of the record; its numbering
//! of them is [`NAMES`]. The closed form is the first-passage time of a Brownian motion alone, for when the table is
//! switched off. Both give raw log-odds: what is stated is calibrated elsewhere on forecasts that came true or did not.

mod closed_form;
mod curve;
mod features;
mod first_passage;
mod groups;
mod names;
mod statistics;
mod time_to_limit;
mod tree;

use correlator::{Fill, Forecaster, HORIZONS};

pub use self::closed_form::ClosedForm;
pub use self::curve::Curve;
pub use self::features::features;
pub(crate) use self::first_passage::Passage;
pub use self::groups::{Group, Share, shares};
pub use self::names::{FEATURES, NAMES};
pub use self::statistics::LevelStatistics;
pub use self::time_to_limit::{TimeToLimit, straight_line};
pub use self::tree::{Model, ModelError};

/// The table that is built in: `model/oom.bin`.
const TABLE: &[u8] = include_bytes!("../model/oom.bin");

/// The forecaster that tapio uses: the built-in table of trees.
///
/// # Panics
/// When the built-in table is damaged; a test reads it.
#[must_use]
pub fn forecaster() -> Box<dyn Forecaster> {
    Box::new(built_in())
}

/// The forecaster without a table.
#[must_use]
pub fn closed_form() -> Box<dyn Forecaster> {
    Box::new(ClosedForm)
}

/// The built-in table of trees.
///
/// # Panics
/// When it is damaged; a test reads it.
#[must_use]
pub fn built_in() -> Model {
    Model::from_bytes(TABLE).expect("the built-in table is sound")
}

impl Forecaster for Model {
    fn log_odds(&self, fill: &Fill, horizon: usize) -> Option<f64> {
        can_speak(fill, horizon).then(|| self.score(&features(fill, horizon)))
    }

    fn reasons(&self, fill: &Fill, horizon: usize) -> Vec<(&'static str, f64)> {
        if !can_speak(fill, horizon) {
            return Vec::new();
        }
        let shares = shares(self, &features(fill, horizon));
        shares
            .iter()
            .map(|share| (share.group.label(), share.log_odds))
            .collect()
    }

    fn name(&self) -> String {
        format!("trees-{:08x}", self.checksum())
    }
}

impl Forecaster for ClosedForm {
    fn log_odds(&self, fill: &Fill, horizon: usize) -> Option<f64> {
        can_speak(fill, horizon).then(|| closed_form::log_odds(fill, horizon))?
    }

    fn name(&self) -> String {
        "closed-form".to_owned()
    }
}

/// True when there is such a horizon and enough of the record was measured for it.
fn can_speak(fill: &Fill, horizon: usize) -> bool {
    horizon < HORIZONS.len() && fill.last().is_some() && fill.is_ready(horizon)
}

#[cfg(test)]
mod tests;
