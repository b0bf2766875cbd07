//! What watching costs the watched: loads without a tracer, with tapio and with packaged peers, interleaved in one run.
//!
//! `cargo bench -p tapio --bench cost [-- LOAD ...]`, as root. Prints a Markdown table of medians: nanoseconds an operation,
//! what the tracer adds, that in relation to each peer, and the CPU the tracer itself uses. Peers that are not installed are
//! left out and named. Machines are noisy: compare within one run only.
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod load;
mod tracer;

use std::time::Duration;

use load::Load;
use tracer::Tracer;

/// How often each tracer gets its turn.
const ROUNDS: usize = 7;
/// How long a load runs.
const RUN: Duration = Duration::from_millis(1_500);

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: needs root, to trace");
        return;
    }
    for load in load::all() {
        if wanted.is_empty() || wanted.iter().any(|name| name == load.name) {
            compare(&load);
        }
    }
}

/// One measurement: nanoseconds an operation, and the share of one CPU that the tracer used.
struct Sample {
    ns: f64,
    cpu: f64,
}

fn compare(load: &Load) {
    let (tracers, absent) = tracer::of(load.name);
    let mut samples: Vec<Vec<Sample>> = tracers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (tracer, samples) in tracers.iter().zip(&mut samples) {
            samples.extend(measure(load, tracer));
        }
    }
    let ns: Vec<f64> = samples
        .iter()
        .map(|samples| median(samples.iter().map(|s| s.ns)))
        .collect();
    let cpu: Vec<f64> = samples
        .iter()
        .map(|samples| median(samples.iter().map(|s| s.cpu)))
        .collect();
    println!("\n### {}: {}\n", load.name, load.what);
    println!("| tracer | ns an operation | added | added by tapio / by it | its own CPU |\n|---|---|---|---|---|");
    let ours = ns[1] - ns[0];
    for (index, tracer) in tracers.iter().enumerate() {
        if samples[index].is_empty() {
            println!("| {} | does not run here | | | |", tracer.name);
            continue;
        }
        let added = ns[index] - ns[0];
        let ratio = if index < 2 || added <= 0.0 {
            "-".to_owned()
        } else {
            format!("{:.2}", ours / added)
        };
        println!(
            "| {} | {:.0} | {added:.0} | {ratio} | {:.1} % |",
            tracer.name,
            ns[index],
            cpu[index] * 100.0
        );
    }
    for name in absent {
        println!("\n{name} is not installed here.");
    }
}

/// `None` when the tracer does not run here.
fn measure(load: &Load, tracer: &Tracer) -> Option<Sample> {
    let running = tracer.start();
    let before = running.cpu_time();
    let (operations, took) = (load.run)(RUN);
    let cpu = running.cpu_time().saturating_sub(before).as_secs_f64() / took.as_secs_f64();
    let ns = took.as_nanos() as f64 / operations as f64;
    running.stop().then_some(Sample { ns, cpu })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
