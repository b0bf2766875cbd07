//! What a record does with usual and unusual samples.

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

const SECOND: u64 = 1_000_000_000;
const BEGIN: u64 = 1_700_000_000 * SECOND;

fn sample(nanos: u64, used: f64) -> Sample {
    Sample {
        at: Timestamp::from_nanos(BEGIN + nanos),
        used,
        headroom: 100.0 - used,
        limit: 100.0,
        cache: 0.0,
        active_cache: 0.0,
        hits: false,
    }
}

/// One sample a second for `seconds`, using what `used` says.
fn every_second(seconds: u64, used: impl Fn(u64) -> f64) -> Fill {
    let mut fill = Fill::new();
    for second in 0..seconds {
        fill.take(&sample(second * SECOND, used(second)));
    }
    fill
}

#[test]
fn a_record_is_smaller_than_4_8_kilobytes() {
    assert!(size_of::<Fill>() <= 4800, "{}", size_of::<Fill>());
}

#[test]
fn buckets_hold_mean_largest_and_smallest_of_their_span() {
    let fill = every_second(121, |second| if second % 2 == 0 { 20.0 } else { 40.0 });
    let window = fill.window(6);
    assert!((window.width() - 7.5).abs() < 1e-9);
    assert_eq!(window.means().len(), 16);
    for index in 0..16 {
        assert!((window.means()[index] - 0.3).abs() < 0.02, "{:?}", window.means());
        assert!((window.maxes()[index] - 0.4).abs() < 1e-6);
        assert!((window.mins()[index] - 0.2).abs() < 1e-6);
    }
    assert_eq!(fill.age(), Duration::from_secs(120));
}

#[test]
fn the_open_bucket_counts_when_it_is_more_than_half_full() {
    assert_eq!(every_second(12, |_| 10.0).window(6).means().len(), 1);
    assert_eq!(every_second(13, |_| 10.0).window(6).means().len(), 2);
}

#[test]
fn a_level_says_when_a_bucket_of_it_closes() {
    let mut fill = every_second(8, |_| 10.0);
    assert_eq!(fill.take(&sample(8 * SECOND, 10.0)).levels & 0b1100_0000, 0b0100_0000);
    assert_eq!(fill.take(&sample(9 * SECOND, 10.0)).levels & 0b1100_0000, 0);
}

#[test]
fn a_gap_is_filled_with_the_value_after_it() {
    let mut fill = every_second(300, |_| 10.0);
    fill.take(&sample(330 * SECOND, 60.0));
    let means = fill.window(5).means().to_vec();
    assert!(means.ends_with(&[f64::from(0.6_f32); 7]), "{means:?}");
    assert!((means[0] - 0.1).abs() < 1e-6);
}

#[test]
fn a_horizon_is_silent_after_a_gap_until_five_buckets_were_measured() {
    let mut fill = every_second(300, |_| 10.0);
    assert!(fill.is_ready(4) && fill.is_ready(5));
    fill.take(&sample(320 * SECOND, 10.0));
    assert!(!fill.is_ready(4), "20 s are more than an eighth of 2 min");
    assert!(fill.is_ready(5), "20 s are less than an eighth of 4 min");
    for second in 321..329 {
        fill.take(&sample(second * SECOND, 10.0));
    }
    assert!(!fill.is_ready(4));
    fill.take(&sample(329 * SECOND, 10.0));
    assert!(fill.is_ready(4));
}

