//! What it costs to say whose a record is: known cgroups against dashmap and moka alone, unknown ones against the procfs
//! crate, memory, and how short a cgroup may live and still be known.
//!
//! `cargo bench -p pidmap --bench identity [-- hot|cold|memory]`, as root. Prints Markdown tables of medians over interleaved rounds. Machines are
//! noisy: compare within one run only.
#![expect(clippy::print_stdout, reason = "the tables are the result")]
#![expect(clippy::unwrap_used, reason = "a bench may panic")]

mod cold;
mod hot;
mod memory;
mod node;

use std::time::{Duration, Instant};

/// How often each contestant gets its turn.
const ROUNDS: usize = 7;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [first, what] = &words[..]
        && first == memory::CHILD
    {
        return memory::be_child(what);
    }
    let wants = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if wants("hot") {
        hot::compare("500 containers", 500);
        hot::compare("20,000 containers", 20_000);
    }
    if wants("cold") {
        cold::compare();
        cold::count_known();
    }
    if wants("memory") {
        memory::compare();
    }
}

/// Nanoseconds that each of `times` runs of `work` takes, on average.
fn ns_each(times: usize, mut work: impl FnMut(usize)) -> f64 {
    let began = Instant::now();
    for turn in 0..times {
        work(turn);
    }
    ns(began.elapsed()) / times as f64
}

fn ns(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
