//! The two-parameter recalibration of log-odds: `p = sigmoid(a x + b)`.
//!
//! Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999), here with a prior that holds `a` near 1
//! and `b` near 0 while there is little to learn from.

/// Standard deviations of the prior of `a` around 1 and of `b` around 0.
const PRIOR: [f64; 2] = [0.15, 1.5];
/// Instants of one trace are alike: this share of them is counted as independent.
const WEIGHT: f64 = 0.2;
/// Newton steps; the posterior is concave and a dozen reach the last digit.
const STEPS: usize = 40;

/// A fitted recalibration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Platt {
    /// Slope of the log-odds.
    pub(crate) a: f64,
    /// Shift of the log-odds.
    pub(crate) b: f64,
}

impl Platt {
    /// The most probable recalibration after these outcomes.
    pub(crate) fn fit(log_odds: &[f64], labels: &[bool]) -> Self {
        let mut now = Self { a: 1.0, b: 0.0 };
        for _ in 0..STEPS {
            let (da, db) = now.step(log_odds, labels);
            // A step of more than 1 overshoots where the labels are nearly separable.
            now.a += da.clamp(-1.0, 1.0);
            now.b += db.clamp(-1.0, 1.0);
        }
        now
    }

    /// The recalibrated probability.
    pub(crate) fn at(self, log_odds: f64) -> f64 {
        sigmoid(self.a * log_odds + self.b)
    }

    /// The Newton step of the log posterior.
    fn step(self, log_odds: &[f64], labels: &[bool]) -> (f64, f64) {
        let [inverse_a, inverse_b] = PRIOR.map(|sd| 1.0 / (sd * sd));
        let mut gradient = [-(self.a - 1.0) * inverse_a, -self.b * inverse_b];
        let (mut aa, mut ab, mut bb) = (inverse_a, 0.0, inverse_b);
        for (x, label) in log_odds.iter().zip(labels) {
            let p = self.at(*x);
            let miss = WEIGHT * (f64::from(u8::from(*label)) - p);
            let curvature = WEIGHT * p * (1.0 - p);
            gradient[0] += miss * x;
            gradient[1] += miss;
            aa += curvature * x * x;
            ab += curvature * x;
            bb += curvature;
        }
        let determinant = aa * bb - ab * ab;
        (
            (bb * gradient[0] - ab * gradient[1]) / determinant,
            (aa * gradient[1] - ab * gradient[0]) / determinant,
        )
    }
}

/// The probability of log-odds.
pub(crate) fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_that_are_said_too_high_are_lowered() {
        // Stated 0.73, true for one in ten.
        let labels: Vec<bool> = (0..4000).map(|index| index % 10 == 0).collect();
        let fitted = Platt::fit(&vec![1.0; 4000], &labels);
        assert!((fitted.at(1.0) - 0.1).abs() < 0.01, "{fitted:?}");
    }

    #[test]
    fn without_outcomes_nothing_is_changed() {
        assert_eq!(Platt::fit(&[], &[]), Platt { a: 1.0, b: 0.0 });
    }

    #[test]
    fn outcomes_that_are_separable_leave_it_finite() {
        let odds: Vec<f64> = (0..2000).map(|index| f64::from(index) / 100.0 - 10.0).collect();
        let labels: Vec<bool> = odds.iter().map(|x| *x > 0.0).collect();
        let fitted = Platt::fit(&odds, &labels);
        assert!(fitted.a > 1.0 && fitted.a < 5.0 && fitted.b.abs() < 0.1, "{fitted:?}");
    }
}
