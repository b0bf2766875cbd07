//! Events and insights as Prometheus metrics.
//!
//! Series are kept by pod uid and container id while the run lasts and named when they are written, because the API server
//! often names a container after its first event.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use correlator::{Body, Engine, Event, Fact, Insight, Outcome, Signal, Status, Subject, Timestamp, World};

use super::Writer;
use super::exposition::{Family, Labels, Latency, Log2, MAX_SERIES, Value, render};
use super::forecasts;
use super::metrics::{Description, SpanDescription, describe, describe_span};
use super::owner::{self, Who};

/// Collects, and writes one exposition at the end.
#[derive(Debug, Default)]
pub(crate) struct Prometheus {
    numbers: BTreeMap<String, Metric<Number>>,
    latencies: BTreeMap<String, Metric<Latency>>,
    histograms: BTreeMap<String, Metric<Log2>>,
    insights: BTreeMap<Labels, Value>,
    events: BTreeMap<Labels, Value>,
    lost: BTreeMap<Labels, Value>,
    up: BTreeMap<Labels, Value>,
    overflow: f64,
}

/// A gauge or counter, and when it last changed.
#[derive(Debug, Default)]
struct Number {
    value: f64,
    at: Timestamp,
}

#[derive(Debug)]
struct Metric<T> {
    help: String,
    kind: &'static str,
    series: BTreeMap<Key, T>,
}

/// Whose series, and the labels that do not name anybody. Nobody stands for `~other`.
type Key = (Option<Who>, Labels);

impl Writer for Prometheus {
    fn event(&mut self, event: &Event) {
        add(&mut self.events, vec![("signal", event.signal.name().to_owned())], 1.0);
        if let Body::Fact(fact) = &event.body {
            self.about_sight(fact);
        }
        if let Some(who) = owner::of(&event.subject) {
            self.measure(&who, event);
        }
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        if insight.status == Status::Opened {
            let severity = insight.severity.label().to_owned();
            add(
                &mut self.insights,
                vec![("id", insight.id.to_owned()), ("severity", severity)],
                1.0,
            );
        }
        Ok(())
    }

    fn finish(&mut self, engine: &Engine) -> io::Result<()> {
        let mut families = BTreeMap::new();
        for (name, metric) in &self.numbers {
            families.insert(
                name.clone(),
                metric.named(engine.world(), |runs| join_numbers(metric.kind, runs)),
            );
        }
        for (name, metric) in &self.latencies {
            families.insert(name.clone(), metric.named(engine.world(), join_latencies));
        }
        for (name, metric) in &self.histograms {
            families.insert(name.clone(), metric.named(engine.world(), join_histograms));
        }
        self.about_tapio(engine, &mut families);
        families.extend(forecasts::families(engine));
        io::stdout().lock().write_all(render(&families).as_bytes())
    }
}

impl Prometheus {
    fn about_sight(&mut self, fact: &Fact) {
        let sniffer = |source: &Arc<str>| vec![("sniffer", source.to_string())];
        match fact {
            Fact::Lost { source, reason, count } => {
                let labels = vec![("source", source.to_string()), ("reason", reason.to_string())];
                add(&mut self.lost, labels, *count as f64);
            }
            Fact::Blind(gap) => {
                self.up.insert(sniffer(&gap.source), Value::Number(0.0));
            }
            Fact::Sighted { source } => {
                self.up.insert(sniffer(source), Value::Number(1.0));
            }
            _ => {}
        }
    }

    fn measure(&mut self, who: &Who, event: &Event) {
        let Description {
            name,
            help,
            labels,
            scale,
        } = describe(&event.signal, &event.body);
        match &event.body {
            Body::Gauge(value) => {
                let new = Number {
                    value: *value * scale,
                    at: event.at,
                };
                *self.number(who, &name, &help, "gauge", labels) = new;
            }
            Body::Count(rise) => self.number(who, &name, &help, "counter", labels).value += *rise as f64 * scale,
            Body::Histogram(histogram) => {
                let key = (Some(who.clone()), labels);
                let log2 = series(&mut self.histograms, &mut self.overflow, &name, &help, "histogram", key);
                log2.add(&histogram.counts, histogram.sum_ns);
            }
            Body::Span { took, outcome, .. } => self.span(who, &event.signal, *took, *outcome),
            Body::Fact(Fact::OomKill(_) | Fact::Exit(_) | Fact::Exec(_)) => {
                self.number(who, &name, &help, "counter", labels).value += 1.0;
            }
            Body::Fact(_) => {}
        }
    }

    fn span(&mut self, who: &Who, signal: &Signal, took: Duration, outcome: Outcome) {
        let SpanDescription {
            total,
            latency,
            help,
            mut labels,
        } = describe_span(signal);
        labels.push(("outcome", outcome.label().to_owned()));
        self.number(who, &total, &help, "counter", labels).value += 1.0;
        if outcome == Outcome::Ok {
            self.latency(who, &latency, &help).observe(took.as_secs_f64());
        }
    }

