//! Everything that is scored: tapio's forecasts and the rules of today, asked the same questions.

use std::time::Duration;

use correlator::fill::{Fill, Sample};
use correlator::{Forecaster, HORIZONS, Timestamp};

use super::baselines::{Baseline, Signal};
use super::trace::Trace;

/// Beyond which fraction of the limit the gated rules speak.
const GATE: f64 = 0.85;
/// The static threshold.
const FULL: f64 = 0.9;

/// Something that says of each instant how near a kill is.
pub(crate) struct Estimator {
    /// What it is called in the tables.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The two kinds.
pub(crate) enum Kind {
    /// States log-odds, or nothing with too little history.
    Forecast(Box<dyn Forecaster>),
    /// Scores every instant, and fires above a threshold.
    Rule(Baseline),
}

impl Estimator {
    /// A forecaster under a name.
    pub(crate) fn forecast(name: &str, forecaster: Box<dyn Forecaster>) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Forecast(forecaster),
        }
    }

    /// The rule's baseline, where it is one.
    pub(crate) fn rule(&self) -> Option<Baseline> {
        match self.kind {
            Kind::Rule(baseline) => Some(baseline),
            Kind::Forecast(_) => None,
        }
    }
}

/// tapio's tree table first, then its closed form, then the rules of today.
pub(crate) fn all() -> Vec<Estimator> {
    let mut all = vec![
        Estimator::forecast("tapio, tree table", insights::forecaster()),
        Estimator::forecast("tapio, closed form", insights::closed_form()),
    ];
    all.extend(rules().into_iter().map(|(name, baseline)| Estimator {
        name,
        kind: Kind::Rule(baseline),
    }));
    all
}

/// The rules of today.
fn rules() -> Vec<(String, Baseline)> {
    let windows = [("h/8", 0.125), ("h/4", 0.25), ("h", 1.0), ("2h", 2.0)];
    let signals = [("usage", Signal::Usage), ("ws", Signal::WorkingSet)];
    let linear = |signal, window, gate| Baseline::PredictLinear { signal, window, gate };
    let mut rules = Vec::new();
    for (said, signal) in signals {
        rules.extend(
            windows.map(|(width, window)| (format!("predict_linear {said} {width}"), linear(signal, window, 0.0))),
        );
    }
    for (width, window) in &windows[1..3] {
        rules.push((
            format!("predict_linear ws {width}, ws > {GATE}"),
            linear(Signal::WorkingSet, *window, GATE),
        ));
    }
    for (said, signal) in signals {
        rules.push((format!("{said} > {FULL}"), Baseline::Threshold { signal, share: FULL }));
    }
    rules.push(("Theil-Sen + Mann-Kendall".to_owned(), Baseline::TheilSen));
    rules
}

/// The record of a trace as the engine keeps it, row by row: calls `each` after each row was taken.
pub(crate) fn replay(trace: &Trace, mut each: impl FnMut(usize, &Fill)) {
    let start = Timestamp::from_secs(1_000_000);
    let mut fill = Fill::new();
    let mut hits = 0.0;
    for (index, row) in trace.rows.iter().enumerate() {
        fill.take(&Sample {
            at: start.plus(Duration::from_secs_f64(row.at)),
            used: row.unreclaimable,
            headroom: row.limit - row.unreclaimable,
            limit: row.limit,
            cache: row.cache,
            active_cache: row.active_cache,
            hits: row.limit_hits > hits,
        });
        hits = row.limit_hits;
        each(index, &fill);
    }
}

/// The index in [`HORIZONS`] of a horizon in seconds.
pub(crate) fn horizon_index(seconds: f64) -> Option<usize> {
    HORIZONS
        .iter()
        .position(|horizon| (horizon.as_secs_f64() - seconds).abs() < 1e-6)
}

#[cfg(test)]
mod tests {
    use super::super::samples::trace;
    use super::*;

    #[test]
    fn the_record_ends_with_the_last_row() {
        let trace = trace(Some(10.0), |at| 0.05 * at);
        let mut last = None;
        replay(&trace, |index, fill| last = Some((index, fill.last().copied())));
        let (index, sample) = last.unwrap();
        assert_eq!(index, trace.rows.len() - 1);
        assert!((sample.unwrap().used / sample.unwrap().limit - 0.495).abs() < 1e-9);
    }

    #[test]
    fn only_the_horizons_of_the_record_are_known() {
        assert_eq!(horizon_index(15.0), Some(1));
        assert_eq!(horizon_index(20.0), None);
    }

    #[test]
    fn no_two_estimators_share_a_name() {
        let mut names: Vec<String> = all().into_iter().map(|estimator| estimator.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!((count, names.len()), (15, 15));
    }
}
