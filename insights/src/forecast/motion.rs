//! A motion towards a limit, estimated from equally spaced fractions of it; times are seconds.

use super::first_passage::Passage;

/// A motion towards a limit, estimated from equally spaced fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion(Passage);

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
        Some(Self(Passage {
            distance: (1.0 - last).max(1e-3),
            drift,
            drift_variance,
            diffusion,
        }))
    }

    /// The probability that the limit is met within `horizon` seconds.
    pub(crate) fn probability(&self, horizon: f64) -> f64 {
        self.0.probability(horizon)
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
