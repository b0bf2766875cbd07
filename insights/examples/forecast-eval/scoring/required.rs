//! What the forecast must reach on traces of the kind that it was designed with, each with its verdict.

use std::collections::BTreeMap;

use super::alerts::Worth;
use super::families::Family;
use super::figures::Figures;

/// The least average precision at a horizon in seconds.
const AVERAGE_PRECISION: [(f64, f64); 3] = [(7.5, 0.73), (15.0, 0.74), (30.0, 0.70)];
/// The largest calibration error after recalibration.
const CALIBRATION_ERROR: f64 = 0.03;
/// With fewer kills than this the calibration error is chance: it is not judged.
const KILLS: usize = 20;
/// Programs that fill their memory with what the kernel can give back, or live close to their limit: never alarmed.
const QUIET: [&str; 4] = ["pagecache", "dirty_write", "mmap_file", "near_limit"];
/// Page cache that the kernel cannot give back: each kill is announced.
const TMPFS: &str = "tmpfs_grow";
/// Of this many traces without a kill ..
const SURVIVORS: usize = 92;
/// .. at most so many may be alarmed at a threshold; scaled to how many there are.
const ALARMED: [(f64, usize); 2] = [(0.5, 20), (0.7, 12)];

/// A requirement and whether it is met.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// What is required, with what was found.
    pub(crate) text: String,
    /// Whether it is met.
    pub(crate) passed: bool,
}

impl Check {
    fn new(passed: bool, text: String) -> Self {
        Self { text, passed }
    }
}

/// The requirements on the figures at one horizon, found on traces with this many kills.
pub(crate) fn of_figures(horizon: f64, figures: &Figures, kills: usize) -> Vec<Check> {
    let mut checks = Vec::new();
    let wanted = AVERAGE_PRECISION
        .iter()
        .find(|(seconds, _)| (seconds - horizon).abs() < 1e-6);
    if let (Some((_, least)), Some(reached)) = (wanted, figures.average_precision) {
        let text = format!("average precision at {horizon} s: {reached:.3}, at least {least:.2}");
        checks.push(Check::new(reached >= *least, text));
    }
    if kills >= KILLS {
        let error = figures.calibrated.calibration_error;
        let text =
            format!("calibration error after recalibration at {horizon} s: {error:.3}, at most {CALIBRATION_ERROR}");
        checks.push(Check::new(error <= CALIBRATION_ERROR, text));
    }
    checks
}

/// The requirements on the families that are there, alarmed at p > 0.5.
pub(crate) fn of_families(families: &BTreeMap<String, Family>) -> Vec<Check> {
    let quiet = QUIET.iter().filter_map(|name| Some((name, families.get(*name)?)));
    let mut checks: Vec<Check> = quiet
        .map(|(name, family)| {
            let alarmed = family.alarmed();
            Check::new(
                alarmed == 0,
                format!(
                    "{name}: {alarmed} of {} traces alarmed at p > 0.5, none allowed",
                    family.worth.survivors
                ),
            )
        })
        .collect();
    if let Some(Worth { kills, leads, .. }) = families.get(TMPFS).map(|family| &family.worth) {
        let text = format!(
            "{TMPFS}: {} of {kills} kills detected at p > 0.5, all required",
            leads.len()
        );
        checks.push(Check::new(leads.len() == *kills, text));
    }
    checks
}

/// The requirements on false alarms; asks what the alerts at a threshold are worth.
pub(crate) fn of_alarms(worth: impl Fn(f64) -> Worth) -> Vec<Check> {
    let check = |(threshold, most): (f64, usize)| {
        let worth = worth(threshold);
        let allowed = most * worth.survivors / SURVIVORS;
        let text = format!(
            "traces without a kill alarmed at p > {threshold}: {} of {}, at most {allowed}",
            worth.alarmed, worth.survivors
        );
        Check::new(worth.alarmed <= allowed, text)
    };
    ALARMED.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::figures::Quality;
    use super::*;

    fn family(survivors: usize, alarmed: usize, kills: usize, detected: usize) -> Family {
        let worth = Worth {
            survivors,
            alarmed,
            false_episodes: alarmed,
            kills,
            leads: vec![3.0; detected],
        };
        Family {
            worth,
            ..Family::default()
        }
    }

    fn figures(average_precision: f64, calibration_error: f64) -> Figures {
        let quality = Quality {
            brier: 0.1,
            skill: None,
            log_loss: 0.3,
            calibration_error,
        };
        Figures {
            auc: None,
            average_precision: Some(average_precision),
            stated: quality,
            precision: None,
            recall: None,
            calibrated: quality,
        }
    }

    fn verdicts(checks: &[Check]) -> Vec<bool> {
        checks.iter().map(|check| check.passed).collect()
    }

    #[test]
    fn one_alarm_on_page_cache_fails_and_one_on_bursts_does_not() {
        let of = |name: &str, alarmed| of_families(&BTreeMap::from([(name.to_owned(), family(6, alarmed, 0, 0))]));
        assert_eq!(verdicts(&of("pagecache", 1)), [false]);
        assert_eq!(verdicts(&of("pagecache", 0)), [true]);
        assert!(of("burst_stable", 1).is_empty());
    }

    #[test]
    fn each_tmpfs_kill_must_be_announced() {
        let of = |detected| of_families(&BTreeMap::from([(TMPFS.to_owned(), family(0, 0, 6, detected))]));
        assert_eq!(verdicts(&of(6)), [true]);
        assert_eq!(verdicts(&of(5)), [false]);
    }

    #[test]
    fn the_alarms_allowed_go_with_the_number_of_traces() {
        let of = |survivors, alarmed| verdicts(&of_alarms(|_| family(survivors, alarmed, 0, 0).worth));
        assert_eq!(of(92, 12), [true, true]);
        assert_eq!(of(92, 20), [true, false]);
        assert_eq!(of(46, 11), [false, false]);
    }

    #[test]
    fn each_horizon_has_its_average_precision_and_few_kills_no_calibration() {
        let of = |horizon, ap, error, kills| verdicts(&of_figures(horizon, &figures(ap, error), kills));
        assert_eq!(of(15.0, 0.74, 0.03, 70), [true, true]);
        assert_eq!(of(15.0, 0.73, 0.04, 70), [false, false]);
        assert_eq!(of(7.5, 0.73, 0.04, 19), [true]);
        assert_eq!(of(60.0, 0.10, 0.01, 70), [true]);
    }
}
