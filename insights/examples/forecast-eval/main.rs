//! Scores the forecast of memory kills on a directory of recorded traces, next to the rules of today:
//! `cargo run --release --example forecast-eval -- DIR`.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

mod args;
mod plots;
mod report;
mod scoring;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::scoring::answers::{Answers, ask};
use crate::scoring::estimator::{self, Estimator};
use crate::scoring::families::families;
use crate::scoring::figures::{figures, worth};
use crate::scoring::read;
use crate::scoring::required::{self, Check};
use crate::scoring::times::Times;
use crate::scoring::trace::Trace;

/// The stated probability that opens the alerts of the table of families.
const ALERT: f64 = 0.5;

fn main() -> ExitCode {
    let args = Args::parse();
    match evaluate(&args) {
        Ok(checks) if args.check && checks.iter().any(|check| !check.passed) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

/// Prints everything and returns the verdicts.
fn evaluate(args: &Args) -> Result<Vec<Check>, String> {
    let plan = args.plan()?;
    let mut traces = read::directory(&args.traces)?;
    if let Some(rate) = args.rate {
        traces = traces.into_iter().map(|trace| trace.thinned(rate)).collect();
    }
    let estimators = estimator::all();
    print!("{}", report::head(&traces, &plan));
    let kills = traces.iter().filter(|trace| trace.killed_at.is_some()).count();
    let mut checks = Vec::new();
    for horizon in &plan.horizons {
        let answers = ask(&traces, &estimators, &plan, *horizon).ok_or(format!("{horizon} s is not forecast"))?;
        let scored = at_horizon(args, kills, &answers, &estimators, &mut checks)?;
        print!("{scored}");
        if (horizon - plan.alert_horizon).abs() < 1e-6 {
            print!("{}", of_alerts(args, &traces, &answers, &estimators, &mut checks)?);
        }
    }
    print!("{}", report::times(&Times::of(&traces, &plan)));
    print!("{}", report::checks(&checks));
    Ok(checks)
}

fn at_horizon(
    args: &Args,
    kills: usize,
    answers: &Answers,
    estimators: &[Estimator],
    checks: &mut Vec<Check>,
) -> Result<String, String> {
    let set = &answers.judged;
    let figures = figures(estimators, set);
    if let Some(directory) = &args.plots {
        plots::of_horizon(directory, answers, estimators, &figures)?;
    }
    if let Some(tapio) = figures.first() {
        checks.extend(required::of_figures(answers.horizon, tapio, kills));
    }
    Ok(report::horizon(answers.horizon, set, estimators, &figures))
}

fn of_alerts(
    args: &Args,
    traces: &[Trace],
    answers: &Answers,
    estimators: &[Estimator],
    checks: &mut Vec<Check>,
) -> Result<String, String> {
    let by_family = families(traces, estimators, answers, 0, ALERT);
    checks.extend(required::of_families(&by_family));
    checks.extend(required::of_alarms(|threshold| worth(traces, answers, 0, threshold)));
    if let Some(directory) = &args.plots {
        plots::of_alerts(directory, traces, answers, estimators)?;
    }
    Ok(report::alerts(traces, estimators, answers) + &report::families(answers.horizon, ALERT, &by_family))
}
