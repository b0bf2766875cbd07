//! What both forecasters say about leaks, saw-teeth and quiet resources.

use std::time::Duration;

use correlator::{Fill, Forecaster, HORIZONS, Sample, Timestamp};

use crate::forecast::{Curve, Group, NAMES, TimeToLimit, built_in, closed_form, features, shares, straight_line};

const MINUTE: usize = 3;

/// A record of one sample a second, from a use in percent of the limit.
fn record(seconds: u32, used: impl Fn(f64) -> f64) -> Fill {
    let mut fill = Fill::new();
    for second in 0..seconds {
        let used = used(f64::from(second));
        fill.take(&Sample {
            at: Timestamp::from_secs(1_700_000_000 + u64::from(second)),
            used,
            headroom: 100.0 - used,
            limit: 100.0,
            cache: 0.0,
            active_cache: 0.0,
            hits: false,
        });
    }
    fill
}

/// Reaches the limit eleven seconds after the last sample; a little noise, as real memory has.
fn leak() -> Fill {
    record(300, |second| 38.0 + second * 0.2 + (second * 1.7).sin() * 0.2)
}

fn quiet() -> Fill {
    record(300, |second| 40.0 + (second * 1.7).sin() * 0.2)
}

/// Twenty teeth of a minute, to 75 % and back to 30 %; stops high on the last one.
fn saw_tooth() -> Fill {
    record(1_250, |second| 30.0 + 0.75 * (second % 60.0))
}

fn both() -> [Box<dyn Forecaster>; 2] {
    [Box::new(built_in()), closed_form()]
}

#[test]
fn a_leak_near_the_limit_is_foreseen_and_a_quiet_resource_is_not() {
    for forecaster in both() {
        let chance = |fill: &Fill| Curve::of(&*forecaster, fill).probability(HORIZONS[MINUTE]).unwrap();
        assert!(chance(&leak()) > 0.7, "{}", chance(&leak()));
        assert!(chance(&quiet()) < 0.2, "{}", chance(&quiet()));
    }
}

#[test]
fn a_saw_tooth_that_was_survived_is_no_leak() {
    for forecaster in both() {
        let chance = Curve::of(&*forecaster, &saw_tooth())
            .probability(HORIZONS[MINUTE])
            .unwrap();
        assert!(chance < 0.1, "{chance}");
    }
}

#[test]
fn nothing_is_said_with_too_little_history() {
    for forecaster in both() {
        assert_eq!(forecaster.log_odds(&Fill::new(), MINUTE), None);
        assert_eq!(forecaster.log_odds(&record(4, |_| 99.0), MINUTE), None);
        assert_eq!(forecaster.log_odds(&leak(), HORIZONS.len()), None);
    }
}

#[test]
fn the_time_to_the_limit_holds_the_true_one() {
    let (fill, model) = (leak(), built_in());
    let line = straight_line(&fill, MINUTE);
    assert!((line.unwrap().as_secs_f64() - 11.0).abs() < 1.5, "{line:?}");
    let time = TimeToLimit::of(&Curve::of(&model, &fill), line).unwrap();
    let truth = Duration::from_secs(11);
    assert!(time.low <= truth && truth <= time.high, "{time:?}");
    assert!(time.low <= time.likely && time.likely <= time.high);
    assert_eq!(TimeToLimit::of(&Curve::new([None; 13]), line), None);
    assert_eq!(straight_line(&record(300, |second| 90.0 - second / 10.0), MINUTE), None);
}

#[test]
fn the_curve_is_read_between_the_horizons_and_not_beyond_them() {
    let mut points = [None; 13];
    (points[2], points[4]) = (Some(-1.0), Some(1.0));
    let curve = Curve::new(points);
    assert!((curve.probability(HORIZONS[3]).unwrap() - 0.5).abs() < 1e-9);
    assert!((curve.probability(HORIZONS[4]).unwrap() - 0.731).abs() < 1e-3);
    assert_eq!(curve.probability(HORIZONS[1]), None);
    assert_eq!(curve.probability(HORIZONS[5]), None);
    assert_eq!(curve.probability(Duration::ZERO), None);
}

#[test]
fn a_leak_is_explained_by_its_level_and_trend() {
    let shares = shares(&built_in(), &features(&leak(), MINUTE));
    let first: Vec<_> = shares[..2].iter().map(|share| share.group).collect();
    assert!(first.contains(&Group::Trend), "{shares:?}");
    assert!(
        shares[0].log_odds > 0.5 && shares[0].log_odds >= shares[4].log_odds,
        "{shares:?}"
    );
}

#[test]
fn features_that_cannot_be_known_are_missing() {
    let row = features(&record(30, |_| 20.0), 8);
    let missing = |name: &str| {
        NAMES
            .iter()
            .position(|n| *n == name)
            .is_some_and(|index| row[index].is_nan())
    };
    assert!(
        ["mpk", "tsd", "ols_q", "ig_h", "mxI", "fge", "curv"]
            .into_iter()
            .all(missing)
    );
    assert!(!["u", "d", "M", "npk", "lage", "ninc"].into_iter().any(missing));
}
