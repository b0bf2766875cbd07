//! Forecasts of one container that wait for what comes of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::HORIZONS;
use crate::time::Timestamp;

/// Most forecasts that wait; with one in a quarter of each horizon there are some sixty.
const MAX_WAITING: usize = 128;
/// That a container lived on is believed this long after the horizon: the news of a kill comes seconds late.
const GRACE: Duration = Duration::from_secs(5);

/// A forecast that was stated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prediction {
    pub(crate) at: Timestamp,
    /// Its place in [`HORIZONS`].
    pub(crate) horizon: usize,
    pub(crate) log_odds: f64,
    /// The probability that was stated.
    pub(crate) stated: f64,
    /// What was known of the workload then.
    pub(crate) prior: f64,
}

impl Prediction {
    /// The end of its horizon.
    pub(crate) fn until(&self) -> Timestamp {
        self.at.plus(HORIZONS[self.horizon])
    }
}

/// Why it will never be known whether a forecast came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Censored {
    /// The container ended for another reason, or nothing was heard of it any more.
    Ended,
    /// Its limit was changed, perhaps because of the forecast.
    Resized,
    /// It was not watched all the time.
    Unseen,
}

impl Censored {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ended, Self::Resized, Self::Unseen];

    /// Its place in [`Censored::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Ended => 0,
            Self::Resized => 1,
            Self::Unseen => 2,
        }
    }

    /// The label value of this reason.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Resized => "resized",
            Self::Unseen => "unseen",
        }
    }
}

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is alive.
    Lives,
    /// It was OOM-killed.
    Killed,
    /// What becomes of open forecasts can no longer be known.
    Lost(Censored),
}

/// What came of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Killed,
    Lived,
    Censored(Censored),
}

/// The forecasts that wait, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Predictions(VecDeque<Prediction>);

impl Predictions {
    /// Keeps a forecast, at most one in a quarter of its horizon: what is said in between is much the same.
    pub(crate) fn keep(&mut self, prediction: Prediction) {
        let apart = HORIZONS[prediction.horizon] / 4;
        let last = self.0.iter().rev().find(|other| other.horizon == prediction.horizon);
        let is_due = last.is_none_or(|last| prediction.at.since(last.at) >= apart);
        if is_due && self.0.len() < MAX_WAITING {
            self.0.push_back(prediction);
        }
    }

    /// Takes out what is decided by what happened at `at`, with what came of it.
    pub(crate) fn settle(&mut self, at: Timestamp, fate: Fate) -> Vec<(Prediction, Verdict)> {
        let mut settled = Vec::new();
        self.0.retain(|prediction| {
            let verdict = judge(prediction, at, fate);
            settled.extend(verdict.map(|verdict| (*prediction, verdict)));
            verdict.is_none()
        });
        settled
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn judge(prediction: &Prediction, at: Timestamp, fate: Fate) -> Option<Verdict> {
    let until = prediction.until();
    match fate {
        Fate::Lives => (at >= until.plus(GRACE)).then_some(Verdict::Lived),
        Fate::Killed if prediction.at >= at => None,
        Fate::Killed if at <= until => Some(Verdict::Killed),
        Fate::Lost(reason) if until >= at || prediction.at >= at => Some(Verdict::Censored(reason)),
        Fate::Killed | Fate::Lost(_) => Some(Verdict::Lived),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_30_seconds(second: u64) -> Prediction {
        Prediction {
            at: Timestamp::from_secs(second),
            horizon: 2,
            log_odds: 0.0,
            stated: 0.5,
            prior: 0.05,
        }
    }

    fn waiting() -> Predictions {
        let mut predictions = Predictions::default();
        (0..60).for_each(|second| predictions.keep(of_30_seconds(second)));
        predictions
    }

    fn settled(fate: Fate, second: u64) -> Vec<(u64, Verdict)> {
        let settled = waiting().settle(Timestamp::from_secs(second), fate);
        settled
            .iter()
            .map(|(prediction, verdict)| (prediction.at.as_secs(), *verdict))
            .collect()
    }

    #[test]
    fn one_forecast_waits_in_a_quarter_of_its_horizon() {
        assert_eq!(waiting().len(), 8);
    }

    #[test]
    fn a_kill_makes_those_true_whose_horizon_it_fell_into() {
        let settled = settled(Fate::Killed, 40);
        assert_eq!(
            settled,
            [
                (0, Verdict::Lived),
                (8, Verdict::Lived),
                (16, Verdict::Killed),
                (24, Verdict::Killed),
                (32, Verdict::Killed)
            ]
        );
    }

    #[test]
    fn living_on_makes_those_false_whose_horizon_is_well_over() {
        assert_eq!(settled(Fate::Lives, 43), [(0, Verdict::Lived), (8, Verdict::Lived)]);
    }

    #[test]
    fn what_ended_otherwise_decides_nothing_that_was_still_open() {
        let reason = Verdict::Censored(Censored::Ended);
        let settled = settled(Fate::Lost(Censored::Ended), 45);
        assert_eq!(settled[..3], [(0, Verdict::Lived), (8, Verdict::Lived), (16, reason)]);
        assert_eq!(settled.len(), 8);
    }

    #[test]
    fn no_more_wait_than_the_bound() {
        let mut predictions = Predictions::default();
        (0..10_000).for_each(|round| predictions.keep(of_30_seconds(round * 8)));
        assert_eq!(predictions.len(), MAX_WAITING);
    }
}
