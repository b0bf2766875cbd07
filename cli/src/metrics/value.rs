//! The values of series: counts, durations, gauges and histograms.

use super::catalogue::Bounds;

/// Upper bounds of latency buckets, seconds: 100 us to 10 s.
pub(crate) const LATENCY_BOUNDS: [f64; 16] = [
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A counter.
    Count(u64),
    /// A counter of nanoseconds, shown as seconds.
    Nanos(u64),
    /// A gauge.
    Gauge(f64),
    /// A histogram over [`LATENCY_BOUNDS`].
    Latency(Box<Latency>),
    /// A histogram counted in the kernel.
    Log2(Box<Log2>),
}

impl Value {
    /// Adds what another series of the same metric held; of two gauges the newer stands.
    pub(crate) fn merge(&mut self, other: &Self, is_newer: bool) {
        match (self, other) {
            (Self::Count(mine), Self::Count(more)) | (Self::Nanos(mine), Self::Nanos(more)) => {
                *mine = mine.saturating_add(*more);
            }
            (Self::Gauge(mine), Self::Gauge(theirs)) if is_newer => *mine = *theirs,
            (Self::Latency(mine), Self::Latency(more)) => mine.merge(more),
            (Self::Log2(mine), Self::Log2(more)) => mine.add(&more.counts, more.sum_ns),
            _ => {}
        }
    }
}

/// A histogram as OTLP has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets {
    /// Upper bounds, seconds.
    pub(crate) bounds: Vec<f64>,
    /// How many values are within each bound and above the one before; the last one is beyond all bounds.
    pub(crate) counts: Vec<u64>,
    pub(crate) count: u64,
    /// Seconds.
    pub(crate) sum: f64,
}

impl Value {
    /// The buckets of a histogram with these bounds.
    pub(crate) fn buckets(&self, bounds: Bounds) -> Option<Buckets> {
        let (mut counts, mut last) = (Vec::new(), 0);
        let mut see = |below: u64| {
            counts.push(below - last);
            last = below;
        };
        let (count, sum) = match self {
            Self::Latency(latency) => (latency.below(bounds, &mut see), latency.sum),
            Self::Log2(log2) => (log2.below(bounds, &mut see), log2.sum_ns as f64 / 1e9),
            Self::Count(_) | Self::Nanos(_) | Self::Gauge(_) => return None,
        };
        see(count);
        Some(Buckets {
            bounds: numbers_of(bounds),
            counts,
            count,
            sum,
        })
    }
}

/// Values that the kernel counted into buckets of powers of two nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Log2 {
    counts: Vec<u64>,
    pub(super) sum_ns: u64,
}

impl Log2 {
    pub(crate) fn add(&mut self, counts: &[u64], sum_ns: u64) {
        if self.counts.len() < counts.len() {
            self.counts.resize(counts.len(), 0);
        }
        for (mine, more) in self.counts.iter_mut().zip(counts) {
            *mine = mine.saturating_add(*more);
        }
        self.sum_ns = self.sum_ns.saturating_add(sum_ns);
    }
}

/// Latencies counted into buckets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Latency {
    /// How many were at most the bound and above the one before.
    counts: [u64; LATENCY_BOUNDS.len()],
    total: u64,
    pub(super) sum: f64,
}

impl Latency {
    pub(crate) fn observe(&mut self, seconds: f64) {
        if let Some(index) = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.counts[index] += 1;
        }
        self.total += 1;
        self.sum += seconds;
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.sum += other.sum;
    }
}

/// A histogram as it is shown: how many values were at most each bound of its metric, and how many there are in all.
pub(super) trait Cumulative {
    fn below(&self, bounds: Bounds, see: impl FnMut(u64)) -> u64;
}

impl Cumulative for Latency {
    fn below(&self, _: Bounds, mut see: impl FnMut(u64)) -> u64 {
        let mut below = 0;
        for count in self.counts {
            below += count;
            see(below);
        }
        self.total
    }
}

impl Cumulative for Log2 {
    fn below(&self, bounds: Bounds, mut see: impl FnMut(u64)) -> u64 {
        let (mut below, mut next) = (0, 0);
        for power in powers(bounds) {
            below += self.counts.iter().take(power).skip(next).sum::<u64>();
            next = power;
            see(below);
        }
        below + self.counts.iter().skip(next).sum::<u64>()
    }
}

