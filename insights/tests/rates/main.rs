//! Whether the watch of a rate keeps the false alarms that it promises, and finds what rises.

#[expect(dead_code, reason = "the example prints the table of all rules")]
mod rules;
mod simulated;

use rules::{RULES, Score, score};
use simulated::{Noise, pods};

/// The score of a rule by its name, on every pod of the grid.
fn of(name: &str, noise: Noise, days: u64, incidents: u64) -> Score {
    let (_, make) = RULES.iter().find(|(rule, _)| *rule == name).expect("a rule");
    score(*make, &pods(noise), days, incidents)
}

#[test]
fn independent_failures_raise_no_more_false_alarms_than_promised_and_rises_are_found() {
    let score = of("tapio", Noise::Independent, 3, 20);
    assert!(score.false_alarms <= correlator::rate::FALSE_ALARMS_A_DAY, "{score:?}");
    assert!(score.found >= 0.95 && score.delay <= 60.0, "{score:?}");
}

#[test]
fn failures_that_come_in_bursts_raise_few_false_alarms_and_far_fewer_than_other_rules() {
    let bursts = Noise::Wandering(0.3);
    let tapio = of("tapio", bursts, 5, 20);
    assert!(tapio.false_alarms <= 0.1 && tapio.most <= 0.4, "{tapio:?}");
    assert!(tapio.found >= 0.95 && tapio.delay <= 90.0, "{tapio:?}");
    for other in ["more than 5 % in a minute", "EWMA, three sigmas"] {
        let other = of(other, bursts, 1, 1);
        assert!(other.false_alarms >= 10.0 * tapio.false_alarms, "{other:?} {tapio:?}");
    }
}
