//! Whether something takes longer than it used to for this container.

use std::time::Duration;

use correlator::{ContainerView, Signal, SlowRate, Timestamp};

use crate::phrase::{duration, percent};

/// The share that is below what counts as slow: the slowest twentieth is looked at.
pub(crate) const SLOW: f64 = 0.95;
/// What is looked at, back from now.
const LATELY: Duration = Duration::from_secs(60);

/// What the slowest twentieth of the last minute took, and of how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slowest {
    pub(crate) took: Duration,
    pub(crate) count: u64,
}

/// The slowest twentieth of a signal's spans. `None` of fewer than `least`.
pub(crate) fn slowest(container: &ContainerView<'_>, signal: &Signal, now: Timestamp, least: f64) -> Option<Slowest> {
    let run = container.runs.last()?;
    let lately = run.history.latencies(signal, now.minus(LATELY), now);
    let took = lately.quantile(SLOW)?;
    let count = lately.count();
    (count as f64 >= least).then_some(Slowest { took, count })
}

/// Whether more is slow than used to be, and by enough to matter: the slowest twentieth takes at least so many seconds, and
/// so many times what all but one in a hundred took; that it rose at all may be a false alarm so often in a day.
pub(crate) fn has_shifted(slowest: Slowest, slow: &SlowRate, [least, times, false_alarms]: [f64; 3]) -> bool {
    let took = slowest.took.as_secs_f64();
    let is_long = took >= least && took >= slow.limit.as_secs_f64() * times;
    slow.learned > 0 && slow.rate.is_risen(false_alarms) && is_long
}

/// `35 % took longer than 4 ms since then, which one in a hundred did before; learned from 8200 answers in 3h05m`.
pub(crate) fn says(slow: &SlowRate, what: &str) -> String {
    format!(
        "{} took longer than {} since then, which one in a hundred did before; learned from {} {what} in {}",
        percent(slow.rate.now),
        duration(slow.limit),
        slow.learned,
        duration(slow.rate.watched)
    )
}
