//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::scoring::Plan;
use crate::scoring::estimator::horizon_index;

/// Scores tapio's forecast of memory kills, and the rules of today, on a directory of recorded traces.
///
/// A trace is NAME.csv (or NAME.csv.zst) with NAME.json beside it. Columns: `t_seconds`, `usage_bytes`,
/// `active_file_bytes`, `inactive_file_bytes`, `failcnt`, `limit_bytes` (or in the JSON), and of cgroup v1
/// `anon_bytes`, `shmem_bytes`, `kmem_bytes`, of cgroup v2 `slab_reclaimable_bytes`. JSON: `family`, `oom_time`
/// (seconds; null: never killed), `planned_duration_s`, `limit_bytes`.
#[derive(Debug, Parser)]
#[command(name = "forecast-eval", term_width = 110)]
pub(crate) struct Args {
    /// The directory of traces.
    pub(crate) traces: PathBuf,
    /// Horizons in seconds: 7.5 times a power of two.
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', value_parser = horizon, default_values_t = Plan::default().horizons)]
    pub(crate) horizons: Vec<f64>,
    /// The horizon that alerts are opened by, in seconds; one of --horizons. Default: 15, or else the first of them.
    #[arg(long, value_name = "SECONDS", value_parser = horizon)]
    pub(crate) alert_horizon: Option<f64>,
    /// Read the traces as a sampler would have that reads so many times a second. Default: every row.
    #[arg(long, value_name = "HZ", value_parser = positive)]
    pub(crate) rate: Option<f64>,
    /// Instants of each trace and horizon that count in the tables, in the middles of so many equal parts of it.
    #[arg(long, default_value_t = Plan::default().instants, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) instants: u32,
    /// Seconds between two questions to an alert rule.
    #[arg(long, default_value_t = Plan::default().step, value_parser = positive)]
    pub(crate) step: f64,
    /// Write plots as SVG files into this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,
    /// Exit with 1 when a requirement is not met.
    #[arg(long)]
    pub(crate) check: bool,
}

impl Args {
    /// Where and how often forecasts are asked. The error says which options do not fit together.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let asked = |wanted: f64| {
            self.horizons
                .iter()
                .copied()
                .find(|horizon| (horizon - wanted).abs() < 1e-6)
        };
        let usual = Plan::default().alert_horizon;
        let alert_horizon = match self.alert_horizon {
            Some(wanted) => {
                asked(wanted).ok_or(format!("--alert-horizon {wanted} is none of --horizons; add it there"))?
            }
            None => asked(usual).or(self.horizons.first().copied()).unwrap_or(usual),
        };
        Ok(Plan {
            horizons: self.horizons.clone(),
            alert_horizon,
            instants: self.instants,
            step: self.step,
        })
    }
}

fn horizon(text: &str) -> Result<f64, String> {
    let seconds = positive(text)?;
    match horizon_index(seconds) {
        Some(_) => Ok(seconds),
        None => Err("not 7.5 s times a power of two (7.5, 15, 30, .. 30720)".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err("not above zero".to_owned())
    }
}
