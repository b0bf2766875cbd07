//! Forecasts that came true before their horizon was over.
//!
//! They count when it is over, like those of the containers that lived. Counted at once they would come hours before those,
//! and whatever is learnt in the first hours would be that everything comes true.

use std::collections::BTreeMap;

use super::HORIZONS;
use super::calibration::Resolved;
use crate::time::Timestamp;

/// Most forecasts that wait for the end of their horizon: those of some 300 kills within the longest.
const MAX_MATURING: usize = 16_384;

/// By the end of the horizon, then in the order in which they came true.
#[derive(Debug, Default)]
pub(crate) struct Maturing {
    waiting: BTreeMap<(Timestamp, u64), Resolved>,
    held: u64,
}

impl Maturing {
    /// Keeps a forecast that came true; gives it back when too many wait.
    pub(crate) fn hold(&mut self, resolved: Resolved) -> Result<(), Resolved> {
        if self.waiting.len() >= MAX_MATURING {
            return Err(resolved);
        }
        let due = resolved.prediction.at.plus(HORIZONS[resolved.prediction.horizon]);
        self.held += 1;
        self.waiting.insert((due, self.held), resolved);
        Ok(())
    }

    /// Takes out those whose horizon is over at `at`, the earliest first.
    pub(crate) fn due(&mut self, at: Timestamp) -> impl Iterator<Item = Resolved> {
        let later = self.waiting.split_off(&(at, u64::MAX));
        std::mem::replace(&mut self.waiting, later).into_values()
    }
}
