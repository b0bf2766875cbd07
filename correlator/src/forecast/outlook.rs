//! What was last answered for each horizon, and since how many evaluations that has been so.

use super::HORIZONS;
use super::stated::{Levels, SEVERITIES};
use crate::insight::Severity;
use crate::time::Timestamp;

/// What is asked of a horizon that is longer than the record.
const BEYOND_AGE: f64 = 0.7;
/// Evaluations in a row after which a severity holds.
const TO_OPEN: u8 = 2;
/// Evaluations in a row, well below, after which it holds no longer.
const TO_CLOSE: u8 = 5;
/// How far below the threshold is well below.
const RELEASE: f64 = 0.7;

/// The answers of one resource of one run, by horizon.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outlook([Answer; HORIZONS.len()]);

#[derive(Debug, Clone, Default, PartialEq)]
struct Answer {
    at: Option<Timestamp>,
    log_odds: Option<f64>,
    /// The recalibrated probability of this horizon alone.
    alone: Option<f64>,
    standings: [Standing; SEVERITIES.len()],
}

/// Whether a threshold is held, with how many evaluations in a row were above and well below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    holds: bool,
    above: u8,
    below: u8,
}

impl Outlook {
    /// The raw log-odds that the limit is met within `HORIZONS[horizon]`; `None` while there is too little to say.
    pub fn log_odds(&self, horizon: usize) -> Option<f64> {
        self.0.get(horizon)?.log_odds
    }

    /// The recalibrated probability that the limit is met within `HORIZONS[horizon]`: never less than for a shorter one.
    /// `None` while there is too little to say.
    pub fn probability(&self, horizon: usize) -> Option<f64> {
        self.0.get(horizon)?.alone?;
        self.0[..=horizon]
            .iter()
            .filter_map(|answer| answer.alone)
            .reduce(f64::max)
    }

    /// The probabilities of all horizons that have one, the shortest first.
    pub fn probabilities(&self) -> impl Iterator<Item = (usize, f64)> {
        (0..HORIZONS.len()).filter_map(|horizon| Some((horizon, self.probability(horizon)?)))
    }

    /// When a horizon was last evaluated.
    pub fn evaluated(&self, horizon: usize) -> Option<Timestamp> {
        self.0.get(horizon)?.at
    }

    /// How many evaluations in a row, to 255, were at or above what `severity` needs.
    pub fn above(&self, horizon: usize, severity: Severity) -> u8 {
        self.standing(horizon, severity).above
    }

    /// How many evaluations in a row, to 255, were below 0.7 times what `severity` needs.
    pub fn below(&self, horizon: usize, severity: Severity) -> u8 {
        self.standing(horizon, severity).below
    }

    /// How bad the outlook for a horizon is: unless others were chosen info from 0.3, warning from 0.5, critical from 0.8, and never
    /// below 0.7 when the record is shorter than the horizon. It holds from the second evaluation in a row that says so to the fifth in
    /// a row that is below 0.7 times that.
    pub fn severity(&self, horizon: usize) -> Option<Severity> {
        let answer = self.0.get(horizon)?;
        let held = SEVERITIES
            .iter()
            .zip(&answer.standings)
            .rev()
            .find(|(_, standing)| standing.holds);
        held.map(|(severity, _)| *severity)
    }

    /// The shortest horizon whose outlook is at least this bad.
    pub fn soonest(&self, severity: Severity) -> Option<usize> {
        (0..HORIZONS.len()).find(|horizon| self.severity(*horizon) >= Some(severity))
    }

    /// A horizon was evaluated; `known` when the record is at least as long. Gives back the probability that is stated.
    pub(crate) fn answered(
        &mut self,
        horizon: usize,
        at: Timestamp,
        answer: Option<(f64, f64)>,
        known: bool,
        levels: &Levels,
    ) -> Option<f64> {
        let slot = &mut self.0[horizon];
        slot.at = Some(at);
        slot.log_odds = answer.map(|(log_odds, _)| log_odds);
        slot.alone = answer.map(|(_, probability)| probability);
        let stated = self.probability(horizon);
        let slot = &mut self.0[horizon];
        for (threshold, standing) in levels.iter().zip(&mut slot.standings) {
            let needed = if known { *threshold } else { threshold.max(BEYOND_AGE) };
            standing.evaluate(stated.unwrap_or(0.0), needed);
        }
        stated
    }

