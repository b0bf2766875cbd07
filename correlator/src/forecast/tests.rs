//! What is learnt from a population of containers, and what becomes of it between two runs.

use super::calibration::{CountedIn, Resolved};
use super::predictions::Prediction;
use super::*;
use crate::time::Timestamp;

/// Numbers that look random and are the same everywhere (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    /// Uniform, from 0 to below 1.
    fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal, with this mean and deviation.
    fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.roll()).sum();
        mean + deviation * (sum - 6.0)
    }
}

/// One container of a population in which log-odds `x` come true as often as `slope * x + intercept` says.
fn live(calibration: &mut Calibration, dice: &mut Dice, number: u64, slope: f64, intercept: f64) {
    let id = format!("container-{number}");
    let mut counted = CountedIn::default();
    let mut killed = false;
    for (round, horizon) in [3usize, 3, 6, 6, 9, 9].into_iter().enumerate() {
        let log_odds = dice.normal(-1.0, 2.5);
        let came_true = dice.roll() < sigmoid(slope * log_odds + intercept);
        let at = Timestamp::from_secs(1_000 + number * 60 + round as u64);
        let prediction = Prediction {
            at,
            horizon,
            log_odds,
            stated: calibration.probability(horizon, log_odds, 0.05),
            prior: 0.05,
        };
        killed |= came_true;
        let resolved = Resolved::new(&id, prediction, &mut counted);
        calibration.resolve(&resolved, came_true);
        calibration.fit_if_due(at);
    }
    if killed {
        calibration.killed(None, true, Timestamp::from_secs(1_000 + number * 60));
    }
}

/// What was learnt from this many containers.
fn learnt(containers: u64, slope: f64, intercept: f64) -> Calibration {
    let mut calibration = Calibration::default();
    let mut dice = Dice(7);
    (0..containers).for_each(|number| live(&mut calibration, &mut dice, number, slope, intercept));
    calibration
}

/// The calibration error of 20,000 further forecasts of each group if the lines stay as they are.
fn error_from_now_on(calibration: &Calibration, slope: f64, intercept: f64) -> [f64; 3] {
    let mut dice = Dice(99);
    [3, 6, 9].map(|horizon| {
        let mut reliability = Reliability::default();
        for _ in 0..20_000 {
            let log_odds = dice.normal(-1.0, 2.5);
            let stated = calibration.probability(horizon, log_odds, 0.05);
            reliability.count(stated, dice.roll() < sigmoid(slope * log_odds + intercept), true);
        }
        reliability.calibration_error().unwrap()
    })
}

#[test]
fn biased_log_odds_of_a_population_get_calibrated() {
    for (slope, intercept) in [(1.0, 0.0), (1.1, -0.6), (0.8, -4.0)] {
        let before = error_from_now_on(&Calibration::default(), slope, intercept);
        let after = error_from_now_on(&learnt(1_500, slope, intercept), slope, intercept);
        assert!(
            before.iter().all(|error| *error > 0.05),
            "{slope} {intercept}: {before:?}"
        );
        assert!(
            after.iter().all(|error| *error < 0.02),
            "{slope} {intercept}: {after:?}"
        );
    }
}

#[test]
fn the_lines_approach_those_of_the_population() {
    let lines = *learnt(2_000, 1.1, -0.6).lines();
    for group in 0..3 {
        assert!((lines.slope[group] - 1.1).abs() < 0.1, "{lines:?}");
        assert!((lines.intercept[group] + 0.6).abs() < 0.15, "{lines:?}");
    }
}

#[test]
fn a_cold_start_says_so_until_enough_kills_were_seen() {
    let mut calibration = Calibration::default();
    assert!(calibration.is_cold());
    (0..3).for_each(|second| calibration.killed(None, true, Timestamp::from_secs(second)));
    calibration.killed(None, false, Timestamp::from_secs(9));
    let says = calibration.confidence(4, 0.8).says;
    assert_eq!(says, "low: not calibrated here yet (3 of 20 kills seen), from lab data");
    (3..20).for_each(|second| calibration.killed(None, true, Timestamp::from_secs(second)));
    assert!(!calibration.is_cold());
    assert_eq!(
        calibration.confidence(4, 0.8).says,
        "low: none like it was stated here before"
    );
}

