//! Forecasts that came true before their horizon was over.
//!
//! They count when it is over, like those of the containers that lived. Counted at once they would come hours before those,
//! and whatever is learnt in the first hours would be that everything comes true.

use std::collections::BTreeMap;

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
        self.held += 1;
        self.waiting.insert((resolved.prediction.until(), self.held), resolved);
        Ok(())
    }

    /// Takes out those whose horizon is over at `at`, the earliest first.
    pub(crate) fn due(&mut self, at: Timestamp) -> impl Iterator<Item = Resolved> {
        let later = self.waiting.split_off(&(at, u64::MAX));
        std::mem::replace(&mut self.waiting, later).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::calibration::CountedIn;
    use crate::forecast::predictions::Prediction;

    fn true_at(second: u64, horizon: usize) -> Resolved {
        let prediction = Prediction {
            at: Timestamp::from_secs(second),
            horizon,
            log_odds: 0.0,
            stated: 0.5,
            prior: 0.05,
        };
        Resolved::new("c", prediction, &mut CountedIn::default())
    }

    #[test]
    fn the_earliest_end_comes_out_first_and_later_ones_wait() {
        let mut maturing = Maturing::default();
        for (second, horizon) in [(10, 4), (20, 2), (20, 2), (0, 6)] {
            assert!(maturing.hold(true_at(second, horizon)).is_ok());
        }
        let due = |maturing: &mut Maturing, second| {
            let due = maturing.due(Timestamp::from_secs(second));
            due.map(|resolved| resolved.prediction.until().as_secs())
                .collect::<Vec<_>>()
        };
        assert_eq!(due(&mut maturing, 130), [50, 50, 130]);
        assert_eq!(due(&mut maturing, 10_000), [480]);
    }

    #[test]
    fn what_is_beyond_the_bound_is_given_back() {
        let mut maturing = Maturing::default();
        let held = (0..20_000)
            .filter(|second| maturing.hold(true_at(*second, 2)).is_ok())
            .count();
        assert_eq!(held, MAX_MATURING);
    }
}
