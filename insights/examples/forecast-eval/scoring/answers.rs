//! What every estimator answered: at the judged instants of all traces, and at the watched ones of each.

use super::estimator::{Estimator, Kind, horizon_index, replay};
use super::instants::{judged, watched};
use super::trace::Trace;
use super::{Plan, platt};

/// Log-odds of 1 in 20: what is assumed of a container about which a forecast says nothing yet.
const SILENCE: f64 = -2.944_438_979_166_44;

/// The answers at one horizon.
pub(crate) struct Answers {
    /// Seconds.
    pub(crate) horizon: f64,
    /// The instants that the tables are made of.
    pub(crate) judged: Judged,
    /// For each estimator and each trace what it said at each watched instant.
    pub(crate) watched: Vec<Vec<Vec<Said>>>,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Said {
    /// When, in seconds of the trace.
    pub(crate) at: f64,
    /// Forecasts: a probability. Rules: their score. `None`: nothing was said.
    pub(crate) score: Option<f64>,
}

/// The judged instants of all traces, and what everyone said there.
#[derive(Default)]
pub(crate) struct Judged {
    /// The trace of each instant.
    pub(crate) traces: Vec<usize>,
    /// Whether the kernel killed within the horizon.
    pub(crate) labels: Vec<bool>,
    /// For each estimator its answers: log-odds of forecasts, scores of rules. Silence counts as the log-odds of 5 %.
    pub(crate) scores: Vec<Vec<f64>>,
    /// At how many of them the first estimator said nothing.
    pub(crate) silent: usize,
}

/// Asks everyone at the instants of the plan. `None`: the horizon is none of `correlator::HORIZONS`.
pub(crate) fn ask(traces: &[Trace], estimators: &[Estimator], plan: &Plan, horizon: f64) -> Option<Answers> {
    let index = horizon_index(horizon)?;
    let mut set = Judged {
        scores: vec![Vec::new(); estimators.len()],
        ..Judged::default()
    };
    let mut seen = vec![Vec::new(); estimators.len()];
    for (number, trace) in traces.iter().enumerate() {
        let wanted = judged(trace, horizon, plan.instants);
        let said = ask_all(trace, estimators, index, horizon, &wanted);
        set.take(number, trace, horizon, &wanted, &said);
        let wanted = watched(trace, plan.step);
        let said = ask_all(trace, estimators, index, horizon, &wanted);
        for ((estimator, scores), seen) in estimators.iter().zip(said).zip(&mut seen) {
            seen.push(readable(estimator, trace, &wanted, &scores));
        }
    }
    Some(Answers {
        horizon,
        judged: set,
        watched: seen,
    })
}

impl Judged {
    fn take(&mut self, number: usize, trace: &Trace, horizon: f64, rows: &[usize], said: &[Vec<Option<f64>>]) {
        self.traces.extend(rows.iter().map(|_| number));
        self.labels
            .extend(rows.iter().map(|row| trace.dies_within(trace.rows[*row].at, horizon)));
        for (all, scores) in self.scores.iter_mut().zip(said) {
            all.extend(scores.iter().map(|score| score.unwrap_or(SILENCE)));
        }
        let of_first = said.first().map_or(&[][..], Vec::as_slice);
        self.silent += of_first.iter().filter(|score| score.is_none()).count();
    }
}

/// The answers of each estimator at some rows of a trace.
fn ask_all(
    trace: &Trace,
    estimators: &[Estimator],
    index: usize,
    horizon: f64,
    rows: &[usize],
) -> Vec<Vec<Option<f64>>> {
    let mut said = vec![Vec::new(); estimators.len()];
    replay(trace, |row, fill| {
        if rows.binary_search(&row).is_err() {
            return;
        }
        for (estimator, said) in estimators.iter().zip(&mut said) {
            said.push(match &estimator.kind {
                Kind::Forecast(forecaster) => forecaster.log_odds(fill, index),
                Kind::Rule(baseline) => Some(baseline.score(trace, row, horizon)),
            });
        }
    });
    said
}

fn readable(estimator: &Estimator, trace: &Trace, rows: &[usize], scores: &[Option<f64>]) -> Vec<Said> {
    let score = |score: f64| {
        if estimator.rule().is_none() {
            platt::sigmoid(score)
        } else {
            score
        }
    };
    let pairs = rows.iter().zip(scores);
    pairs
        .map(|(row, said)| Said {
            at: trace.rows[*row].at,
            score: said.map(score),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use correlator::Forecaster;
    use correlator::fill::Fill;

    use super::super::samples::trace;
    use super::*;

    /// Says how full it is, from its third second on.
    #[derive(Debug)]
    struct Level;

    impl Forecaster for Level {
        fn log_odds(&self, fill: &Fill, _: usize) -> Option<f64> {
            (fill.age().as_secs() >= 3).then(|| f64::from(fill.now().used))
        }
    }

    #[test]
    fn silence_is_counted_and_taken_as_one_in_twenty() {
        let traces = [trace(Some(10.0), |at| 0.09 * at)];
        let estimators = [Estimator::forecast("level", Box::new(Level))];
        let answers = ask(&traces, &estimators, &Plan::default(), 7.5).unwrap();
        let set = &answers.judged;
        assert_eq!((set.labels.len(), set.scores[0].len()), (40, 40));
        assert_eq!(set.silent, 10);
        assert!((platt::sigmoid(set.scores[0][9]) - 0.05).abs() < 1e-9);
        assert!(platt::sigmoid(set.scores[0][10]) > 0.5);
        let deaths = set.labels.iter().filter(|dies| **dies).count();
        assert_eq!(deaths, 33, "the kill at 10 s is within 7.5 s from 2.5 s on");
        assert_eq!(answers.watched[0][0][0], Said { at: 0.8, score: None });
        assert!(answers.watched[0][0][10].score.is_some_and(|p| p > 0.5 && p < 1.0));
    }

    #[test]
    fn a_horizon_that_is_not_forecast_is_refused() {
        assert!(ask(&[], &[], &Plan::default(), 20.0).is_none());
    }
}
