//! How good the stated time to the kill is, where a kill came.

use correlator::Fill;
use insights::forecast::{Curve, TimeToLimit, straight_line};

use super::Plan;
use super::estimator::{horizon_index, replay};
use super::instants::watched;
use super::metrics::{median, quantile};
use super::platt::sigmoid;
use super::trace::Trace;

/// A time is judged where at least this probability is stated.
const LEAST: f64 = 0.5;

/// Stated times of killed traces, each with the true one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Times {
    /// Times are judged where this probability or more is stated ..
    pub(crate) least: f64,
    /// .. for the longest horizon of the plan, in seconds.
    pub(crate) reach: f64,
    /// Error factors: the larger of stated and true over the smaller.
    factors: Vec<f64>,
    /// Upper over lower end of the 80 % interval.
    widths: Vec<f64>,
    /// How many intervals hold the true time.
    held: usize,
    /// Error factors of headroom over slope, where it rises.
    pub(crate) by_slope: Vec<f64>,
}

impl Times {
    /// Asks for the time at the watched instants of all killed traces.
    pub(crate) fn of(traces: &[Trace], plan: &Plan) -> Self {
        let reach = plan.horizons.iter().copied().fold(0.0, f64::max);
        let mut times = Self {
            least: LEAST,
            reach,
            ..Self::default()
        };
        let forecaster = insights::forecaster();
        for trace in traces {
            let Some(kill) = trace.killed_at else { continue };
            let wanted = watched(trace, plan.step);
            replay(trace, |row, fill| {
                if wanted.binary_search(&row).is_ok() {
                    times.take(&Curve::of(forecaster.as_ref(), fill), fill, kill - trace.rows[row].at);
                }
            });
        }
        times
    }

    /// Judges what is said of one instant; `truly` is the true time in seconds.
    fn take(&mut self, curve: &Curve, fill: &Fill, truly: f64) {
        let Some(horizon) = speaks_at(curve).filter(|horizon| *horizon <= horizon_index(self.reach).unwrap_or(0))
        else {
            return;
        };
        let line = straight_line(fill, horizon);
        let Some(said) = TimeToLimit::of(curve, line) else {
            return;
        };
        let [low, likely, high] = [said.low, said.likely, said.high].map(|time| time.as_secs_f64());
        self.factors.push(factor(likely, truly));
        self.widths.push(high / low);
        self.held += usize::from((low..=high).contains(&truly));
        self.by_slope.extend(line.map(|line| factor(line.as_secs_f64(), truly)));
    }

    /// How many instants were judged.
    pub(crate) fn count(&self) -> usize {
        self.factors.len()
    }

    /// Quantile of the error factors.
    pub(crate) fn factor(&self, share: f64) -> Option<f64> {
        quantile(&self.factors, share)
    }

    /// Quantile of the error factors of headroom over slope.
    pub(crate) fn slope_factor(&self, share: f64) -> Option<f64> {
        quantile(&self.by_slope, share)
    }

    /// Share of the 80 % intervals that hold the true time.
    pub(crate) fn coverage(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.held as f64 / self.count() as f64)
    }

    /// Median of upper over lower end of the intervals.
    pub(crate) fn width(&self) -> Option<f64> {
        median(&self.widths)
    }
}

/// The first horizon for which the least probability is stated.
fn speaks_at(curve: &Curve) -> Option<usize> {
    curve
        .log_odds()
        .iter()
        .position(|point| point.is_some_and(|log_odds| sigmoid(log_odds) >= LEAST))
}

fn factor(stated: f64, truly: f64) -> f64 {
    let ratio = stated.max(1e-3) / truly.max(1e-3);
    ratio.max(1.0 / ratio)
}

#[cfg(test)]
mod tests {
    use super::super::samples::trace;
    use super::*;

    #[test]
    fn half_and_double_are_equally_wrong() {
        assert!((factor(5.0, 10.0) - 2.0).abs() < 1e-9);
        assert!((factor(20.0, 10.0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_steady_leak_is_told_with_about_its_time() {
        let leak = trace(Some(40.0), |at| 0.1 + 0.0225 * at);
        let times = Times::of(&[leak], &Plan::default());
        assert!(times.count() > 2, "{}", times.count());
        assert!(times.factor(0.5).unwrap() < 2.0, "{times:?}");
        assert!(times.coverage().unwrap() > 0.5, "{times:?}");
        assert!(times.slope_factor(0.5).unwrap() < 1.5, "{times:?}");
    }

    #[test]
    fn where_nothing_is_killed_there_are_no_times() {
        let times = Times::of(&[trace(None, |_| 0.4)], &Plan::default());
        assert_eq!((times.count(), times.coverage(), times.factor(0.5)), (0, None, None));
    }
}
