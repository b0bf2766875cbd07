//! Features of real memory records against an independent implementation of the same formulas.
//!
//! `NAME.csv` is a shortened recording of a real process in a memory cgroup; `NAME.features.csv` holds what a separate program, a
//! port of the formulas to another language in double precision, made of it at some samples and horizons.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use correlator::{Fill, Sample, Timestamp};
use insights::forecast::{FEATURES, Model, NAMES, built_in, features};

/// No probability may differ by more: a feature that lies within rounding of a threshold takes the other branch of one tree.
const TOLERANCE: f64 = 2e-3;

const RECORDS: [(&str, &str, &str); 3] = [
    (
        "jvm_leak",
        include_str!("jvm_leak_000.csv"),
        include_str!("jvm_leak_000.features.csv"),
    ),
    (
        "pagecache_leak",
        include_str!("pagecache_leak_000.csv"),
        include_str!("pagecache_leak_000.features.csv"),
    ),
    (
        "recycle",
        include_str!("recycle_000.csv"),
        include_str!("recycle_000.features.csv"),
    ),
];

/// What the other program made of a record after the sample with this number.
struct Reference {
    sample: usize,
    horizon: usize,
    features: [f32; FEATURES],
}

#[test]
fn features_of_real_records_agree_with_an_independent_implementation() {
    for (name, samples, references) in RECORDS {
        let checked = each_point(samples, references, |reference, ours| {
            for ((feature, theirs), ours) in NAMES.iter().zip(reference.features).zip(ours) {
                let agree = (theirs.is_nan() && ours.is_nan()) || (theirs - ours).abs() <= 2e-4 * (1.0 + theirs.abs());
                let place = (name, reference.sample, reference.horizon);
                assert!(agree, "{feature} of {place:?}: {ours} is not {theirs}");
            }
        });
        assert!(checked > 10, "{name}: {checked} points");
    }
}

#[test]
fn the_forecast_from_either_features_is_the_same() {
    let model = built_in();
    let mut worst = 0.0_f64;
    for (_, samples, references) in RECORDS {
        each_point(samples, references, |reference, ours| {
            let apart = chance(&model, &reference.features) - chance(&model, ours);
            worst = worst.max(apart.abs());
        });
    }
    assert!(worst <= TOLERANCE, "{worst}");
}

fn chance(model: &Model, features: &[f32; FEATURES]) -> f64 {
    1.0 / (1.0 + (-model.score(features)).exp())
}

/// Shows `look` each reference beside the features that the product has at that moment; says how many there were.
fn each_point(samples: &str, references: &str, mut look: impl FnMut(&Reference, &[f32; FEATURES])) -> usize {
    let header = references.lines().next().unwrap_or_default();
    assert_eq!(header.split(',').skip(2).collect::<Vec<_>>(), NAMES);
    let references: Vec<Reference> = references.lines().skip(1).map(reference).collect();
    let mut fill = Fill::new();
    for (index, line) in samples.lines().skip(1).enumerate() {
        fill.take(&sample(line));
        for reference in references.iter().filter(|reference| reference.sample == index) {
            look(reference, &features(&fill, reference.horizon));
        }
    }
    references.len()
}

/// `milliseconds,used_kib,cache_kib,active_cache_kib,hits,limit_kib`
fn sample(line: &str) -> Sample {
    let cells: Vec<u32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
    let [used, cache, active_cache, limit] = [1, 2, 3, 5].map(|column| f64::from(cells[column]) * 1024.0);
    Sample {
        at: Timestamp::from_nanos(1_700_000_000_000_000_000 + u64::from(cells[0]) * 1_000_000),
        used,
        headroom: limit - used,
        limit,
        cache,
        active_cache,
        hits: cells[4] > 0,
    }
}

/// `sample,horizon` and the features; an empty cell is a missing one.
fn reference(line: &str) -> Reference {
    let cells: Vec<&str> = line.split(',').collect();
    let feature = |index: usize| match cells[index + 2] {
        "" => f32::NAN,
        cell => cell.parse().unwrap(),
    };
    Reference {
        sample: cells[0].parse().unwrap(),
        horizon: cells[1].parse().unwrap(),
        features: std::array::from_fn(feature),
    }
}
