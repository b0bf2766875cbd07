//! What people use today: Prometheus' `predict_linear`, a static threshold, a Theil-Sen trend with a Mann-Kendall test.

use super::trace::{Row, Trace};

/// Buckets of the Theil-Sen trend over the horizon.
const BUCKETS: usize = 16;
/// Score of the Mann-Kendall test above which there is a trend (5 %, one-sided).
const TREND: f64 = 1.64;
/// Rows that the Theil-Sen trend needs.
const TREND_ROWS: usize = 8;

/// What a baseline looks at, as a fraction of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// All that is charged.
    Usage,
    /// Kubernetes' working set.
    WorkingSet,
    /// What cannot be given back.
    Unreclaimable,
}

impl Signal {
    /// The fraction of the limit.
    pub(crate) fn of(self, row: &Row) -> f64 {
        let bytes = match self {
            Self::Usage => row.usage,
            Self::WorkingSet => row.working_set,
            Self::Unreclaimable => row.unreclaimable,
        };
        bytes / row.limit
    }
}

/// A rule of today.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Baseline {
    /// `predict_linear(signal[window], horizon) > limit`, the window a multiple of the horizon; silent while the working
    /// set is below `gate`.
    PredictLinear { signal: Signal, window: f64, gate: f64 },
    /// `signal > share * limit`.
    Threshold { signal: Signal, share: f64 },
    /// The Theil-Sen line over the horizon, where the Mann-Kendall test finds a trend, meets the limit.
    TheilSen,
}

impl Baseline {
    /// How full this baseline thinks it will be at the end of the horizon (seconds), as a fraction of the limit; looks
    /// only at the rows up to `now`.
    pub(crate) fn score(self, trace: &Trace, now: usize, horizon: f64) -> f64 {
        match self {
            Self::PredictLinear { signal, window, gate } => {
                if Signal::WorkingSet.of(&trace.rows[now]) <= gate {
                    return 0.0;
                }
                predict_linear(&window_of(trace, now, window * horizon, signal), horizon)
            }
            Self::Threshold { signal, .. } => signal.of(&trace.rows[now]),
            Self::TheilSen => {
                let points = window_of(trace, now, horizon, Signal::Unreclaimable);
                Signal::Unreclaimable.of(&trace.rows[now]) + rise(&points) * horizon
            }
        }
    }

    /// Above which score the rule fires.
    pub(crate) fn fires_above(self) -> f64 {
        match self {
            Self::Threshold { share, .. } => share,
            Self::PredictLinear { .. } | Self::TheilSen => 1.0,
        }
    }
}

/// The points (seconds before now, fraction) of the last `span` seconds, both ends included.
fn window_of(trace: &Trace, now: usize, span: f64, signal: Signal) -> Vec<(f64, f64)> {
    let end = trace.rows[now].at;
    let rows = trace.rows[..=now]
        .iter()
        .rev()
        .take_while(|row| row.at >= end - span - 1e-6);
    let mut points: Vec<(f64, f64)> = rows.map(|row| (row.at - end, signal.of(row))).collect();
    points.reverse();
    points
}

/// Prometheus' function: the least-squares line, read `ahead` seconds after the last point. Of one point that point.
fn predict_linear(points: &[(f64, f64)], ahead: f64) -> f64 {
    let n = points.len() as f64;
    let sum = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let (x, y) = (sum(|p| p.0), sum(|p| p.1));
    let covariance = sum(|p| p.0 * p.1) - x * y / n;
    let variance = sum(|p| p.0 * p.0) - x * x / n;
    if variance <= 0.0 {
        return points.last().map_or(0.0, |last| last.1);
    }
    let slope = covariance / variance;
    y / n - slope * x / n + slope * ahead
}

