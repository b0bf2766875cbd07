//! Numbers of detectors that a user may choose, and what was chosen.

use std::collections::BTreeMap;

/// A number that a detector judges by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tunable {
    /// The detector's id.
    pub detector: &'static str,
    /// Its name: camel case, with the unit at the end (`Ratio` from 0 to 1, `Seconds`) unless it is a count.
    pub name: &'static str,
    /// What is judged by unless something else was chosen.
    pub default: f64,
    /// The least and the most that may be chosen.
    pub bounds: [f64; 2],
    /// What it means, as the rest of a sentence: "tasks have to wait for this part of the time".
    pub meaning: &'static str,
}

impl Tunable {
    /// Whether this may be chosen.
    pub fn allows(&self, value: f64) -> bool {
        (self.bounds[0]..=self.bounds[1]).contains(&value)
    }
}

/// What was chosen; everything else is as the detectors have it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds(BTreeMap<(&'static str, &'static str), f64>);

impl Thresholds {
    /// Chooses a value. Returns whether it is within the bounds; one that is not is not chosen.
    #[must_use]
    pub fn choose(&mut self, tunable: &Tunable, value: f64) -> bool {
        let is_allowed = tunable.allows(value);
        if is_allowed {
            self.0.insert((tunable.detector, tunable.name), value);
        }
        is_allowed
    }

    /// The value to judge by.
    pub fn value(&self, tunable: &Tunable) -> f64 {
        let chosen = self.0.get(&(tunable.detector, tunable.name));
        chosen.copied().unwrap_or(tunable.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: Tunable = Tunable {
        detector: "test",
        name: "shareRatio",
        default: 0.5,
        bounds: [0.1, 1.0],
        meaning: "a part of the whole",
    };

    #[test]
    fn what_was_not_chosen_or_lies_beyond_the_bounds_is_the_default() {
        let mut thresholds = Thresholds::default();
        assert_eq!(thresholds.value(&SHARE).to_bits(), 0.5_f64.to_bits());
        for bad in [0.0, 1.01, f64::NAN, f64::INFINITY] {
            assert!(!thresholds.choose(&SHARE, bad), "{bad}");
        }
        assert_eq!(thresholds, Thresholds::default());
        assert!(thresholds.choose(&SHARE, 0.1));
        assert_eq!(thresholds.value(&SHARE).to_bits(), 0.1_f64.to_bits());
    }
}
