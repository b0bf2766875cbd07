//! Traces made for the tests of this folder.

use super::trace::{Row, Trace};

const LIMIT: f64 = 128.0 * 1024.0 * 1024.0;

/// Ten rows a second up to the kill, or 20 seconds, planned for 40; `fraction` says how full of what cannot be given
/// back the cgroup is at each second.
pub(super) fn trace(killed_at: Option<f64>, fraction: impl Fn(f64) -> f64) -> Trace {
    let end = killed_at.unwrap_or(20.0);
    let times = (0..).map(|step| f64::from(step) / 10.0).take_while(|at| *at < end);
    let row = |at: f64| Row {
        at,
        usage: (fraction(at) + 0.1) * LIMIT,
        working_set: (fraction(at) + 0.05) * LIMIT,
        unreclaimable: fraction(at) * LIMIT,
        cache: 0.1 * LIMIT,
        active_cache: 0.05 * LIMIT,
        limit: LIMIT,
        limit_hits: 0.0,
    };
    Trace {
        name: "made".into(),
        family: "made".into(),
        killed_at,
        planned_s: 40.0,
        rows: times.map(row).collect(),
    }
}
