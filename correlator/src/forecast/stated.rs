//! From which stated probability on a forecast is said, and how badly.

use crate::insight::Severity;
use crate::tunable::{Thresholds, Tunable};

/// How bad a forecast may be, the least first.
pub(super) const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];
/// The numbers of the detector that tells of memory limits, and of the one that tells of all others.
pub const OF_MEMORY: [Tunable; SEVERITIES.len()] = of("oom-trend");
/// The same of all other resources.
pub const OF_OTHERS: [Tunable; SEVERITIES.len()] = of("limit-trend");

/// From which probability on each severity is stated.
pub(super) type Levels = [f64; SEVERITIES.len()];

/// What was chosen for every resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stated {
    memory: Levels,
    others: Levels,
}

impl Stated {
    pub(crate) fn new(thresholds: &Thresholds) -> Self {
        let levels = |tunables: &[Tunable; SEVERITIES.len()]| tunables.map(|tunable| thresholds.value(&tunable));
        Self {
            memory: levels(&OF_MEMORY),
            others: levels(&OF_OTHERS),
        }
    }

    pub(super) fn of(&self, ends_in_oom: bool) -> &Levels {
        if ends_in_oom { &self.memory } else { &self.others }
    }
}

impl Default for Stated {
    fn default() -> Self {
        Self::new(&Thresholds::default())
    }
}

/// Probabilities are calibrated before they are compared, so any that is chosen means what it says.
const fn of(detector: &'static str) -> [Tunable; SEVERITIES.len()] {
    const fn number(detector: &'static str, name: &'static str, default: f64, meaning: &'static str) -> Tunable {
        Tunable {
            detector,
            name,
            default,
            bounds: [0.05, 1.0],
            meaning,
        }
    }
    [
        number(
            detector,
            "infoRatio",
            0.3,
            "stated probability of meeting the limit from which on it is said",
        ),
        number(
            detector,
            "warningRatio",
            0.5,
            "stated probability of meeting the limit from which on it is a warning",
        ),
        number(
            detector,
            "criticalRatio",
            0.8,
            "stated probability of meeting the limit soon from which on it is critical",
        ),
    ]
}
