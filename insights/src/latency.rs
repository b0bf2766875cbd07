//! Whether something takes longer than it used to for this container.

use std::time::Duration;

use correlator::{ContainerView, REACH, Signal, Timestamp};
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::baseline;

/// The share that is below what counts as slow: the slowest twentieth is looked at.
pub(crate) const SLOW: f64 = 0.95;
/// What is looked at, and what lies between it and what it is compared with, as both are kept by half minutes.
const LATELY: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_secs(30);
/// Numbers that are compared.
const LEAST: u64 = 30;
const LEAST_BEFORE: u64 = 100;
/// How likely so many slow ones are by chance.
const CHANCE: f64 = 1e-4;

/// What became slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shift {
    /// What the slowest twentieth took before, and takes now.
    pub(crate) before: Duration,
    pub(crate) now: Duration,
    /// How many there were before, and are now.
    pub(crate) compared: u64,
    pub(crate) count: u64,
}

/// Whether the slowest twentieth of a signal's spans takes `times` as long as before and `least` or longer. `None` also while
/// too little is known.
pub(crate) fn shift(
    container: &ContainerView<'_>,
    signal: &Signal,
    now: Timestamp,
    times: f64,
    least: Duration,
) -> Option<Shift> {
    let run = container.runs.last()?;
    let recent = run.history.latencies(signal, now.minus(LATELY), now);
    let earlier = run
        .history
        .latencies(signal, now.minus(REACH), now.minus(LATELY + BETWEEN));
    if recent.count() < LEAST || earlier.count() < LEAST_BEFORE || !baseline::is_warm(container, now) {
        return None;
    }
    let (before, slow) = (earlier.quantile(SLOW)?, recent.quantile(SLOW)?);
    let is_longer = slow >= least && slow.as_secs_f64() >= times * before.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let slower = (recent.share_above(before) * recent.count() as f64).round() as u64;
    (is_longer && is_no_chance(slower, recent.count())).then(|| Shift {
        before,
        now: slow,
        compared: earlier.count(),
        count: recent.count(),
    })
}

/// Whether so many of so many are hardly ever among the slowest twentieth.
fn is_no_chance(slower: u64, count: u64) -> bool {
    let chance = Binomial::new(1.0 - SLOW, count).map_or(1.0, |usual| usual.sf(slower.saturating_sub(1)));
    slower > 0 && chance < CHANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_ruled_out_by_numbers() {
        assert!(!is_no_chance(0, 30) && !is_no_chance(3, 30) && !is_no_chance(70, 1_000));
        assert!(is_no_chance(9, 30) && is_no_chance(100, 1_000));
    }
}
