//! From the log-odds that a model gives to the probability that holds here: a straight line for each group of horizons,
//! fitted to what came true (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), with priors, so that little
//! evidence changes little.
//!
//! `p = sigmoid(a x + b + c (logit(w) - logit(0.05)))`, where `w` is how often the workload was killed before.

use serde::{Deserialize, Serialize};

use super::group::Group;
use super::{logit, sigmoid};

/// How often a container of a workload of which nothing is known is killed: the mean of Beta(1, 19).
pub(crate) const USUAL: f64 = 0.05;
/// Slopes and intercepts of the three groups, then the weight of the workload.
const PARAMETERS: usize = 7;
/// Where fitting starts, and how sure that is (one standard deviation). An intercept of -2.3 says that few containers leak;
/// the model was made where half of them do.
const PRIOR: [(f64, f64); 3] = [(1.0, 0.15), (-2.3, 1.5), (0.65, 0.2)];
/// Pairs of one container are alike, so that each counts half.
const WEIGHT: f64 = 0.5;
const MAX_STEPS: usize = 50;

/// The lines that hold now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recalibration {
    /// What the log-odds are multiplied with, by group.
    pub slope: [f64; 3],
    /// What is added to them, by group.
    pub intercept: [f64; 3],
    /// What the log-odds of the workload are multiplied with.
    pub workload: f64,
}

/// A forecast and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) group: Group,
    pub(crate) log_odds: f64,
    /// How often the workload was killed before, a share.
    pub(crate) prior: f64,
    pub(crate) came_true: bool,
    /// How many such outcomes this one stands for.
    pub(crate) stands_for: f64,
}

impl Default for Recalibration {
    /// Before anything was learnt.
    fn default() -> Self {
        Self {
            slope: [PRIOR[0].0; 3],
            intercept: [PRIOR[1].0; 3],
            workload: PRIOR[2].0,
        }
    }
}

impl Recalibration {
    /// The probability that these log-odds mean, for a workload that was killed as often as `prior` says.
    pub fn probability(&self, group: Group, log_odds: f64, prior: f64) -> f64 {
        let g = group.index();
        sigmoid(self.slope[g] * log_odds + self.intercept[g] + self.workload * offset(prior))
    }

    /// The lines that the priors and these outcomes make most probable, by Newton's method.
    #[must_use]
    pub(crate) fn fit(self, outcomes: &[Outcome]) -> Self {
        let mut at = self.parameters();
        let mut cost = cost(&at, outcomes);
        for _ in 0..MAX_STEPS {
            let Some(step) = newton_step(&at, outcomes) else { break };
            let Some((next, lower)) = shortened(&at, &step, cost, outcomes) else {
                break;
            };
            let gained = cost - lower;
            (at, cost) = (next, lower);
            if gained < 1e-9 * (1.0 + cost.abs()) {
                break;
            }
        }
        Self::of(&at)
    }

    fn parameters(&self) -> [f64; PARAMETERS] {
        let (a, b) = (self.slope, self.intercept);
        [a[0], a[1], a[2], b[0], b[1], b[2], self.workload]
    }

    fn of(p: &[f64; PARAMETERS]) -> Self {
        Self {
            slope: [p[0], p[1], p[2]],
            intercept: [p[3], p[4], p[5]],
            workload: p[6],
        }
    }
}

fn offset(prior: f64) -> f64 {
    logit(prior) - logit(USUAL)
}

fn prior_of(parameter: usize) -> (f64, f64) {
    PRIOR[parameter / 3]
}

/// Which parameters an outcome is about, and what each is multiplied with.
fn terms(outcome: &Outcome) -> [(usize, f64); 3] {
    let g = outcome.group.index();
    [(g, outcome.log_odds), (3 + g, 1.0), (6, offset(outcome.prior))]
}

fn linear(at: &[f64; PARAMETERS], terms: &[(usize, f64); 3]) -> f64 {
    terms.iter().map(|(index, value)| at[*index] * value).sum()
}

/// Negative log posterior.
fn cost(at: &[f64; PARAMETERS], outcomes: &[Outcome]) -> f64 {
    let prior: f64 = (0..PARAMETERS)
        .map(|index| {
            let (mean, deviation) = prior_of(index);
            0.5 * ((at[index] - mean) / deviation).powi(2)
        })
        .sum();
    let misfit = |outcome: &Outcome| {
        let z = linear(at, &terms(outcome));
        let signed = if outcome.came_true { -z } else { z };
        // ln(1 + e^signed), without overflow.
        WEIGHT * outcome.stands_for * (signed.max(0.0) + (-signed.abs()).exp().ln_1p())
    };
    prior + outcomes.iter().map(misfit).sum::<f64>()
}

