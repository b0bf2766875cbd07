//! The figures of one estimator at one horizon, and what its alerts are worth.

use super::alerts::{Worth, episodes};
use super::answers::{Answers, Judged, Said};
use super::estimator::Estimator;
use super::trace::Trace;
use super::{folds, metrics, platt};

/// How well an estimator ranks, and how good its probabilities are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// Area under the ROC curve.
    pub(crate) auc: Option<f64>,
    /// Average precision.
    pub(crate) average_precision: Option<f64>,
    /// Forecasts: the probability as it is stated. Rules: 1 where they fire, else 0.
    pub(crate) stated: Quality,
    /// Of the instants where p > 0.5 is stated, or the rule fires: the share before a kill.
    pub(crate) precision: Option<f64>,
    /// Of the instants before a kill: the share where that is so.
    pub(crate) recall: Option<f64>,
    /// After calibration on other traces: two parameters for forecasts, isotonic for rules.
    pub(crate) calibrated: Quality,
}

/// How good probabilities are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quality {
    /// Brier score.
    pub(crate) brier: f64,
    /// Brier skill against the base rate.
    pub(crate) skill: Option<f64>,
    /// Log loss in nats.
    pub(crate) log_loss: f64,
    /// Expected calibration error.
    pub(crate) calibration_error: f64,
}

impl Quality {
    fn of(probabilities: &[f64], labels: &[bool]) -> Self {
        Self {
            brier: metrics::brier(probabilities, labels),
            skill: metrics::brier_skill(probabilities, labels),
            log_loss: metrics::log_loss(probabilities, labels),
            calibration_error: metrics::calibration_error(probabilities, labels),
        }
    }
}

/// The probabilities of an estimator as stated: a rule states 1 or 0.
pub(crate) fn stated(estimator: &Estimator, scores: &[f64]) -> Vec<f64> {
    match estimator.rule() {
        Some(rule) => scores
            .iter()
            .map(|score| f64::from(u8::from(*score > rule.fires_above())))
            .collect(),
        None => scores.iter().map(|log_odds| platt::sigmoid(*log_odds)).collect(),
    }
}

/// The probabilities of an estimator after calibration on the other traces.
pub(crate) fn calibrated(estimator: &Estimator, scores: &[f64], set: &Judged) -> Vec<f64> {
    match estimator.rule() {
        Some(_) => folds::isotonic(&set.traces, scores, &set.labels),
        None => folds::recalibrated(&set.traces, scores, &set.labels),
    }
}

/// The figures of each estimator, in their order.
pub(crate) fn figures(estimators: &[Estimator], set: &Judged) -> Vec<Figures> {
    let pairs = estimators.iter().zip(&set.scores);
    pairs
        .map(|(estimator, scores)| figures_of(estimator, scores, set))
        .collect()
}

fn figures_of(estimator: &Estimator, scores: &[f64], set: &Judged) -> Figures {
    let probabilities = stated(estimator, scores);
    let fired = probabilities.iter().filter(|p| **p > 0.5).count();
    let deaths = set.labels.iter().filter(|dies| **dies).count();
    let right = probabilities
        .iter()
        .zip(&set.labels)
        .filter(|(p, dies)| **p > 0.5 && **dies)
        .count();
    let share = |of: usize| (of > 0).then(|| right as f64 / of as f64);
    Figures {
        auc: metrics::auc(scores, &set.labels),
        average_precision: metrics::average_precision(scores, &set.labels),
        stated: Quality::of(&probabilities, &set.labels),
        precision: share(fired),
        recall: share(deaths),
        calibrated: Quality::of(&calibrated(estimator, scores, set), &set.labels),
    }
}

/// What the alerts of an estimator are worth that hit above `threshold`.
pub(crate) fn worth(traces: &[Trace], answers: &Answers, estimator: usize, threshold: f64) -> Worth {
    let mut worth = Worth::default();
    for (trace, said) in traces.iter().zip(&answers.watched[estimator]) {
        worth.add(trace.killed_at, &episodes(hits(said, threshold)));
    }
    worth
}

/// When what was said is a hit. Silence is none.
pub(crate) fn hits(said: &[Said], threshold: f64) -> impl Iterator<Item = (f64, bool)> + '_ {
    said.iter()
        .map(move |said| (said.at, said.score.is_some_and(|score| score > threshold)))
}

#[cfg(test)]
mod tests {
    use super::super::baselines::{Baseline, Signal};
    use super::super::estimator::Kind;
    use super::*;

    fn set() -> Judged {
        Judged {
            traces: vec![0, 1, 2, 3],
            labels: vec![false, false, true, true],
            scores: vec![vec![0.95, 0.4, 0.5, 0.99]],
            silent: 0,
        }
    }

    #[test]
    fn a_rule_states_one_where_it_fires() {
        let rule = Baseline::Threshold {
            signal: Signal::Usage,
            share: 0.9,
        };
        let estimator = Estimator {
            name: "full".into(),
            kind: Kind::Rule(rule),
        };
        let all = figures(&[estimator], &set());
        assert_eq!((all[0].precision, all[0].recall), (Some(0.5), Some(0.5)));
        assert!((all[0].stated.brier - 0.5).abs() < 1e-9);
        assert_eq!(all[0].stated.skill, Some(-1.0));
        assert_eq!(all[0].auc, Some(0.75));
    }

    #[test]
    fn silence_is_no_hit() {
        let said = [
            Said { at: 1.0, score: None },
            Said {
                at: 2.0,
                score: Some(0.6),
            },
        ];
        assert_eq!(hits(&said, 0.5).collect::<Vec<_>>(), [(1.0, false), (2.0, true)]);
    }
}
