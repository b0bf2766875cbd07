//! A rate that is more than what is usual: what a watch of it says, in words.

use correlator::rate::FALSE_ALARMS_A_DAY;
use correlator::{Rate, RateKind, Severity, Tunable, Window};

use crate::phrase::{duration, percent};

/// Times what is usual from where on a rise may be critical.
const GRAVE: f64 = 5.0;
/// Fewer trials than this say nothing of what is usual.
const LEAST_LEARNED: f64 = 100.0;

/// How often a detector that goes by a rate may be wrong.
pub(crate) const fn false_alarms(detector: &'static str) -> Tunable {
    Tunable {
        detector,
        name: "falseAlarmsPerDay",
        default: FALSE_ALARMS_A_DAY,
        bounds: [0.001, 100.0],
        meaning: "false alarms of one rate of a container that are put up with; with fewer a rise is told later",
    }
}

/// Whether a rate has risen, or is above the bound for what nothing is known of; `lately` is the share of the last minute.
pub(crate) fn is_too_much(
    window: &Window<'_>,
    false_alarms: &Tunable,
    rate: &Rate,
    kind: RateKind,
    lately: f64,
) -> bool {
    let is_above = |most: f64| rate.is_cold && lately >= most;
    rate.is_risen(window.tuned(false_alarms)) || kind.cold().is_some_and(is_above)
}

/// Critical from a share of the last minute on, when that is many times what is usual; else a warning.
pub(crate) fn severity(rate: &Rate, lately: f64, critical: f64) -> Severity {
    let is_grave = rate.learned < LEAST_LEARNED || lately >= GRAVE * rate.before;
    if lately >= critical && is_grave {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

/// `12 % of the answers since then, 0.2 % before: 61 times as many; learned from 14200 answers in 3h05m`.
pub(crate) fn says(rate: &Rate, trials: &str) -> String {
    let watched = duration(rate.watched);
    if rate.learned < LEAST_LEARNED {
        return format!(
            "what is usual is not known: the {trials} have been watched for {watched}, and were never better"
        );
    }
    format!(
        "{} of the {trials} since then, {} before: {:.0} times as many; learned from {:.0} {trials} in {watched}",
        percent(rate.now),
        percent(rate.before),
        rate.now / rate.before,
        rate.learned
    )
}