fn newton_step(at: &[f64; PARAMETERS], outcomes: &[Outcome]) -> Option<[f64; PARAMETERS]> {
    let mut gradient = [0.0; PARAMETERS];
    let mut hessian = [[0.0; PARAMETERS]; PARAMETERS];
    for index in 0..PARAMETERS {
        let (mean, deviation) = prior_of(index);
        gradient[index] = (at[index] - mean) / deviation.powi(2);
        hessian[index][index] = 1.0 / deviation.powi(2);
    }
    for outcome in outcomes {
        let terms = terms(outcome);
        let p = sigmoid(linear(at, &terms));
        let weight = WEIGHT * outcome.stands_for;
        let residual = weight * (p - f64::from(u8::from(outcome.came_true)));
        for (row, x) in terms {
            gradient[row] += residual * x;
            for (column, y) in terms {
                hessian[row][column] += weight * p * (1.0 - p) * x * y;
            }
        }
    }
    solve(hessian, gradient)
}

/// The step, halved until it lowers the cost; `None` when no part of it does.
fn shortened(
    at: &[f64; PARAMETERS],
    step: &[f64; PARAMETERS],
    cost_now: f64,
    outcomes: &[Outcome],
) -> Option<([f64; PARAMETERS], f64)> {
    let halvings = std::iter::successors(Some(1.0), |share| Some(share / 2.0)).take(20);
    halvings
        .map(|share: f64| {
            let mut next = *at;
            next.iter_mut()
                .zip(step)
                .for_each(|(value, step)| *value -= share * step);
            (next, cost(&next, outcomes))
        })
        .find(|(_, lower)| *lower < cost_now)
}

/// Solves `matrix * x = right` for a symmetric positive definite matrix, by Cholesky's factors.
fn solve(mut matrix: [[f64; PARAMETERS]; PARAMETERS], mut right: [f64; PARAMETERS]) -> Option<[f64; PARAMETERS]> {
    for row in 0..PARAMETERS {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - known;
            if row != column {
                matrix[row][column] = rest / matrix[column][column];
            } else if rest > 0.0 {
                matrix[row][row] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    for row in 0..PARAMETERS {
        let known: f64 = (0..row).map(|k| matrix[row][k] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    for row in (0..PARAMETERS).rev() {
        let known: f64 = (row + 1..PARAMETERS).map(|k| matrix[k][row] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(count: u32, came_true: impl Fn(u32) -> bool) -> Vec<Outcome> {
        let of = |index: u32| Outcome {
            group: Group::Middle,
            log_odds: f64::from(index % 9) - 4.0,
            prior: USUAL,
            came_true: came_true(index),
            stands_for: 1.0,
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn without_outcomes_the_priors_stand() {
        let cold = Recalibration::default();
        assert_eq!(cold.fit(&[]), cold);
        assert!((cold.probability(Group::Short, 2.3, USUAL) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn outcomes_of_one_group_leave_the_others_alone() {
        let fitted = Recalibration::default().fit(&outcomes(900, |_| false));
        let cold = Recalibration::default();
        assert!(fitted.intercept[1] < cold.intercept[1] - 1.0, "{fitted:?}");
        assert!((fitted.intercept[0] - cold.intercept[0]).abs() < 1e-9);
        assert!((fitted.slope[2] - cold.slope[2]).abs() < 1e-9);
    }

    #[test]
    fn a_perfectly_separated_population_has_a_finite_answer() {
        let fitted = Recalibration::default().fit(&outcomes(5_000, |index| index % 9 > 4));
        assert!((0.0..5.0).contains(&fitted.slope[1]), "{fitted:?}");
        assert!(fitted.probability(Group::Middle, 4.0, USUAL) > 0.85, "{fitted:?}");
    }

    #[test]
    fn a_workload_that_was_killed_before_is_likelier_to_be_killed() {
        let cold = Recalibration::default();
        assert!(cold.probability(Group::Long, 1.0, 0.3) > cold.probability(Group::Long, 1.0, USUAL) + 0.05);
    }

    #[test]
    fn an_outcome_that_stands_for_three_counts_as_three() {
        let three: Vec<Outcome> = outcomes(90, |index| index % 4 == 0).repeat(3);
        let one: Vec<Outcome> = outcomes(90, |index| index % 4 == 0)
            .into_iter()
            .map(|outcome| Outcome {
                stands_for: 3.0,
                ..outcome
            })
            .collect();
        let [a, b] = [three, one].map(|outcomes| Recalibration::default().fit(&outcomes));
        assert!((a.intercept[1] - b.intercept[1]).abs() < 1e-6, "{a:?} {b:?}");
    }
}
