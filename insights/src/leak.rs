//! Whether memory leaks: the floor under what comes and goes rises over the whole life of a container, and goes on rising.
//!
//! The floor is the smallest use in each of sixteen equal parts of the life without its first 15 %. Measured on recorded
//! traces at 80 % of their life: precision 0.87, recall 0.93; what is wrong are warm-ups, which look the same until they stop.

use std::time::Duration;

use correlator::fill::{BUCKETS, LEVELS};
use correlator::{Fill, Timestamp, Tunable, Window};

use crate::forecast::{LevelStatistics, Passage};
use crate::trend::{mann_kendall, theil_sen};

/// A life shorter than this is a warm-up.
pub(crate) const LEAST_LIFE: Tunable = Tunable {
    detector: "memory-leak",
    name: "leastLifeSeconds",
    default: 7_200.0,
    bounds: [7_200.0, 604_800.0],
    meaning: "how long a container has to have run; what grows until then warms up",
};
/// The part of the life that is judged.
const JUDGED: f64 = 0.85;
/// A rise that chance explains in one of a hundred cases.
const SIGNIFICANT: f64 = 2.33;
/// The growth within the window, as a share of the capacity, below which the floor does not grow any more.
pub(crate) const GROWS: Tunable = Tunable {
    detector: "memory-leak",
    name: "growthRatio",
    default: 0.03,
    bounds: [0.01, 0.5],
    meaning: "part of the limit by which the floor has to rise within what is looked at",
};
/// Buckets at the end whose own slope counts.
const TAIL: usize = 6;

/// A rise that does not flatten out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leak {
    /// Since when it was judged.
    pub(crate) since: Timestamp,
    /// Share of the capacity a second: Theil-Sen slope of the floor, and its 80 % interval.
    pub(crate) rate: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    motion: Passage,
}

impl Leak {
    /// The probability that the limit is met within this time, if it goes on as it did.
    pub(crate) fn probability(&self, within: Duration) -> f64 {
        self.motion.probability(within.as_secs_f64())
    }
}

/// The verdict on a record; `None` while it is younger than two hours, and for what does not leak.
pub(crate) fn leak(window: &Window<'_>, fill: &Fill) -> Option<Leak> {
    judged(fill, window.tuned_time(&LEAST_LIFE), window.tuned(&GROWS))
}

fn judged(fill: &Fill, least_life: Duration, grows: f64) -> Option<Leak> {
    if fill.age() < least_life {
        return None;
    }
    let window = fill.window(level(fill)?);
    let floor: Vec<(f64, f64)> = window
        .mins()
        .iter()
        .enumerate()
        .map(|(index, min)| (index as f64 * window.width(), *min))
        .collect();
    let span = window.width() * floor.len() as f64;
    let half = theil_sen(floor.get(floor.len() / 2..)?)?.median;
    let tail = theil_sen(floor.get(floor.len().checked_sub(TAIL)?..)?)?.median;
    let rises = mann_kendall(&floor) > SIGNIFICANT && half.min(tail) * span > grows;
    let whole = theil_sen(&floor).filter(|_| rises)?;
    let diffusion = LevelStatistics::of(&window)?.diffusion.max(1e-12);
    Some(Leak {
        motion: Passage {
            distance: 1.0 - f64::from(fill.now().used),
            drift: whole.median,
            drift_variance: diffusion / span,
            diffusion,
        },
        since: fill.last()?.at.minus(Duration::from_secs_f64(span)),
        rate: whole.median,
        low: whole.low,
        high: whole.high,
    })
}

/// The coarsest level whose sixteen buckets fit into the judged part of a life; they cover more than half of it.
fn level(fill: &Fill) -> Option<usize> {
    let judged = fill.age().as_secs_f64() * JUDGED;
    (0..LEVELS)
        .rev()
        .find(|level| fill.window(*level).width() * BUCKETS as f64 <= judged)
}

#[cfg(test)]
mod tests {
    use correlator::Sample;

    use super::*;

    /// Three hours of a sample every ten seconds: the share of the limit at a time in hours.
    fn lived(used: impl Fn(f64) -> f64) -> Fill {
        let mut fill = Fill::new();
        for step in 0..1080_u32 {
            let used = used(f64::from(step) / 360.0);
            fill.take(&Sample {
                at: Timestamp::from_secs(u64::from(step) * 10),
                used,
                headroom: 1.0 - used,
                limit: 1.0,
                cache: 0.0,
                active_cache: 0.0,
                hits: false,
            });
        }
        fill
    }

    fn leak(fill: &Fill) -> Option<Leak> {
        judged(fill, Duration::from_secs_f64(LEAST_LIFE.default), GROWS.default)
    }

    fn saw(hours: f64) -> f64 {
        (hours * 20.0).fract()
    }

    #[test]
    fn a_floor_that_keeps_rising_under_a_saw_tooth_is_a_leak() {
        let leak = leak(&lived(|hours| 0.2 + 0.1 * hours + 0.2 * saw(hours))).expect("a leak");
        let an_hour = leak.rate * 3_600.0;
        assert!((an_hour - 0.1).abs() < 0.02, "{an_hour}");
        assert!(leak.low <= leak.rate && leak.rate <= leak.high);
        let [soon, in_a_day] = [1, 24].map(|hours| leak.probability(Duration::from_secs(hours * 3_600)));
        assert!(soon < 0.5 && in_a_day > 0.9, "{soon} {in_a_day}");
    }

    #[test]
    fn a_saw_tooth_a_warm_up_and_a_level_do_not_leak() {
        for used in [
            |hours: f64| 0.3 + 0.4 * saw(hours),
            |hours: f64| 0.7 - 0.5 * (-hours * 3.0).exp(),
            |_: f64| 0.9,
            |hours: f64| 0.3 + 0.002 * hours,
        ] {
            assert_eq!(leak(&lived(used)), None);
        }
    }

    #[test]
    fn nothing_young_is_said_to_leak() {
        let mut fill = lived(|hours| 0.2 + 0.1 * hours);
        assert!(leak(&fill).is_some());
        fill = Fill::new();
        assert_eq!(leak(&fill), None);
    }
}