#[test]
fn horizons_that_the_samples_are_too_rare_for_stay_silent() {
    let mut fill = Fill::new();
    for count in 0..400 {
        fill.take(&sample(count * 10 * SECOND, 10.0));
    }
    let ready: Vec<_> = (0..HORIZON_COUNT).filter(|horizon| fill.is_ready(*horizon)).collect();
    assert_eq!(ready, [4, 5, 6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn after_a_silence_longer_than_every_horizon_the_record_begins_anew() {
    let mut fill = every_second(300, |_| 90.0);
    let closed = fill.take(&sample(300 * SECOND + 9 * 3600 * SECOND, 10.0));
    assert_eq!(closed, Closed { levels: 0, reset: true });
    assert_eq!(fill.age(), Duration::ZERO);
    assert!((fill.highest() - 0.1).abs() < 1e-6);
    assert!(fill.window(5).means().is_empty());
}

#[test]
fn a_sample_that_is_not_later_than_the_last_is_refused_and_counted() {
    let mut fill = every_second(100, |_| 10.0);
    for second in [99, 98, 40] {
        assert_eq!(fill.take(&sample(second * SECOND, 90.0)), Closed::default());
    }
    assert_eq!(fill.refused(), 3);
    assert!((fill.now().used - 0.1).abs() < 1e-6);
}

#[test]
fn a_clock_that_was_set_back_loses_nothing() {
    let mut fill = every_second(3600, |_| 10.0);
    for second in 100..200 {
        fill.take(&sample(second * SECOND, 10.0));
    }
    assert_eq!(fill.refused(), 0);
    assert_eq!(fill.age(), Duration::from_secs(3599 + 99));
    assert!(fill.is_ready(5));
}

#[test]
fn a_resize_rescales_the_past_to_the_new_limit() {
    let mut fill = every_second(300, |second| 20.0 + second as f64 / 10.0);
    let resized = Sample {
        headroom: 150.0,
        limit: 200.0,
        ..sample(300 * SECOND, 50.0)
    };
    fill.take(&resized);
    let window = fill.window(5);
    assert!((fill.now().used - 0.25).abs() < 1e-6);
    assert!((fill.highest() - 0.25).abs() < 1e-3);
    assert!((window.means()[15] - 0.25).abs() < 0.01, "{:?}", window.means());
    assert!((window.means()[15] - window.means()[0] - 15.0 * 3.75 / 2000.0).abs() < 0.003);
}

#[test]
fn samples_without_sound_numbers_are_refused_and_counted() {
    let sound = sample(10 * SECOND, 10.0);
    let unsound = [
        Sample {
            used: f64::NAN,
            ..sound
        },
        Sample { used: -1.0, ..sound },
        Sample {
            headroom: f64::INFINITY,
            ..sound
        },
        Sample { limit: 0.0, ..sound },
        Sample {
            cache: f64::NAN,
            ..sound
        },
        Sample {
            used: 0.0,
            headroom: -5.0,
            ..sound
        },
    ];
    let mut fill = every_second(5, |_| 10.0);
    for bad in &unsound {
        assert_eq!(fill.take(bad), Closed::default(), "{bad:?}");
    }
    assert_eq!((fill.refused(), fill.age()), (6, Duration::from_secs(4)));
}

#[test]
fn a_resource_beyond_its_limit_is_full() {
    let mut fill = Fill::new();
    fill.take(&Sample {
        headroom: -20.0,
        ..sample(0, 120.0)
    });
    assert!((fill.now().used - 1.0).abs() < f32::EPSILON);
}

#[test]
fn the_saw_tooth_that_was_survived_is_remembered() {
    let fill = every_second(600, |second| 40.0 + (second % 60) as f64 * 0.7);
    assert_eq!(fill.peaks().count(), 9);
    assert!((fill.peaks().mean().unwrap() - 0.813).abs() < 1e-3);
    assert_eq!(fill.since_peak(), Some(Duration::from_secs(59)));
    let grown = fill.increments(4).largest().unwrap();
    assert!(grown > 0.3, "{grown}");
}

proptest! {
    #[test]
    fn hostile_samples_leave_the_record_finite(
        samples in prop::collection::vec((0_u64..1 << 45, -1e3..1e9_f64, -1e9..1e9_f64, 1e-300..1e300_f64, any::<f64>()), 1..80)
    ) {
        let mut fill = Fill::new();
        for (at, used, headroom, limit, cache) in samples {
            let at = Timestamp::from_nanos(at);
            fill.take(&Sample { at, used, headroom, limit, cache, active_cache: 0.0, hits: used > 0.0 });
            for level in 0..LEVELS {
                let window = fill.window(level);
                let values = window.means().iter().chain(window.maxes()).chain(window.mins());
                prop_assert!(values.copied().all(|value| (0.0..=1e6).contains(&value)));
                let increments = fill.increments(level.min(HORIZON_COUNT - 1));
                prop_assert!(increments.mean().is_none_or(f32::is_finite));
                prop_assert!(increments.share_of_at_least(0.5).is_none_or(|share| (0.0..=1.01).contains(&share)));
            }
            prop_assert!(fill.highest().is_finite() && fill.peaks().deviation().is_none_or(f64::is_finite));
            prop_assert!((0..HORIZON_COUNT).all(|horizon| (0.0..=1.0).contains(&fill.hit_rate(horizon))));
        }
    }
}
