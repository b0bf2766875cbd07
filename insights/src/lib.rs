//! The problems tapio recognises: one file each under `detectors/`, and what they share.
//!
//! Like the engine they run in, detectors are pure functions of what was seen.

mod advice;
mod baseline;
mod capacity;
mod changes;
mod consumers;
mod danger;
mod destination;
mod disruption;
mod dns;
mod ends;
mod eviction;
mod exit_status;
pub mod forecast;
mod growth;
pub mod kubectl;
mod latency;
mod leak;
mod limits;
mod lookups;
mod manual;
mod memory_kills;
mod memory_limit;
mod messages;
mod names;
mod nodes;
mod not_yet;
mod obstacles;
mod partly;
mod peers;
mod phrase;
mod policy;
mod probes;
mod rates;
mod rejected;
mod remedies;
mod risen;
mod rule;
mod standing;
mod suspects;
mod trend;
mod waits_for;
mod workloads;

pub use forecast::{closed_form, forecaster};
pub use kubectl::{Kubectl, quote};
pub use manual::manual;
pub use not_yet::NOT_YET;
pub use phrase::escape;

include!(concat!(env!("OUT_DIR"), "/detectors.rs"));

/// The numbers of detectors that a user may choose, in the order of the detectors' ids.
pub fn tunables() -> Vec<correlator::Tunable> {
    let detectors = all();
    let of_each = detectors.iter().map(|detector| detector.tunables());
    of_each.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_detector_has_the_name_of_its_file() {
        let ids: Vec<&str> = all().iter().map(|detector| detector.id()).collect();
        let files: Vec<&str> = MANUALS.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, files);
    }

    #[test]
    fn tunables_bear_the_id_of_their_detector_a_name_of_their_own_and_a_default_within_their_bounds() {
        let mut names = BTreeSet::new();
        for detector in all() {
            for tunable in detector.tunables() {
                assert_eq!(tunable.detector, detector.id(), "{}", tunable.name);
                assert!(tunable.allows(tunable.default), "{tunable:?}");
                assert!(names.insert((tunable.detector, tunable.name)), "{tunable:?}");
            }
        }
        assert!(names.len() > 20);
    }
}
