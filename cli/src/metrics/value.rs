//! The values of series: counts, durations, gauges and histograms.

use std::sync::Arc;

use super::bounds::Edges;

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A counter.
    Count(u64),
    /// A counter of nanoseconds, shown as seconds.
    Nanos(u64),
    /// A gauge.
    Gauge(f64),
    /// A histogram counted here.
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
    pub(crate) fn buckets(&self, edges: &Edges) -> Option<Buckets> {
        let (mut counts, mut last) = (Vec::new(), 0);
        let mut see = |below: u64| {
            counts.push(below - last);
            last = below;
        };
        let (count, sum) = match self {
            Self::Latency(latency) => (latency.below(edges, &mut see), latency.sum),
            Self::Log2(log2) => (log2.below(edges, &mut see), log2.sum_ns as f64 / 1e9),
            Self::Count(_) | Self::Nanos(_) | Self::Gauge(_) => return None,
        };
        see(count);
        Some(Buckets {
            bounds: edges.seconds().to_vec(),
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
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Latency {
    edges: Arc<Edges>,
    /// How many were at most the bound and above the one before.
    counts: Box<[u64]>,
    total: u64,
    pub(super) sum: f64,
}

impl Latency {
    pub(crate) fn new(edges: Arc<Edges>) -> Self {
        Self {
            counts: vec![0; edges.seconds().len()].into(),
            edges,
            total: 0,
            sum: 0.0,
        }
    }

    pub(crate) fn observe(&mut self, seconds: f64) {
        let index = self.edges.seconds().partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.total += 1;
        self.sum += seconds;
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.sum += other.sum;
    }
}

/// A histogram as it is shown: how many values were at most each bound of its metric, and how many there are in all.
pub(super) trait Cumulative {
    fn below(&self, edges: &Edges, see: impl FnMut(u64)) -> u64;
}

impl Cumulative for Latency {
    fn below(&self, _: &Edges, mut see: impl FnMut(u64)) -> u64 {
        let mut below = 0;
        for count in &self.counts {
            below += count;
            see(below);
        }
        self.total
    }
}

impl Cumulative for Log2 {
    fn below(&self, edges: &Edges, mut see: impl FnMut(u64)) -> u64 {
        let (mut below, mut next) = (0, 0);
        for slots in edges.slots() {
            below += self.counts.iter().take(*slots).skip(next).sum::<u64>();
            next = *slots;
            see(below);
        }
        below + self.counts.iter().skip(next).sum::<u64>()
    }
}

/// The upper bounds, as label values. Whole numbers end in `.0`, as `OpenMetrics` wants them, in both formats: else the
/// series would change with the format that is scraped.
pub(super) fn labels_of(edges: &Edges) -> Vec<String> {
    edges.seconds().iter().copied().map(plain).collect()
}

/// Decimal, never with an exponent, and with at least one digit after the point.
fn plain(bound: f64) -> String {
    let text = bound.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::super::bounds::Bounds;
    use super::*;

    fn usual(bounds: Bounds) -> Arc<Edges> {
        super::super::bounds::Buckets::default().of(bounds)
    }

    fn below(histogram: &impl Cumulative, edges: &Edges) -> (Vec<u64>, u64) {
        let mut seen = Vec::new();
        let total = histogram.below(edges, |count| seen.push(count));
        (seen, total)
    }

    #[test]
    fn a_kernel_histogram_keeps_its_count_whatever_bounds_are_shown() {
        let mut log2 = Log2::default();
        let mut counts = vec![0; 64];
        (counts[3], counts[9], counts[10], counts[40]) = (1, 2, 4, 8);
        log2.add(&counts, 3_000_000_000);
        let (seen, total) = below(&log2, &usual(Bounds::RunQueue));
        assert_eq!((seen[0], seen[1], seen[24], total), (3, 7, 7, 15));
        let coarse = Edges::new(vec![0.000_002_048, 0.000_032_768]);
        assert_eq!(below(&log2, &coarse), (vec![7, 7], 15));
    }

    #[test]
    fn latencies_are_cumulative_and_those_beyond_the_last_bound_are_in_the_total() {
        let mut latency = Latency::new(usual(Bounds::Latency));
        for seconds in [0.000_05, 0.000_2, 0.000_2, 60.0] {
            latency.observe(seconds);
        }
        let (seen, total) = below(&latency, &usual(Bounds::Latency));
        assert_eq!((seen[0], seen[1], seen[15], total), (1, 3, 3, 4));
        latency.merge(&latency.clone());
        assert_eq!(below(&latency, &usual(Bounds::Latency)).1, 8);
    }

    #[test]
    fn buckets_hold_what_is_within_their_bound_alone_and_the_last_what_is_beyond_all() {
        let mut latency = Latency::new(usual(Bounds::Latency));
        for seconds in [0.000_05, 0.000_2, 0.000_2, 60.0] {
            latency.observe(seconds);
        }
        let buckets = Value::Latency(latency.into()).buckets(&usual(Bounds::Latency)).unwrap();
        assert_eq!((buckets.bounds.len(), buckets.counts.len()), (16, 17));
        assert_eq!((&buckets.counts[..3], buckets.counts[16]), (&[1, 2, 0][..], 1));
        assert_eq!((buckets.count, buckets.sum), (4, 60.00045));
        assert_eq!(Value::Count(1).buckets(&usual(Bounds::Latency)), None);
    }

    #[test]
    fn bounds_are_written_as_openmetrics_wants_them() {
        let latency = labels_of(&usual(Bounds::Latency));
        assert_eq!((latency[0].as_str(), latency[15].as_str()), ("0.0001", "10.0"));
        let waits = labels_of(&usual(Bounds::RunQueue));
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
