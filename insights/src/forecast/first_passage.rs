//! When a noisy, growing quantity meets its limit: the first-passage time of a Brownian motion with drift.
//!
//! Quantities are fractions of the limit, times seconds. Source: Chhikara and Folks, "The Inverse Gaussian Distribution"
//! (1989); the slope's own uncertainty is integrated out by four-point Gauss-Hermite quadrature.

use std::f64::consts::FRAC_1_SQRT_2;

use statrs::function::erf::erfc;

/// Standard normal abscissae of the quadrature, and their weights.
const NODES: [f64; 4] = [
    -2.334_414_218_338_977_3,
    -0.741_963_784_302_725_8,
    0.741_963_784_302_725_8,
    2.334_414_218_338_977_3,
];
const WEIGHTS: [f64; 4] = [
    0.045_875_854_768_068_52,
    0.454_124_145_231_931_5,
    0.454_124_145_231_931_5,
    0.045_875_854_768_068_52,
];
/// Beyond this many standard deviations the normal distribution is zero.
const FARTHEST: f64 = -12.0;
/// Keeps the exponential finite where the factor beside it is nearly zero.
const LARGEST_EXPONENT: f64 = 60.0;

/// A motion towards a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Passage {
    /// Distance to the limit.
    pub(crate) distance: f64,
    /// Slope, a second.
    pub(crate) drift: f64,
    /// Variance of the slope.
    pub(crate) drift_variance: f64,
    /// Variance of the motion, a second; positive.
    pub(crate) diffusion: f64,
}

impl Passage {
    /// The probability that the limit is met within `horizon` seconds, 0 to 1.
    pub(crate) fn probability(&self, horizon: f64) -> f64 {
        let spread = self.drift_variance.max(0.0).sqrt();
        let total: f64 = NODES
            .iter()
            .zip(WEIGHTS)
            .map(|(node, weight)| weight * self.with_drift(self.drift + spread * node, horizon))
            .sum();
        total.clamp(0.0, 1.0)
    }

    /// P(the largest value of the motion over `horizon` reaches the distance) for one slope.
    fn with_drift(&self, drift: f64, horizon: f64) -> f64 {
        if self.distance <= 0.0 {
            return 1.0;
        }
        let scale = (self.diffusion * horizon).sqrt();
        if scale <= 0.0 {
            return f64::from(drift * horizon >= self.distance);
        }
        let straight = normal((drift * horizon - self.distance) / scale);
        let z = (-drift * horizon - self.distance) / scale;
        let reflected = if z < FARTHEST {
            0.0
        } else {
            (2.0 * drift * self.distance / self.diffusion)
                .min(LARGEST_EXPONENT)
                .exp()
                * normal(z)
        };
        (straight + reflected).clamp(0.0, 1.0)
    }
}

/// The standard normal distribution function.
pub(crate) fn normal(z: f64) -> f64 {
    0.5 * erfc(-z * FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_motion_without_drift_meets_the_limit_as_often_as_reflection_says() {
        let still = Passage {
            distance: 0.3,
            drift: 0.0,
            drift_variance: 0.0,
            diffusion: 1e-3,
        };
        let exact = 2.0 * normal(-0.3 / 0.1_f64.sqrt());
        assert!((still.probability(100.0) - exact).abs() < 1e-12);
    }

    #[test]
    fn a_sure_rise_meets_the_limit_when_arithmetic_says_so() {
        let rise = Passage {
            distance: 0.3,
            drift: 0.01,
            drift_variance: 0.0,
            diffusion: 1e-9,
        };
        assert!(rise.probability(29.0) < 0.01 && rise.probability(31.0) > 0.99);
    }

    proptest! {
        #[test]
        fn less_time_or_more_distance_is_never_likelier(
            distance in 1e-3..1.0_f64, drift in -0.1..0.1_f64, noise in 1e-9..1e-2_f64, spread in 0.0..1e-2_f64,
            horizon in 1.0..30_000.0_f64, more in 1.0..4.0_f64
        ) {
            let near = Passage { distance, drift, drift_variance: spread * spread, diffusion: noise };
            let far = Passage { distance: distance * more, ..near };
            let chance = near.probability(horizon);
            prop_assert!((0.0..=1.0).contains(&chance));
            prop_assert!(near.probability(horizon * more) >= chance - 1e-9);
            prop_assert!(far.probability(horizon) <= chance + 1e-9);
        }
    }
}
