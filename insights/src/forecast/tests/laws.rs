//! Laws that hold for every record: more time, more room, other units, hostile samples.

use correlator::{Fill, Forecaster, HORIZONS, Sample, Timestamp};
use proptest::prelude::*;

use crate::forecast::{Curve, Model, TimeToLimit, built_in, closed_form, features, straight_line};

thread_local! {
    static MODEL: Model = built_in();
}

/// Used of 1000 at one sample a step; what is cached beside it.
fn walk() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let step = (-20.0..22.0_f64, 0.0..100.0_f64);
    (0.0..900.0_f64, prop::collection::vec(step, 20..400)).prop_map(|(start, steps)| {
        let mut used = start;
        let mut samples = Vec::new();
        for (by, cache) in steps {
            used = (used + by).clamp(0.0, 999.0);
            samples.push((used, cache));
        }
        samples
    })
}

/// The record of a walk towards `limit`, a sample every `step` nanoseconds, in units of `unit`.
fn record(walk: &[(f64, f64)], step: u64, limit: f64, unit: f64) -> Fill {
    let mut fill = Fill::new();
    for (index, (used, cache)) in walk.iter().enumerate() {
        fill.take(&Sample {
            at: Timestamp::from_nanos(1_700_000_000_000_000_000 + index as u64 * step),
            used: used * unit,
            headroom: (limit - used) * unit,
            limit: limit * unit,
            cache: cache * unit,
            active_cache: cache * unit / 2.0,
            hits: index % 7 == 0,
        });
    }
    fill
}

const SECOND: u64 = 1_000_000_000;

fn sample() -> impl Strategy<Value = Sample> {
    let number = || prop_oneof![any::<f64>(), 0.0..1e9_f64, -1.0..1.0_f64];
    let at = prop_oneof![any::<u64>(), 0..4000_u64.pow(3)];
    (at, number(), number(), number(), number(), any::<bool>()).prop_map(|(at, used, headroom, limit, cache, hits)| {
        Sample {
            at: Timestamp::from_nanos(at),
            used,
            headroom,
            limit,
            cache,
            active_cache: cache / 3.0,
            hits,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn more_time_is_never_less_likely(walk in walk(), horizon in 8.0..30_000.0_f64, more in 1.0..8.0_f64) {
        let fill = record(&walk, SECOND, 1000.0, 1.0);
        MODEL.with(|model| {
            let curve = Curve::of(model, &fill);
            let chance = |seconds| curve.probability(std::time::Duration::from_secs_f64(seconds));
            if let (Some(soon), Some(late)) = (chance(horizon), chance(horizon * more)) {
                prop_assert!(late >= soon - 1e-12, "{soon} then {late}");
            }
            let chances: Vec<f64> = curve.probabilities().map(|(_, chance)| chance).collect();
            prop_assert!(chances.is_sorted());
            Ok(())
        })?;
    }

    #[test]
    fn the_unit_does_not_matter(walk in walk(), power in -30..60_i32, horizon in 0..HORIZONS.len()) {
        let unit = 2.0_f64.powi(power);
        let (plain, scaled) = (record(&walk, SECOND, 1000.0, 1.0), record(&walk, SECOND, 1000.0, unit));
        prop_assert_eq!(features(&plain, horizon).map(f32::to_bits), features(&scaled, horizon).map(f32::to_bits));
    }

    #[test]
    fn twice_the_time_is_the_next_horizon(walk in walk(), horizon in 0..HORIZONS.len() - 1, doublings in 1..4_u32) {
        let later = (horizon + doublings as usize).min(HORIZONS.len() - 1);
        let stretched = SECOND << (later - horizon);
        let (fast, slow) = (record(&walk, SECOND, 1000.0, 1.0), record(&walk, stretched, 1000.0, 1.0));
        MODEL.with(|model| {
            match (model.log_odds(&fast, horizon), model.log_odds(&slow, later)) {
                (Some(fast), Some(slow)) => prop_assert!((fast - slow).abs() < 1e-3, "{fast} and {slow}"),
                (fast, slow) => prop_assert_eq!(fast, slow),
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_closed_form_never_fears_more_room(walk in walk(), room in 0.0..500.0_f64, horizon in 0..HORIZONS.len()) {
        // Without falls there are no peaks to survive, which count from a fraction of the limit.
        let mut highest = 0.0_f64;
        let climb: Vec<_> = walk.iter().map(|(used, cache)| { highest = highest.max(*used); (highest, *cache) }).collect();
        let (tight, roomy) = (record(&climb, SECOND, 1000.0, 1.0), record(&climb, SECOND, 1000.0 + room, 1.0));
        let closed = closed_form();
        if let (Some(near), Some(far)) = (closed.log_odds(&tight, horizon), closed.log_odds(&roomy, horizon)) {
            prop_assert!(far <= near + 1e-3, "{near} then {far}");
        }
    }

    #[test]
    fn hostile_samples_give_numbers_or_silence(samples in prop::collection::vec(sample(), 1..60), horizon in 0..HORIZONS.len()) {
        let mut fill = Fill::new();
        for sample in &samples {
            fill.take(sample);
        }
        let closed = closed_form();
        MODEL.with(|model| {
            for forecaster in [model as &dyn Forecaster, &*closed] {
                let curve = Curve::of(forecaster, &fill);
                prop_assert!(curve.log_odds().iter().flatten().all(|point| point.is_finite()));
                if let Some(time) = TimeToLimit::of(&curve, straight_line(&fill, horizon)) {
                    prop_assert!(time.low <= time.likely && time.likely <= time.high);
                }
            }
            Ok(())
        })?;
    }
}