/// Theil-Sen slope per second of the means of sixteen buckets; 0 without a trend.
fn rise(points: &[(f64, f64)]) -> f64 {
    if points.len() < TREND_ROWS {
        return 0.0;
    }
    let count = points.len().min(BUCKETS);
    let mean = |bucket: usize| {
        let slice = &points[points.len() * bucket / count..points.len() * (bucket + 1) / count];
        let n = slice.len() as f64;
        (
            slice.iter().map(|p| p.0).sum::<f64>() / n,
            slice.iter().map(|p| p.1).sum::<f64>() / n,
        )
    };
    let means: Vec<(f64, f64)> = (0..count).map(mean).collect();
    let (slopes, score) = pairwise(&means);
    if score > TREND {
        super::metrics::median(&slopes).unwrap_or(0.0)
    } else {
        0.0
    }
}

/// All pairwise slopes, and the Mann-Kendall score with its continuity correction.
fn pairwise(points: &[(f64, f64)]) -> (Vec<f64>, f64) {
    let later = |(index, a): (usize, &(f64, f64))| {
        let a = *a;
        points[index + 1..].iter().map(move |b| (b.0 - a.0, b.1 - a.1))
    };
    let steps: Vec<(f64, f64)> = points.iter().enumerate().flat_map(later).collect();
    let rises: f64 = steps
        .iter()
        .map(|(_, by)| f64::from(*by > 0.0) - f64::from(*by < 0.0))
        .sum();
    let n = points.len() as f64;
    let corrected = if rises == 0.0 { 0.0 } else { rises - rises.signum() };
    let score = corrected / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    (steps.iter().map(|(run, by)| by / run).collect(), score)
}

#[cfg(test)]
mod tests {
    use super::super::samples::trace;
    use super::*;

    const AS_WRITTEN: Baseline = Baseline::PredictLinear {
        signal: Signal::Unreclaimable,
        window: 1.0,
        gate: 0.0,
    };

    #[test]
    fn a_straight_line_is_continued() {
        let rising = trace(None, |at| 0.2 + 0.02 * at);
        let score = AS_WRITTEN.score(&rising, 100, 7.5);
        assert!((score - (0.4 + 0.15)).abs() < 1e-9, "{score}");
        let score = Baseline::TheilSen.score(&rising, 100, 7.5);
        assert!((score - 0.55).abs() < 1e-9, "{score}");
    }

    #[test]
    fn the_line_is_the_one_of_least_squares() {
        // By hand: x = -2, -1, 0, y = 0, 3, 3 gives slope 1.5 and 3.5 at zero.
        let score = predict_linear(&[(-2.0, 0.0), (-1.0, 3.0), (0.0, 3.0)], 2.0);
        assert!((score - 6.5).abs() < 1e-9, "{score}");
        assert!((predict_linear(&[(0.0, 0.7)], 60.0) - 0.7).abs() < 1e-9);
    }

    #[test]
    fn a_window_holds_what_is_no_older_than_it() {
        let points = window_of(&trace(None, |_| 0.5), 50, 1.0, Signal::Usage);
        assert_eq!(points.len(), 11);
        assert!((points[0].0 + 1.0).abs() < 1e-9 && points[10].0.abs() < 1e-9);
    }

    #[test]
    fn the_gate_keeps_it_silent_below_its_share() {
        let rising = trace(None, |at| 0.2 + 0.06 * at);
        let gated = Baseline::PredictLinear {
            signal: Signal::WorkingSet,
            window: 0.25,
            gate: 0.85,
        };
        assert!(gated.score(&rising, 90, 15.0) < 1e-9);
        assert!(gated.score(&rising, 130, 15.0) > gated.fires_above());
    }

    #[test]
    fn a_saw_tooth_has_no_trend() {
        let saw = trace(None, |at| 0.3 + 0.1 * (at % 2.0));
        let score = Baseline::TheilSen.score(&saw, 150, 7.5);
        assert!(
            (score - Signal::Unreclaimable.of(&saw.rows[150])).abs() < 1e-9,
            "{score}"
        );
        let level = Baseline::Threshold {
            signal: Signal::Usage,
            share: 0.9,
        };
        assert!((level.score(&saw, 150, 7.5) - Signal::Usage.of(&saw.rows[150])).abs() < 1e-9);
    }
}
