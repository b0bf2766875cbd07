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
                Value::Histogram(latency) => histogram(&mut text, name, labels, latency),
            }
        }
    }
    text
}

fn histogram(text: &mut String, name: &str, labels: &Labels, latency: &Latency) {
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (bound, count) in LATENCY_BOUNDS.iter().zip(latency.counts) {
        below += count;
        sample(text, &bucket, labels, Some(&bound.to_string()), below as f64);
    }
    sample(text, &bucket, labels, Some("+Inf"), latency.total as f64);
    sample(text, &format!("{name}_sum"), labels, None, latency.sum);
    sample(text, &format!("{name}_count"), labels, None, latency.total as f64);
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

    #[test]
    fn buckets_are_cumulative() {
        let mut latency = Latency::default();
        for seconds in [0.000_05, 0.000_2, 0.000_2, 60.0] {
            latency.observe(seconds);
        }
        let mut text = String::new();
        histogram(&mut text, "x_seconds", &vec![("pod", "a".into())], &latency);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], r#"x_seconds_bucket{pod="a",le="0.0001"} 1"#);
        assert_eq!(lines[15], r#"x_seconds_bucket{pod="a",le="10"} 3"#);
        assert_eq!(lines[16], r#"x_seconds_bucket{pod="a",le="+Inf"} 4"#);
        assert_eq!(lines[18], r#"x_seconds_count{pod="a"} 4"#);
    }
}
