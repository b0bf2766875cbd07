//! Writes metrics as text: the Prometheus exposition format 0.0.4, or `OpenMetrics` 1.0.

use std::fmt::Write as _;
use std::sync::Arc;

use correlator::Timestamp;

use super::bounds::{Buckets, Edges};
use super::catalogue::Kind;
use super::value::{Cumulative, Value, labels_of};

/// Longest label value, bytes.
const MAX_VALUE: usize = 256;

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `text/plain; version=0.0.4`
    Text,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

/// Something that metrics are shown to, one family after the other.
pub(crate) trait Exposition {
    /// Begins a family.
    fn head(&mut self, family: &Family);

    /// A series of it. `owner` and `extra` are labels as [`label`](labels) makes them; `since` is when it was begun to be
    /// counted, if that was later than the start.
    fn series(&mut self, family: &Family, owner: &str, extra: &str, value: &Value, since: Option<Timestamp>);
}

/// A text that metrics are written to.
pub(crate) struct Page {
    text: String,
    format: Format,
    digits: itoa::Buffer,
}

/// A metric whose series are being written.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    /// Without `_total` or `_info`.
    name: String,
    /// The name of its samples; of a histogram that of its buckets.
    sample: String,
    kind: Kind,
    help: String,
    edges: Arc<Edges>,
    /// `le="0.0001"} ` and so on, the infinite one last.
    bounds: Vec<String>,
}

impl Family {
    /// A metric of this name, which carries no `_total` or `_info`.
    pub(crate) fn new(name: &str, kind: Kind, help: &str, buckets: &Buckets) -> Self {
        let suffix = match kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
            Kind::Histogram(_) => "_bucket",
            Kind::Info => "_info",
        };
        let edges = match kind {
            Kind::Histogram(bounds) => buckets.of(bounds),
            Kind::Counter | Kind::Gauge | Kind::Info => Arc::default(),
        };
        let bounds = labels_of(&edges).into_iter().chain(["+Inf".to_owned()]);
        Self {
            name: name.to_owned(),
            sample: format!("{name}{suffix}"),
            kind,
            help: help.replace('\\', r"\\").replace('\n', r"\n"),
            edges,
            bounds: bounds.map(|bound| format!("le=\"{bound}\"}} ")).collect(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The bounds of its buckets; none unless it is a histogram.
    pub(crate) fn edges(&self) -> &Arc<Edges> {
        &self.edges
    }

    /// Without `_total` or `_info`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn help(&self) -> &str {
        &self.help
    }

    /// The base unit that its name ends in.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        let units = ["seconds", "bytes", "ratio"];
        units
            .into_iter()
            .find(|unit| self.name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
    }
}

impl Page {
    /// An empty text with room for so many bytes.
    pub(crate) fn new(format: Format, room: usize) -> Self {
        Self {
            text: String::with_capacity(room),
            format,
            digits: itoa::Buffer::new(),
        }
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn buckets(&mut self, family: &Family, owner: &str, extra: &str, histogram: &impl Cumulative) -> u64 {
        let mut labels = family.bounds.iter();
        let mut bucket = |bound: Option<&String>, count| {
            self.text.push_str(&family.sample);
            self.text.push('{');
            for part in [owner, extra] {
                if !part.is_empty() {
                    self.text.push_str(part);
                    self.text.push(',');
                }
            }
            self.text.push_str(bound.map_or("", String::as_str));
            self.text.push_str(self.digits.format(count));
            self.text.push('\n');
        };
        let total = histogram.below(&family.edges, |count| bucket(labels.next(), count));
        bucket(labels.next(), total);
        total
    }

    fn count_of(&mut self, family: &Family, owner: &str, extra: &str, total: u64) {
        self.text.push('\n');
        self.start(&family.name, "_count", owner, extra);
        self.integer(total);
    }

    fn start(&mut self, name: &str, suffix: &str, owner: &str, extra: &str) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        if !(owner.is_empty() && extra.is_empty()) {
            self.text.push('{');
            self.text.push_str(owner);
            if !(owner.is_empty() || extra.is_empty()) {
                self.text.push(',');
            }
            self.text.push_str(extra);
            self.text.push('}');
        }
        self.text.push(' ');
    }

    fn integer(&mut self, value: u64) {
        self.text.push_str(self.digits.format(value));
    }

    /// Nanoseconds as seconds, exactly.
    fn nanos(&mut self, value: u64) {
        self.integer(value / 1_000_000_000);
        let rest = value % 1_000_000_000;
        if rest > 0 {
            // The leading one keeps the zeros after the point.
            let digits = self.digits.format(rest + 1_000_000_000);
            self.text.push('.');
            self.text.push_str(digits[1..].trim_end_matches('0'));
        }
    }

    fn float(&mut self, value: f64) {
        /// Whole numbers below this are exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            return self.text.push_str(self.digits.format(value as i64));
        }
        let _ = match value {
            f64::INFINITY => write!(self.text, "+Inf"),
            f64::NEG_INFINITY => write!(self.text, "-Inf"),
            value => write!(self.text, "{value}"),
        };
    }
}

