//! What a forecast costs: a sample, a curve over thirteen horizons, and the state of one container, beside Theil-Sen and
//! Mann-Kendall on the same windows and on the raw samples of the last five minutes.
//!
//! `cargo bench -p insights --bench forecast`. Prints a Markdown table of medians over interleaved rounds; the ratio is to the
//! curve of the table of trees within the same round. Machines are noisy: compare within one run only.
#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::hint::black_box;
use std::time::Instant;

use correlator::fill::SPAN_LEVEL;
use correlator::{Fill, HORIZONS, Sample, Timestamp};
use insights::forecast::{ClosedForm, Curve, built_in};

/// How often each contestant gets its turn.
const ROUNDS: usize = 201;
/// Ten hours at one sample a second: every level is full.
const SAMPLES: usize = 36_000;
/// A turn is short, so that on a busy machine most turns run undisturbed.
const CURVES: usize = 4;
const TAKEN: usize = 500;
/// Raw samples that a five-minute window holds.
const RAW: usize = 300;

fn main() {
    let samples: Vec<Sample> = (0..SAMPLES).map(sample).collect();
    let (past, next) = samples.split_at(SAMPLES - TAKEN);
    let (before, fill) = (record(past), record(&samples));
    let model = built_in();
    let raw: Vec<f64> = samples[SAMPLES - RAW..].iter().map(|sample| sample.used).collect();
    let contestants: [(&str, &dyn Fn() -> f64); 5] = [
        ("a sample into the record", &|| take_all(&before, next)),
        ("a curve, table of trees", &|| {
            curves(&fill, |fill| Curve::of(&model, fill))
        }),
        ("a curve, closed form", &|| {
            curves(&fill, |fill| Curve::of(&ClosedForm, fill))
        }),
        ("Theil-Sen and Mann-Kendall, same windows", &|| {
            each(CURVES, || trends(&fill))
        }),
        ("Theil-Sen and Mann-Kendall, 300 raw samples", &|| {
            each(1, || trend(&raw))
        }),
    ];
    let mut rounds: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        for (times, (_, run)) in rounds.iter_mut().zip(&contestants) {
            times.push(run());
        }
    }
    report(&contestants.map(|(name, _)| name), &rounds);
    let (trees, nodes) = model.size();
    println!("\nState of one container: {} bytes.", size_of::<Fill>());
    println!("Shared by all: {trees} trees of {nodes} nodes.");
}

fn report(names: &[&str], rounds: &[Vec<f64>]) {
    println!("| what | median | of a curve |\n|---|---|---|");
    for (name, times) in names.iter().zip(rounds) {
        let ratios = times.iter().zip(&rounds[1]).map(|(time, curve)| time / curve).collect();
        println!(
            "| {name} | {:.3} us | {:.3} |",
            median(times.clone()) / 1e3,
            median(ratios)
        );
    }
}

/// A leak with a saw-tooth and noise, so that trees walk deep and no window is flat.
fn sample(index: usize) -> Sample {
    let t = index as f64;
    let used = 30.0 + t / 720.0 + (t % 300.0) / 30.0 + (t * 1.7).sin();
    Sample {
        at: Timestamp::from_secs(1_700_000_000 + index as u64),
        used,
        headroom: 100.0 - used,
        limit: 100.0,
        cache: 5.0,
        active_cache: 1.0,
        hits: false,
    }
}

fn record(samples: &[Sample]) -> Fill {
    let mut fill = Fill::new();
    for sample in samples {
        black_box(fill.take(sample));
    }
    fill
}

fn take_all(before: &Fill, samples: &[Sample]) -> f64 {
    let mut fill = before.clone();
    let began = Instant::now();
    for sample in samples {
        black_box(fill.take(sample));
    }
    began.elapsed().as_secs_f64() * 1e9 / samples.len() as f64
}

fn curves(fill: &Fill, curve: impl Fn(&Fill) -> Curve) -> f64 {
    each(CURVES, || {
        let answered = curve(black_box(fill)).probabilities().count();
        answered as f64
    })
}

/// Nanoseconds that each of `times` runs of `work` takes, on average.
fn each(times: usize, work: impl Fn() -> f64) -> f64 {
    let began = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    began.elapsed().as_secs_f64() * 1e9 / times as f64
}

fn trends(fill: &Fill) -> f64 {
    let of = |horizon: usize| trend(black_box(fill).window(horizon + SPAN_LEVEL).means());
    (0..HORIZONS.len()).map(of).sum()
}

/// The median slope of all pairs, and the score of "later is larger", in one number.
fn trend(values: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    let mut rises = 0_i32;
    for (early, first) in values.iter().enumerate() {
        for (late, second) in values.iter().enumerate().skip(early + 1) {
            slopes.push((second - first) / (late - early) as f64);
            rises += i32::from(second > first) - i32::from(second < first);
        }
    }
    let middle = slopes.len() / 2;
    *slopes.select_nth_unstable_by(middle, f64::total_cmp).1 + f64::from(rises)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