#[test]
fn what_came_true_as_often_as_stated_is_trusted_and_the_record_is_cited() {
    let calibration = learnt(2_000, 1.0, -1.0);
    let confidence = calibration.confidence(3, 0.15);
    assert!(confidence.value > 0.9, "{confidence:?}");
    assert!(confidence.says.starts_with("high: of "), "{confidence:?}");
    assert!(confidence.says.ends_with(" % came true"), "{confidence:?}");
}

#[test]
fn what_was_learnt_outlives_the_process() {
    let learnt = learnt(500, 1.0, -1.0);
    let text = learnt.to_json("trees-1");
    let back = Calibration::from_json(&text, "trees-1").unwrap();
    assert_eq!(back, learnt);
    assert_eq!(back.to_json("trees-1"), text);
    let cold = Calibration::default();
    assert_eq!(Calibration::from_json(&cold.to_json("m"), "m").unwrap(), cold);
}

#[test]
fn the_text_stays_below_two_megabytes_however_much_was_learnt() {
    let mut calibration = learnt(2_000, 1.0, 0.0);
    for number in 0..5_000u64 {
        let workload = format!("{number:04}{}", "w".repeat(200));
        calibration.killed(Some(&workload), true, Timestamp::from_secs(number));
    }
    let text = calibration.to_json("trees-1");
    assert!(text.len() < 2_000_000, "{}", text.len());
    assert_eq!(Calibration::from_json(&text, "trees-1").unwrap(), calibration);
}

#[test]
fn a_foreign_or_damaged_text_is_refused_with_what_to_do() {
    let good = learnt(50, 1.0, 0.0).to_json("trees-1");
    let says = |text: &str| Calibration::from_json(text, "trees-1").unwrap_err().to_string();
    for foreign in [
        "",
        "hello",
        "[]",
        "{}",
        "null",
        r#"{"format":"other","version":1}"#,
        "\u{0}",
    ] {
        assert!(
            says(foreign).starts_with("this is no calibration; name another file"),
            "{foreign:?}"
        );
    }
    let cut = says(&good[..good.len() / 2]);
    assert!(
        cut.contains("damaged") && cut.contains("move it away to begin anew"),
        "{cut}"
    );
    let newer = says(&good.replacen("\"version\":1", "\"version\":7", 1));
    assert!(
        newer.contains("of version 7 and this tapio writes version 1"),
        "{newer}"
    );
    let other = Calibration::from_json(&good, "trees-2").unwrap_err().to_string();
    assert!(other.contains(r#"learnt with the model "trees-1""#), "{other}");
    let extra = says(&good.replacen("\"kills\"", "\"more\":1,\"kills\"", 1));
    assert!(extra.contains("unknown field `more`"), "{extra}");
}

#[test]
fn numbers_that_tapio_never_writes_are_refused() {
    let mut value: serde_json::Value = serde_json::from_str(&learnt(50, 1.0, 0.0).to_json("m")).unwrap();
    let mut refused = |pointer: &str, number: serde_json::Value| {
        let sound = std::mem::replace(value.pointer_mut(pointer).unwrap(), number);
        let error = Calibration::from_json(&value.to_string(), "m").unwrap_err();
        *value.pointer_mut(pointer).unwrap() = sound;
        let says = error.to_string();
        assert!(says.contains("move it away to begin anew"), "{pointer}: {says}");
    };
    refused("/lines/slope/0", 1e9.into());
    refused("/lines/workload", serde_json::Value::Null);
    refused("/kills", u64::MAX.into());
    refused("/groups/0/reliability/bins/3/came_true", u64::MAX.into());
    refused("/groups/0/reliability/bins/3/stated", (-1.0).into());
    refused("/groups/1/reservoir/thinned/0", 200.into());
    refused("/groups/1/reservoir/kept/0/1", 1e30.into());
    refused("/groups/1/reservoir/kept/0/2", 1.0.into());
    refused("/groups/2/censored/0", u64::MAX.into());
    assert!(Calibration::from_json(&value.to_string(), "m").is_ok());
}

#[test]
fn the_horizons_reach_from_seconds_to_a_working_day() {
    assert_eq!(HORIZONS[2], Duration::from_secs(30));
    assert_eq!(HORIZONS[12], Duration::from_secs(30_720));
}