impl Exposition for Page {
    fn head(&mut self, family: &Family) {
        let (name, help) = (&family.name, &family.help);
        let (name, kind) = match (self.format, family.kind) {
            (Format::OpenMetrics, Kind::Counter) => (name, "counter"),
            (Format::OpenMetrics, Kind::Info) => (name, "info"),
            (Format::Text, Kind::Counter) => (&family.sample, "counter"),
            (Format::Text, Kind::Info) => (&family.sample, "gauge"),
            (_, Kind::Gauge) => (name, "gauge"),
            (_, Kind::Histogram(_)) => (name, "histogram"),
        };
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        if let (Format::OpenMetrics, Some(unit)) = (self.format, family.unit()) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    fn series(&mut self, family: &Family, owner: &str, extra: &str, value: &Value, _since: Option<Timestamp>) {
        match value {
            Value::Latency(latency) => {
                let total = self.buckets(family, owner, extra, &**latency);
                self.start(&family.name, "_sum", owner, extra);
                self.float(latency.sum);
                self.count_of(family, owner, extra, total);
            }
            Value::Log2(log2) => {
                let total = self.buckets(family, owner, extra, &**log2);
                self.start(&family.name, "_sum", owner, extra);
                self.nanos(log2.sum_ns);
                self.count_of(family, owner, extra, total);
            }
            Value::Count(count) => {
                self.start(&family.sample, "", owner, extra);
                self.integer(*count);
            }
            Value::Nanos(nanos) => {
                self.start(&family.sample, "", owner, extra);
                self.nanos(*nanos);
            }
            Value::Gauge(gauge) => {
                self.start(&family.sample, "", owner, extra);
                self.float(*gauge);
            }
        }
        self.text.push('\n');
    }
}

/// Labels as they stand between the braces: values are cut at 256 bytes and escaped, empty ones left out.
pub(crate) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    all_labels(pairs.into_iter().filter(|(_, value)| !value.is_empty()))
}

/// The same with those that are empty: a scraper that honours labels then puts none of its own there.
pub(crate) fn all_labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(text, "{name}=\"");
        for c in value[..value.floor_char_boundary(MAX_VALUE)].chars() {
            match c {
                '\\' => text.push_str(r"\\"),
                '"' => text.push_str(r#"\""#),
                '\n' => text.push_str(r"\n"),
                // Nothing that moves the cursor of a terminal.
                c if c.is_control() => text.push(char::REPLACEMENT_CHARACTER),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::bounds::Bounds;
    use super::super::value::Latency;
    use super::*;

    fn written(format: Format, family: &Family, value: &Value) -> String {
        let mut page = Page::new(format, 0);
        page.head(family);
        page.series(family, r#"pod="a""#, "", value, None);
        page.finish()
    }

    #[test]
    fn label_values_are_escaped_and_cut() {
        assert_eq!(
            labels([("a", "x\"y\\z\n\u{1b}["), ("b", "")]),
            "a=\"x\\\"y\\\\z\\n\u{fffd}[\""
        );
        assert_eq!(all_labels([("a", "x"), ("b", "")]), r#"a="x",b="""#);
        assert_eq!(labels([("a", "ä".repeat(300).as_str())]).len(), 256 + 4);
    }

    #[test]
    fn a_counter_is_named_as_each_format_wants_it() {
        let family = Family::new("x_seconds", Kind::Counter, "Why.", &Buckets::default());
        let text = written(Format::Text, &family, &Value::Nanos(1_500_000_000));
        assert_eq!(
            text,
            "# HELP x_seconds_total Why.\n# TYPE x_seconds_total counter\nx_seconds_total{pod=\"a\"} 1.5\n"
        );
        let text = written(Format::OpenMetrics, &family, &Value::Nanos(1_500_000_000));
        assert_eq!(
            text,
            "# HELP x_seconds Why.\n# TYPE x_seconds counter\n# UNIT x_seconds seconds\nx_seconds_total{pod=\"a\"} 1.5\n# EOF\n"
        );
    }

    #[test]
    fn information_is_a_gauge_where_the_format_has_no_better_word() {
        let family = Family::new("x", Kind::Info, "Why.", &Buckets::default());
        assert!(written(Format::Text, &family, &Value::Count(1)).contains("# TYPE x_info gauge\nx_info{"));
        assert!(written(Format::OpenMetrics, &family, &Value::Count(1)).contains("# TYPE x info\nx_info{"));
    }

    #[test]
    fn numbers_are_exact_and_never_have_an_exponent() {
        let number = |value: &Value| {
            let mut page = Page::new(Format::Text, 0);
            page.series(
                &Family::new("x", Kind::Gauge, "", &Buckets::default()),
                "",
                "",
                value,
                None,
            );
            page.finish()
        };
        for (value, text) in [
            (Value::Nanos(7), "x 0.000000007\n"),
            (Value::Nanos(60_000_000_000), "x 60\n"),
            (Value::Gauge(0.25), "x 0.25\n"),
            (Value::Gauge(-3.0), "x -3\n"),
            (Value::Gauge(1e20), "x 100000000000000000000\n"),
            (Value::Gauge(f64::NAN), "x NaN\n"),
            (Value::Gauge(f64::INFINITY), "x +Inf\n"),
            (Value::Count(u64::MAX), "x 18446744073709551615\n"),
        ] {
            assert_eq!(number(&value), text);
        }
    }

    #[test]
    fn a_histogram_has_buckets_a_sum_and_a_count() {
        let mut latency = Latency::new(Buckets::default().of(Bounds::Latency));
        latency.observe(0.0002);
        latency.observe(60.0);
        let family = Family::new(
            "x_seconds",
            Kind::Histogram(Bounds::Latency),
            "Why.",
            &Buckets::default(),
        );
        let text = written(Format::Text, &family, &Value::Latency(latency.into()));
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines[0], r#"x_seconds_bucket{pod="a",le="0.0001"} 0"#);
        assert_eq!(lines[1], r#"x_seconds_bucket{pod="a",le="0.00025"} 1"#);
        assert_eq!(lines[16], r#"x_seconds_bucket{pod="a",le="+Inf"} 2"#);
        assert_eq!(lines[17], r#"x_seconds_sum{pod="a"} 60.0002"#);
        assert_eq!(lines[18], r#"x_seconds_count{pod="a"} 2"#);
    }
}
