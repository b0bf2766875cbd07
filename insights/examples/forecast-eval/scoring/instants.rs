//! At which instants of a trace the forecasts are judged.

use super::trace::Trace;

/// The first seconds of a container say nothing yet.
const FIRST: f64 = 0.8;
/// A trace that leaves less time than this, in seconds, is not judged at that horizon.
const LEAST: f64 = 0.2;

/// Up to `count` rows of a trace for a horizon in seconds: the middles of `count` equal parts of the time from the first
/// 0.8 seconds to the last row whose outcome is known. Each trace thus has about the same weight however long it is.
pub(crate) fn judged(trace: &Trace, horizon: f64, count: u32) -> Vec<usize> {
    let last = trace.last_at().min(trace.known_until() - horizon);
    if last - FIRST < LEAST {
        return Vec::new();
    }
    let part = (last - FIRST) / f64::from(count);
    distinct((0..count).map(|index| trace.row_at(FIRST + part * (f64::from(index) + 0.5))))
}

/// The rows at which rules are asked whether they fire: every `step` seconds to the end of the trace.
pub(crate) fn watched(trace: &Trace, step: f64) -> Vec<usize> {
    let times = (1..).map(|index| FIRST.max(step) + step * f64::from(index - 1));
    distinct(
        times
            .take_while(|at| *at <= trace.last_at() + 1e-9)
            .map(|at| trace.row_at(at)),
    )
}

fn distinct(rows: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut rows: Vec<usize> = rows.collect();
    rows.dedup();
    rows
}

#[cfg(test)]
mod tests {
    use super::super::samples::trace;
    use super::*;

    #[test]
    fn nothing_is_judged_whose_outcome_is_not_known() {
        let mut survivor = trace(None, |_| 0.5);
        survivor.planned_s = 20.0;
        let rows = judged(&survivor, 7.5, 40);
        let latest = survivor.rows[rows[rows.len() - 1]].at;
        assert!(latest <= 12.5 && latest > 11.0, "{latest}");
        assert!(judged(&survivor, 19.9, 40).is_empty());
    }

    #[test]
    fn a_kill_is_judged_up_to_it_because_the_time_after_it_is_known() {
        let killed = trace(Some(10.0), |_| 0.5);
        let rows = judged(&killed, 7.5, 40);
        assert_eq!(rows.len(), 40);
        assert!(killed.rows[rows[39]].at > 9.5);
        assert!(judged(&killed, 7.5, 1000).len() <= killed.rows.len());
    }

    #[test]
    fn rules_are_asked_at_even_steps_to_the_end() {
        let trace = trace(Some(10.0), |_| 0.5);
        let rows = watched(&trace, 0.5);
        assert_eq!(rows.len(), 19);
        assert!((trace.rows[rows[0]].at - 0.8).abs() < 1e-9);
        assert!(trace.rows[rows[18]].at > 9.4);
    }
}