    fn number(&mut self, who: &Who, name: &str, help: &str, kind: &'static str, labels: Labels) -> &mut Number {
        series(
            &mut self.numbers,
            &mut self.overflow,
            name,
            help,
            kind,
            (Some(who.clone()), labels),
        )
    }

    fn latency(&mut self, who: &Who, name: &str, help: &str) -> &mut Latency {
        series(
            &mut self.latencies,
            &mut self.overflow,
            name,
            help,
            "histogram",
            (Some(who.clone()), vec![]),
        )
    }

    fn about_tapio(&self, engine: &Engine, families: &mut BTreeMap<String, Family>) {
        let stats = engine.stats();
        let single = |value: f64| BTreeMap::from([(vec![], Value::Number(value))]);
        let mut put = |name: &str, kind, help: &str, series| {
            families.insert(
                format!("tapio_{name}"),
                Family {
                    help: help.to_owned(),
                    kind,
                    series,
                },
            );
        };
        put(
            "events_total",
            "counter",
            "Events received, by signal.",
            self.events.clone(),
        );
        let mut dropped = self.lost.clone();
        let late = vec![
            ("source", "engine".to_owned()),
            ("reason", "too late or beyond a bound".to_owned()),
        ];
        add(&mut dropped, late, stats.refused as f64);
        put(
            "events_dropped_total",
            "counter",
            "Events lost, by source and reason.",
            dropped,
        );
        put(
            "batches_total",
            "counter",
            "Batches moved into the histories.",
            single(stats.batches as f64),
        );
        put("insights_total", "counter", "Insights opened.", self.insights.clone());
        put(
            "correlations_total",
            "counter",
            "Insights that join both worlds.",
            single(stats.correlations as f64),
        );
        put(
            "pods",
            "gauge",
            "Pods the API server told of.",
            single(stats.pods as f64),
        );
        put(
            "series_dropped_total",
            "counter",
            "Values counted under ~other.",
            single(self.overflow),
        );
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        put(
            "build_info",
            "gauge",
            "Constant 1.",
            BTreeMap::from([(version, Value::Number(1.0))]),
        );
        put("insight_active", "gauge", "1 while an insight is open.", active(engine));
        put(
            "sniffer_up",
            "gauge",
            "1 while a source watches, 0 while it is blind.",
            self.up.clone(),
        );
    }
}

impl<T> Metric<T> {
    /// The series with the names known by now; the runs of one container become one series.
    fn named(&self, world: &World, join: impl Fn(&[&T]) -> Value) -> Family {
        let mut runs: BTreeMap<Labels, Vec<&T>> = BTreeMap::new();
        for ((who, extra), value) in &self.series {
            let mut labels = who.as_ref().map_or_else(owner::others, |who| owner::labels(who, world));
            labels.extend(extra.iter().cloned());
            runs.entry(labels).or_default().push(value);
        }
        let series = runs.into_iter().map(|(labels, runs)| (labels, join(&runs))).collect();
        Family {
            help: self.help.clone(),
            kind: self.kind,
            series,
        }
    }
}

fn series<'a, T: Default>(
    metrics: &'a mut BTreeMap<String, Metric<T>>,
    overflow: &mut f64,
    name: &str,
    help: &str,
    kind: &'static str,
    mut key: Key,
) -> &'a mut T {
    let new = || Metric {
        help: help.to_owned(),
        kind,
        series: BTreeMap::new(),
    };
    let metric = metrics.entry(format!("tapio_{name}")).or_insert_with(new);
    if metric.series.len() >= MAX_SERIES && !metric.series.contains_key(&key) {
        *overflow += 1.0;
        key.0 = None;
    }
    metric.series.entry(key).or_default()
}

fn add(series: &mut BTreeMap<Labels, Value>, labels: Labels, more: f64) {
    if let Value::Number(number) = series.entry(labels).or_insert(Value::Number(0.0)) {
        *number += more;
    }
}

/// Counters of several runs add up; of gauges the newest stands.
fn join_numbers(kind: &str, runs: &[&Number]) -> Value {
    if kind == "counter" {
        return Value::Number(runs.iter().map(|run| run.value).sum());
    }
    Value::Number(runs.iter().max_by_key(|run| run.at).map_or(0.0, |run| run.value))
}

fn join_latencies(runs: &[&Latency]) -> Value {
    let mut all = Latency::default();
    for run in runs {
        all.merge(run);
    }
    Value::Histogram(all)
}

fn join_histograms(runs: &[&Log2]) -> Value {
    let mut all = Log2::default();
    for run in runs {
        all.merge(run);
    }
    Value::Log2(all)
}

fn active(engine: &Engine) -> BTreeMap<Labels, Value> {
    let labels = |insight: &Insight| {
        let (namespace, pod) = match &insight.subject {
            Subject::Container(id) | Subject::Pod(id) => (id.namespace.as_deref(), id.pod.as_deref()),
            _ => (None, None),
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let (id, severity) = (insight.id.to_owned(), insight.severity.label().to_owned());
        vec![
            ("id", id),
            ("severity", severity),
            ("namespace", text(namespace)),
            ("pod", text(pod)),
        ]
    };
    engine
        .open()
        .map(|insight| (labels(insight), Value::Number(1.0)))
        .collect()
}
