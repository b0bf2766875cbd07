//! How often what was stated came true: the reliability of forecasts, by horizon group and stated probability.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF as _};

/// Lower bounds of the stated probabilities that are counted together: finer where forecasts are many.
pub const BINS: [f64; 12] = [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// How far the stated and the true frequency may be apart for a statement to count as right.
const CLOSE: f64 = 0.1;

/// The forecasts of one horizon group that were resolved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    bins: [Bin; BINS.len()],
    squares: f64,
}

/// The forecasts whose stated probability fell into one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// How many were resolved.
    pub resolved: u64,
    /// How many of them came true.
    pub came_true: u64,
    /// The sum of the probabilities that were stated.
    pub stated: f64,
    /// From how many containers they are.
    pub containers: u64,
}

impl Bin {
    /// The share that came true; `None` when none was resolved.
    pub fn observed(&self) -> Option<f64> {
        (self.resolved > 0).then(|| self.came_true as f64 / self.resolved as f64)
    }

    /// The mean of what was stated; `None` when none was resolved.
    pub fn mean_stated(&self) -> Option<f64> {
        (self.resolved > 0).then(|| self.stated / self.resolved as f64)
    }
}

/// The bin of a stated probability.
pub(crate) fn bin_of(stated: f64) -> usize {
    BINS.iter().rposition(|bound| stated >= *bound).unwrap_or(0)
}

impl Reliability {
    /// A forecast was resolved; `first` when it is the first of its container in this bin.
    pub(crate) fn count(&mut self, stated: f64, came_true: bool, first: bool) {
        let bin = &mut self.bins[bin_of(stated)];
        bin.resolved += 1;
        bin.came_true += u64::from(came_true);
        bin.stated += stated;
        bin.containers += u64::from(first);
        self.squares += (stated - f64::from(u8::from(came_true))).powi(2);
    }

    /// The bins, in the order of [`BINS`].
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// How many forecasts were resolved.
    pub fn resolved(&self) -> u64 {
        self.bins.iter().map(|bin| bin.resolved).sum()
    }

    /// How many of them came true.
    pub fn came_true(&self) -> u64 {
        self.bins.iter().map(|bin| bin.came_true).sum()
    }

    /// The mean squared difference of what was stated and what came (Brier score), 0 to 1, less is better. `None` when
    /// nothing was resolved.
    pub fn brier(&self) -> Option<f64> {
        let resolved = self.resolved();
        (resolved > 0).then(|| self.squares / resolved as f64)
    }

    /// The mean distance of stated and observed frequency over the bins, weighted by how many forecasts are in each
    /// (expected calibration error), 0 to 1. `None` when nothing was resolved.
    pub fn calibration_error(&self) -> Option<f64> {
        let resolved = self.resolved();
        let apart: f64 = self
            .bins
            .iter()
            .map(|bin| (bin.came_true as f64 - bin.stated).abs())
            .sum();
        (resolved > 0).then(|| apart / resolved as f64)
    }

    /// The probability that what is stated as `stated` is within ten points of how often such statements come true here.
    ///
    /// Containers are counted half: what one of them does is much like what its siblings do.
    pub fn confidence(&self, stated: f64) -> f64 {
        let bin = self.bins[bin_of(stated)];
        let n = bin.containers as f64 / 2.0;
        let k = n * bin.observed().unwrap_or(0.0);
        let (a, b) = (k + 0.5 + 4.0 * stated, n - k + 0.5 + 4.0 * (1.0 - stated));
        let below = |p: f64| Beta::new(a, b).map_or(f64::NAN, |beta| beta.cdf(p.clamp(0.0, 1.0)));
        let within = below(stated + CLOSE) - below(stated - CLOSE);
        if within.is_finite() {
            within.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// What is wrong with counts that came from outside.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let most = 1u64 << 52;
        let is_sound = |bin: &Bin| {
            bin.resolved <= most
                && bin.came_true <= bin.resolved
                && bin.containers <= bin.resolved
                && (0.0..=bin.resolved as f64).contains(&bin.stated)
        };
        let is_sound = self.bins.iter().all(is_sound) && (0.0..=self.resolved() as f64).contains(&self.squares);
        (!is_sound).then_some("counts that cannot be")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_as_often_as_it_comes_true_has_no_calibration_error() {
        let mut reliability = Reliability::default();
        (0..100).for_each(|index| reliability.count(0.25, index % 4 == 0, true));
        assert!(reliability.calibration_error().is_some_and(|error| error < 1e-12));
        assert!(reliability.brier().is_some_and(|brier| (brier - 0.1875).abs() < 1e-12));
        assert_eq!(reliability.bins()[4].observed(), Some(0.25));
    }

    #[test]
    fn overconfidence_shows_as_calibration_error() {
        let mut reliability = Reliability::default();
        (0..100).for_each(|index| reliability.count(0.85, index % 2 == 0, true));
        assert!(
            reliability
                .calibration_error()
                .is_some_and(|error| (error - 0.35).abs() < 1e-9)
        );
    }

    #[test]
    fn confidence_grows_with_containers_that_bear_it_out_and_falls_with_those_that_do_not() {
        let mut right = Reliability::default();
        let nothing = right.confidence(0.85);
        let mut wrong = right.clone();
        for index in 0..400 {
            right.count(0.85, index % 20 < 17, true);
            wrong.count(0.85, index % 2 == 0, true);
        }
        assert!((0.3..0.6).contains(&nothing), "{nothing}");
        assert!(right.confidence(0.85) > 0.95, "{}", right.confidence(0.85));
        assert!(wrong.confidence(0.85) < 0.01, "{}", wrong.confidence(0.85));
    }

    #[test]
    fn many_forecasts_of_one_container_are_not_many_containers() {
        let mut one = Reliability::default();
        (0..1_000).for_each(|index| one.count(0.85, index % 20 < 17, index == 0));
        assert!(one.confidence(0.85) < 0.6, "{}", one.confidence(0.85));
    }

    #[test]
    fn every_probability_has_its_bin() {
        assert_eq!([0.0, 0.019, 0.02, 0.5, 0.999, 1.0].map(bin_of), [0, 0, 1, 7, 11, 11]);
    }
}