fn powers(bounds: Bounds) -> impl Iterator<Item = usize> {
    let (first, last, step) = match bounds {
        Bounds::Log2 { first, last, step } => (first, last, step),
        Bounds::Latency => (1, 0, 1),
    };
    (first.into()..=usize::from(last)).step_by(step.into())
}

/// The upper bounds, as label values. Whole numbers end in `.0`, as `OpenMetrics` wants them, in both formats: else the
/// series would change with the format that is scraped.
pub(super) fn labels_of(bounds: Bounds) -> Vec<String> {
    numbers_of(bounds).into_iter().map(plain).collect()
}

fn numbers_of(bounds: Bounds) -> Vec<f64> {
    match bounds {
        Bounds::Latency => LATENCY_BOUNDS.to_vec(),
        Bounds::Log2 { .. } => powers(bounds).map(|power| (1_u64 << power) as f64 / 1e9).collect(),
    }
}

/// Decimal, never with an exponent, and with at least one digit after the point.
fn plain(bound: f64) -> String {
    let text = bound.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Bounds = Bounds::Log2 {
        first: 10,
        last: 34,
        step: 1,
    };

    fn below(histogram: &impl Cumulative, bounds: Bounds) -> (Vec<u64>, u64) {
        let mut seen = Vec::new();
        let total = histogram.below(bounds, |count| seen.push(count));
        (seen, total)
    }

    #[test]
    fn a_kernel_histogram_keeps_its_count_whatever_bounds_are_shown() {
        let mut log2 = Log2::default();
        let mut counts = vec![0; 64];
        (counts[3], counts[9], counts[10], counts[40]) = (1, 2, 4, 8);
        log2.add(&counts, 3_000_000_000);
        let (seen, total) = below(&log2, WAITS);
        assert_eq!((seen[0], seen[1], seen[24], total), (3, 7, 7, 15));
        let coarse = Bounds::Log2 {
            first: 11,
            last: 34,
            step: 4,
        };
        let (seen, total) = below(&log2, coarse);
        assert_eq!((seen.len(), seen[0], total), (6, 7, 15));
    }

    #[test]
    fn latencies_are_cumulative_and_those_beyond_the_last_bound_are_in_the_total() {
        let mut latency = Latency::default();
        for seconds in [0.000_05, 0.000_2, 0.000_2, 60.0] {
            latency.observe(seconds);
        }
        let (seen, total) = below(&latency, Bounds::Latency);
        assert_eq!((seen[0], seen[1], seen[15], total), (1, 3, 3, 4));
        latency.merge(&latency.clone());
        assert_eq!(below(&latency, Bounds::Latency).1, 8);
    }

    #[test]
    fn buckets_hold_what_is_within_their_bound_alone_and_the_last_what_is_beyond_all() {
        let mut latency = Latency::default();
        for seconds in [0.000_05, 0.000_2, 0.000_2, 60.0] {
            latency.observe(seconds);
        }
        let buckets = Value::Latency(latency.into()).buckets(Bounds::Latency).unwrap();
        assert_eq!((buckets.bounds.len(), buckets.counts.len()), (16, 17));
        assert_eq!((&buckets.counts[..3], buckets.counts[16]), (&[1, 2, 0][..], 1));
        assert_eq!((buckets.count, buckets.sum), (4, 60.00045));
        assert_eq!(Value::Count(1).buckets(Bounds::Latency), None);
    }

    #[test]
    fn bounds_are_written_as_openmetrics_wants_them() {
        let latency = labels_of(Bounds::Latency);
        assert_eq!((latency[0].as_str(), latency[15].as_str()), ("0.0001", "10.0"));
        let waits = labels_of(WAITS);
        assert_eq!((waits[0].as_str(), waits.len()), ("0.000001024", 25));
        assert_eq!(waits[24], "17.179869184");
    }

    #[test]
    fn of_two_gauges_the_newer_stands() {
        let mut gauge = Value::Gauge(1.0);
        gauge.merge(&Value::Gauge(2.0), false);
        assert_eq!(gauge, Value::Gauge(1.0));
        gauge.merge(&Value::Gauge(2.0), true);
        assert_eq!(gauge, Value::Gauge(2.0));
    }
}
