//! When a growing quantity meets its limit: the first-passage time of a Brownian motion with drift.
//!
//! All quantities are fractions of the limit; times are seconds. Source: Chhikara and Folks, "The Inverse Gaussian
//! Distribution" (1989); the slope's own uncertainty is integrated out by four-point Gauss-Hermite quadrature.

use std::f64::consts::SQRT_2;

use statrs::function::erf::erfc;

const NODES: [f64; 4] = [-2.334_414_218_3, -0.741_963_784_3, 0.741_963_784_3, 2.334_414_218_3];
const WEIGHTS: [f64; 4] = [0.045_875_854_8, 0.454_124_145_2, 0.454_124_145_2, 0.045_875_854_8];

/// A motion towards a limit, estimated from equally spaced fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    /// Distance to the limit, a fraction of it; positive.
    distance: f64,
    /// Slope, fractions a second.
    drift: f64,
    /// Variance of the motion a second.
    diffusion: f64,
    /// Variance of the slope.
    drift_variance: f64,
}

impl Motion {
    /// The motion that these fractions, `step` seconds apart, show with the given robust slope. `None` with fewer than
    /// five.
    pub(crate) fn of(fractions: &[f64], step: f64, drift: f64) -> Option<Self> {
        let last = *fractions.last()?;
        let steps = fractions.len().checked_sub(1).filter(|steps| *steps >= 4)? as f64;
        let noise: f64 = fractions
            .windows(2)
            .map(|pair| (pair[1] - pair[0] - drift * step).powi(2))
            .sum();
        let diffusion = (noise / steps / step).max(1e-10);
        let drift_variance = diffusion / ((steps + 1.0) * step);
        Some(Self {
            distance: (1.0 - last).max(1e-3),
            drift,
            diffusion,
            drift_variance,
        })
    }

    /// The probability that the limit is met within `horizon` seconds.
    pub(crate) fn probability(&self, horizon: f64) -> f64 {
        let spread = self.drift_variance.sqrt();
        let at = |node: f64| first_passage(self.distance, self.drift + spread * node, self.diffusion, horizon);
        let total: f64 = NODES.iter().zip(WEIGHTS).map(|(node, weight)| weight * at(*node)).sum();
        total.clamp(0.0, 1.0)
    }

    /// The 10 %, 50 % and 90 % points of the time to the limit, given that it is met within `longest` seconds. `None`
    /// when that is out of the question.
    pub(crate) fn time_to_limit(&self, longest: f64) -> Option<[f64; 3]> {
        let all = self.probability(longest);
        (all > 1e-6).then(|| [0.1, 0.5, 0.9].map(|share| self.time_of(share * all, longest)))
    }

    /// The horizon with this probability, by bisection: the probability only grows with the horizon.
    fn time_of(&self, probability: f64, longest: f64) -> f64 {
        let (mut low, mut high) = (0.0, longest);
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if self.probability(middle) < probability {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

/// P(max of the motion over `horizon` reaches `distance`).
fn first_passage(distance: f64, drift: f64, diffusion: f64, horizon: f64) -> f64 {
    if distance <= 0.0 {
        return 1.0;
    }
    let scale = (diffusion * horizon).sqrt();
    if scale <= 0.0 {
        return 0.0;
    }
    let straight = phi((drift * horizon - distance) / scale);
    let z = (-drift * horizon - distance) / scale;
    let reflected = if z < -12.0 {
        0.0
    } else {
        (2.0 * drift * distance / diffusion).min(60.0).exp() * phi(z)
    };
    (straight + reflected).clamp(0.0, 1.0)
}

fn phi(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rising(per_step: f64) -> Motion {
        let fractions: Vec<f64> = (0..30).map(|t| 0.4 + per_step * f64::from(t)).collect();
        Motion::of(&fractions, 1.0, per_step).unwrap()
    }

    #[test]
    fn a_steady_rise_meets_the_limit_when_arithmetic_says_so() {
        let [low, likely, high] = rising(0.01).time_to_limit(3600.0).unwrap();
        assert!((likely - 31.0).abs() < 1.0, "{likely}");
        assert!(low <= likely && likely <= high);
    }

    #[test]
    fn what_does_not_rise_is_not_forecast() {
        assert!(rising(0.0).probability(60.0) < 0.01);
        assert!(rising(-0.001).probability(600.0) < 0.01);
    }

    proptest! {
        #[test]
        fn a_longer_horizon_is_never_less_likely(drift in -0.01..0.01f64, noise in 0.0..0.05f64, h in 1.0..3600.0f64) {
            let fractions: Vec<f64> = (0..30).map(|t| 0.5 + noise * f64::from(t % 3)).collect();
            let motion = Motion::of(&fractions, 1.0, drift).unwrap();
            let (short, long) = (motion.probability(h), motion.probability(2.0 * h));
            prop_assert!((0.0..=1.0).contains(&short));
            prop_assert!(long >= short - 1e-9, "{short} then {long}");
        }
    }
}