    fn standing(&self, horizon: usize, severity: Severity) -> Standing {
        let place = SEVERITIES.iter().position(|other| *other == severity);
        let standing = place.and_then(|place| self.0.get(horizon)?.standings.get(place));
        standing.copied().unwrap_or_default()
    }
}

impl Standing {
    fn evaluate(&mut self, probability: f64, needed: f64) {
        let count = |so_far: u8, speaks: bool| if speaks { so_far.saturating_add(1) } else { 0 };
        self.above = count(self.above, probability >= needed);
        self.below = count(self.below, probability < needed * RELEASE);
        if self.above >= TO_OPEN {
            self.holds = true;
        } else if self.below >= TO_CLOSE {
            self.holds = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: Levels = [0.3, 0.5, 0.8];

    fn answered(outlook: &mut Outlook, horizon: usize, probability: f64, known: bool) {
        outlook.answered(
            horizon,
            Timestamp::from_secs(1),
            Some((0.0, probability)),
            known,
            &LEVELS,
        );
    }

    #[test]
    fn two_evaluations_in_a_row_open_and_five_well_below_close() {
        let mut outlook = Outlook::default();
        let mut held = Vec::new();
        for probability in [0.6, 0.2, 0.6, 0.6, 0.4, 0.3, 0.3, 0.3, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3] {
            answered(&mut outlook, 4, probability, true);
            held.push(u8::from(outlook.severity(4) >= Some(Severity::Warning)));
        }
        assert_eq!(held, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(outlook.below(4, Severity::Warning), 5);
    }

    #[test]
    fn a_horizon_longer_than_the_record_needs_more() {
        let mut outlook = Outlook::default();
        (0..3).for_each(|_| answered(&mut outlook, 4, 0.6, false));
        assert_eq!(outlook.severity(4), None);
        (0..3).for_each(|_| answered(&mut outlook, 4, 0.7, false));
        assert_eq!(outlook.severity(4), Some(Severity::Warning));
        assert_eq!(outlook.soonest(Severity::Info), Some(4));
    }

    #[test]
    fn other_levels_hold_from_the_next_evaluation_on() {
        let mut outlook = Outlook::default();
        (0..3).for_each(|_| answered(&mut outlook, 4, 0.6, true));
        let strict = [0.9, 0.95, 1.0];
        let mut held = Vec::new();
        for _ in 0..5 {
            outlook.answered(4, Timestamp::from_secs(2), Some((0.0, 0.6)), true, &strict);
            held.push(outlook.severity(4));
        }
        assert_eq!(held, [vec![Some(Severity::Warning); 4], vec![None]].concat());
    }

    #[test]
    fn a_longer_horizon_is_never_less_likely() {
        let mut outlook = Outlook::default();
        answered(&mut outlook, 2, 0.6, true);
        answered(&mut outlook, 5, 0.4, true);
        assert_eq!(outlook.probability(5), Some(0.6));
        assert_eq!(outlook.probability(3), None);
        assert_eq!(outlook.probabilities().count(), 2);
    }

    #[test]
    fn silence_of_the_model_counts_as_below() {
        let mut outlook = Outlook::default();
        (0..2).for_each(|_| answered(&mut outlook, 2, 0.9, true));
        assert_eq!(outlook.severity(2), Some(Severity::Critical));
        (0..5).for_each(|_| {
            outlook.answered(2, Timestamp::from_secs(2), None, true, &LEVELS);
        });
        assert_eq!((outlook.severity(2), outlook.probability(2)), (None, None));
    }
}
