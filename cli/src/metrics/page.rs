//! The Prometheus text exposition format 0.0.4: families, series, escaping, and a cap on series.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Upper bounds of latency buckets, seconds: 100 us to 10 s.
pub(crate) const LATENCY_BOUNDS: [f64; 16] = [
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Most series of one family; what comes after is counted under `~other`.
pub(crate) const MAX_SERIES: usize = 10_000;
/// Longest label value, bytes.
const MAX_VALUE: usize = 256;

/// Label names and values.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// A metric with all its series.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: &'static str,
    pub(crate) series: BTreeMap<Labels, Value>,
}

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A gauge or a counter.
    Number(f64),
    /// A latency histogram over `LATENCY_BOUNDS`.
    Histogram(Latency),
    /// A histogram counted in the kernel.
    Log2(Log2),
}

/// The powers of two, in nanoseconds, that are shown as bounds of a kernel's histogram: 1 us to 17 s.
const LOG2_SHOWN: std::ops::RangeInclusive<usize> = 10..=34;

/// Values that the kernel counted into buckets of powers of two nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Log2 {
    counts: Vec<u64>,
    sum_ns: u64,
}

impl Log2 {
    pub(crate) fn add(&mut self, counts: &[u64], sum_ns: u64) {
        if self.counts.len() < counts.len() {
            self.counts.resize(counts.len(), 0);
        }
        for (mine, more) in self.counts.iter_mut().zip(counts) {
            *mine += more;
        }
        self.sum_ns += sum_ns;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.add(&other.counts, other.sum_ns);
    }

    /// Upper bound in seconds and how many values were at most that, for each bound that is shown.
    fn cumulative(&self) -> Vec<(f64, u64)> {
        let below = |power: usize| self.counts.iter().take(power).sum();
        LOG2_SHOWN
            .map(|power| ((1u64 << power) as f64 * 1e-9, below(power)))
            .collect()
    }
}

/// Latencies counted into buckets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Latency {
    /// How many were at most the bound and above the one before.
    counts: [u64; LATENCY_BOUNDS.len()],
    total: u64,
    sum: f64,
}

impl Latency {
    pub(crate) fn observe(&mut self, seconds: f64) {
        if let Some(index) = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.counts[index] += 1;
        }
        self.total += 1;
        self.sum += seconds;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.sum += other.sum;
    }

    fn cumulative(&self) -> Vec<(f64, u64)> {
        let mut below = 0;
        let counted = LATENCY_BOUNDS.iter().zip(self.counts);
        counted
            .map(|(bound, count)| {
                (*bound, {
                    below += count;
                    below
                })
            })
            .collect()
    }
}

/// All families as text.
pub(crate) fn render(families: &BTreeMap<String, Family>) -> String {
    let mut text = String::new();
    for (name, family) in families.iter().filter(|(_, family)| !family.series.is_empty()) {
        let help = family.help.replace('\\', r"\\").replace('\n', r"\n");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", family.kind);
        for (labels, value) in &family.series {
            match value {
                Value::Number(number) => sample(&mut text, name, labels, None, *number),
                Value::Histogram(latency) => {
                    histogram(
                        &mut text,
                        name,
                        labels,
                        &latency.cumulative(),
                        latency.total,
                        latency.sum,
                    );
                }
                Value::Log2(log2) => {
                    let total = log2.counts.iter().sum();
                    histogram(
                        &mut text,
                        name,
                        labels,
                        &log2.cumulative(),
                        total,
                        log2.sum_ns as f64 * 1e-9,
                    );
                }
            }
        }
    }
    text
}

fn histogram(text: &mut String, name: &str, labels: &Labels, below: &[(f64, u64)], total: u64, sum: f64) {
    let bucket = format!("{name}_bucket");
    for (bound, count) in below {
        sample(text, &bucket, labels, Some(&bound.to_string()), *count as f64);
    }
    sample(text, &bucket, labels, Some("+Inf"), total as f64);
    sample(text, &format!("{name}_sum"), labels, None, sum);
    sample(text, &format!("{name}_count"), labels, None, total as f64);
}

fn sample(text: &mut String, name: &str, labels: &Labels, bound: Option<&str>, value: f64) {
    let given = labels.iter().map(|(label, value)| (*label, value.as_str()));
    let pairs: Vec<String> = given
        .chain(bound.map(|bound| ("le", bound)))
        .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
        .collect();
    let labels = if pairs.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", pairs.join(","))
    };
    let _ = writeln!(text, "{name}{labels} {value}");
}

/// A label value: backslash, quote and newline escaped, cut at 256 bytes.
fn escape(value: &str) -> String {
    let end = value.floor_char_boundary(MAX_VALUE);
    value[..end]
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped_and_cut() {
        assert_eq!(escape("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
        assert_eq!(escape(&"ä".repeat(300)).len(), 256);
    }

    fn family(value: Value) -> Family {
        let series = BTreeMap::from([(vec![("pod", "a".to_owned())], value)]);
        Family {
            help: "x".to_owned(),
            kind: "histogram",
            series,
        }
    }

    #[test]
    fn a_kernel_histogram_keeps_its_count_and_sum() {
        let mut log2 = Log2::default();
        let mut counts = vec![0; 64];
        (counts[3], counts[9], counts[10], counts[40]) = (1, 2, 4, 8);
        log2.add(&counts, 3_000_000_000);
        let text = render(&BTreeMap::from([("x_seconds".to_owned(), family(Value::Log2(log2)))]));
        assert!(
            text.contains("x_seconds_bucket{pod=\"a\",le=\"0.000001024\"} 3\n"),
            "{text}"
        );
        assert!(
            text.contains("x_seconds_bucket{pod=\"a\",le=\"0.000002048\"} 7\n"),
            "{text}"
        );
        assert!(
            text.contains("x_seconds_sum{pod=\"a\"} 3\nx_seconds_count{pod=\"a\"} 15\n"),
            "{text}"
        );
    }

    #[test]
    fn buckets_are_cumulative() {
        let mut latency = Latency::default();
        for seconds in [0.000_05, 0.000_2, 0.000_2, 60.0] {
            latency.observe(seconds);
        }
        let families = [("x_seconds".to_owned(), family(Value::Histogram(latency)))];
        let text = render(&BTreeMap::from(families));
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines[0], r#"x_seconds_bucket{pod="a",le="0.0001"} 1"#);
        assert_eq!(lines[15], r#"x_seconds_bucket{pod="a",le="10"} 3"#);
        assert_eq!(lines[16], r#"x_seconds_bucket{pod="a",le="+Inf"} 4"#);
        assert_eq!(lines[18], r#"x_seconds_count{pod="a"} 4"#);
    }
}
