//! The upper bounds of histograms' buckets: which histograms share them, what they are unless chosen, and which there can be.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Most buckets of a histogram: each is a series of every container.
pub(crate) const MOST: usize = 50;
/// The kernel counts into slots of powers of two nanoseconds; these are the bounds between two of them.
const POWERS: std::ops::RangeInclusive<usize> = 1..=38;
/// Parts of a bound by which what is written for it may differ.
const EXACT: f64 = 1e-9;

/// Histograms that share their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bounds {
    /// Counted here, a duration at a time.
    Latency,
    /// Counted in the kernel, as all below.
    RunQueue,
    RoundTrip,
    ConnectionDuration,
    Syscall,
    /// What is faster than 10 ms is not counted.
    SlowFile,
    /// Of tapio itself, counted here; not to be chosen.
    Own,
    /// Counted in the kernel under a name that no table has; not to be chosen.
    Unnamed,
}

impl Bounds {
    /// Those that the user may choose.
    #[allow(dead_code, reason = "the generated docs list them")]
    pub(crate) const CHOSEN: [Self; 6] = [
        Self::Latency,
        Self::RunQueue,
        Self::RoundTrip,
        Self::ConnectionDuration,
        Self::Syscall,
        Self::SlowFile,
    ];

    /// Its key below `buckets` in the configuration.
    #[allow(dead_code, reason = "the generated docs list them")]
    pub(crate) const fn key(self) -> Option<&'static str> {
        match self {
            Self::Latency => Some("latency"),
            Self::RunQueue => Some("runQueue"),
            Self::RoundTrip => Some("roundTrip"),
            Self::ConnectionDuration => Some("connectionDuration"),
            Self::Syscall => Some("syscall"),
            Self::SlowFile => Some("slowFile"),
            Self::Own | Self::Unnamed => None,
        }
    }

    /// Seconds, unless the user chose others.
    pub(crate) fn usual(self) -> Vec<f64> {
        let powers = |first: usize, last: usize, step: usize| (first..=last).step_by(step).map(seconds).collect();
        match self {
            Self::Latency | Self::Own => vec![
                1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ],
            Self::RunQueue | Self::Unnamed => powers(10, 34, 1),
            Self::RoundTrip => powers(16, 34, 1),
            Self::ConnectionDuration => powers(20, 38, 1),
            Self::Syscall => powers(10, 34, 2),
            Self::SlowFile => powers(23, 34, 1),
        }
    }
}

/// The bound below which the kernel's first so many slots are.
fn seconds(power: usize) -> f64 {
    (1_u64 << power) as f64 / 1e9
}

/// Whether buckets can have these upper bounds, seconds; the error says what can be instead.
pub(crate) fn check_next(before: Option<f64>, bound: f64) -> Result<(), String> {
    if !(bound.is_finite() && bound > 0.0) {
        return Err("give seconds above zero".to_owned());
    }
    match before {
        Some(before) if bound <= before => Err(format!("it must be above {before}, which is before it")),
        _ => Ok(()),
    }
}

/// The bound of the kernel that is meant by these seconds, or what is near to them.
pub(crate) fn of_kernel(bound: f64) -> Result<f64, String> {
    let far = |power: usize| (seconds(power) - bound).abs();
    let near = POWERS
        .min_by(|one, other| far(*one).total_cmp(&far(*other)))
        .map(seconds);
    let near = near.unwrap_or_default();
    if (near - bound).abs() <= bound * EXACT {
        return Ok(near);
    }
    let other = if near < bound { near * 2.0 } else { near / 2.0 };
    let [first, last] = [*POWERS.start(), *POWERS.end()].map(seconds);
    let nearest = if (first..=last).contains(&other) {
        format!("the nearest are {} and {}", near.min(other), near.max(other))
    } else {
        format!("the nearest is {near}")
    };
    Err(format!(
        "the kernel counts these in powers of two nanoseconds, and {nearest}"
    ))
}

/// The upper bounds of the buckets of one histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Edges {
    /// Ascending.
    seconds: Vec<f64>,
    /// How many of the kernel's slots are below each.
    slots: Vec<usize>,
}

impl Edges {
    pub(crate) fn new(seconds: Vec<f64>) -> Self {
        let slots = seconds.iter().map(|bound| slots_below(*bound)).collect();
        Self { seconds, slots }
    }

    pub(crate) fn seconds(&self) -> &[f64] {
        &self.seconds
    }

    pub(crate) fn slots(&self) -> &[usize] {
        &self.slots
    }
}

fn slots_below(bound: f64) -> usize {
    POWERS
        .take_while(|power| seconds(*power) <= bound * (1.0 + EXACT))
        .last()
        .unwrap_or_default()
}

/// The bounds of all histograms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets(BTreeMap<Bounds, Arc<Edges>>);

impl Default for Buckets {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Buckets {
    /// As usual, but for these.
    pub(crate) fn new(chosen: Vec<(Bounds, Vec<f64>)>) -> Self {
        let usual = Bounds::CHOSEN.into_iter().chain([Bounds::Own, Bounds::Unnamed]);
        let usual = usual.map(|bounds| (bounds, bounds.usual()));
        let all = usual.chain(chosen);
        Self(
            all.map(|(bounds, seconds)| (bounds, Arc::new(Edges::new(seconds))))
                .collect(),
        )
    }

    pub(crate) fn of(&self, bounds: Bounds) -> Arc<Edges> {
        self.0.get(&bounds).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_can_be_chosen() {
        for bounds in Bounds::CHOSEN {
            let mut before = None;
            for bound in bounds.usual() {
                assert_eq!(check_next(before, bound), Ok(()), "{bounds:?}");
                assert!(
                    bounds == Bounds::Latency || of_kernel(bound) == Ok(bound),
                    "{bounds:?} {bound}"
                );
                before = Some(bound);
            }
            assert!((1..=MOST).contains(&bounds.usual().len()));
        }
    }

    #[test]
    fn the_kernel_has_powers_of_two_and_the_nearest_are_named() {
        assert_eq!(of_kernel(0.001_048_576), Ok(seconds(20)));
        let nearest = |bound: f64| {
            of_kernel(bound)
                .unwrap_err()
                .rsplit_once(", and ")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(nearest(0.001), "the nearest are 0.000524288 and 0.001048576");
        assert_eq!(nearest(0.0011), "the nearest are 0.001048576 and 0.002097152");
        assert_eq!(nearest(1e6), "the nearest is 274.877906944");
        assert_eq!(nearest(1e-10), "the nearest is 0.000000002");
    }

    #[test]
    fn bounds_rise_and_are_above_zero() {
        for (before, bound) in [
            (None, 0.0),
            (None, -1.0),
            (None, f64::NAN),
            (None, f64::INFINITY),
            (Some(1.0), 1.0),
        ] {
            assert!(check_next(before, bound).is_err(), "{before:?} {bound}");
        }
        assert_eq!(check_next(Some(1.0), 1.5), Ok(()));
    }

    #[test]
    fn slots_below_a_bound_are_those_of_shorter_times() {
        assert_eq!(
            Edges::new(vec![seconds(1), seconds(10), seconds(38)]).slots(),
            [1, 10, 38]
        );
    }
}
