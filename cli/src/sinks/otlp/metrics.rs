//! Metrics as OTLP: cumulative, under the names that Prometheus has, with OpenTelemetry's names for whose they are.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use correlator::{Engine, Timestamp};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::super::courier::{Courier, Parcel};
use super::super::queue::Queue;
use super::{parcel, rejected, scope, text};
use crate::metrics::Metrics;
use crate::metrics::catalogue::Kind;
use crate::metrics::page::{Exposition, Family};
use crate::metrics::value::Value;

/// Data points in one request: with labels and buckets some hundred bytes each.
const MOST_POINTS: usize = 4_000;
const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// Sends requests as they were made.
#[derive(Debug)]
pub(in crate::sinks) struct Sent;

impl Courier for Sent {
    type Item = Bytes;
    const MOST: usize = 1;
    /// The protocol names the statuses after which a request may be sent again; these are not among them.
    const TRIES: u32 = 1;

    fn parcel(&mut self, items: &[Bytes]) -> Result<Parcel, String> {
        let body = items.first().cloned().unwrap_or_default();
        Ok(parcel("/v1/metrics", body, items.len() as u64))
    }

    /// Points were rejected, not the request: it counts as sent, and the reason is logged.
    fn refused(&self, answer: &[u8]) -> (u64, String) {
        let answer = ExportMetricsServiceResponse::decode(answer).unwrap_or_default();
        let partial = answer.partial_success.unwrap_or_default();
        let (points, why) = rejected(partial.rejected_data_points, partial.error_message);
        let says = format!("{points} data points: {why}");
        (0, if points > 0 { says } else { why })
    }
}

/// Makes requests of the metrics, each interval.
#[derive(Debug)]
pub(in crate::sinks) struct Feed {
    resource: Resource,
    interval: Duration,
    queue: Arc<Queue<Bytes>>,
    started: Option<Timestamp>,
    last: Timestamp,
    now: Timestamp,
}

impl Feed {
    pub(in crate::sinks) fn new(resource: Resource, interval: Duration, queue: Arc<Queue<Bytes>>) -> Self {
        Self {
            resource,
            interval,
            queue,
            started: None,
            last: Timestamp::default(),
            now: Timestamp::default(),
        }
    }

    /// Time moved on.
    pub(in crate::sinks) fn tick(&mut self, metrics: &mut Metrics, engine: &Engine, now: Timestamp) {
        self.now = now;
        if self.started.is_none() {
            (self.started, self.last) = (Some(now), now);
        } else if now.since(self.last) >= self.interval || now < self.last {
            self.flush(metrics, engine);
        }
    }

    /// Puts everything as it is now into the queue.
    pub(in crate::sinks) fn flush(&mut self, metrics: &mut Metrics, engine: &Engine) {
        let Some(started) = self.started else { return };
        self.last = self.now;
        let mut points = Points::new(started, self.now);
        metrics.show(engine, &mut points, Some(self.now));
        for metrics in points.finish() {
            let request = ExportMetricsServiceRequest {
                resource_metrics: vec![ResourceMetrics {
                    resource: Some(self.resource.clone()),
                    scope_metrics: vec![ScopeMetrics {
                        scope: Some(scope()),
                        metrics,
                        schema_url: String::new(),
                    }],
                    schema_url: String::new(),
                }],
            };
            let body = Bytes::from(request.encode_to_vec());
            let len = body.len();
            self.queue.push(body, len);
        }
    }
}

/// Collects data points, and begins a new request when one is full.
struct Points {
    started: Timestamp,
    now: Timestamp,
    full: Vec<Vec<Metric>>,
    metrics: Vec<Metric>,
    count: usize,
}

impl Points {
    fn new(started: Timestamp, now: Timestamp) -> Self {
        Self {
            started,
            now,
            full: Vec::new(),
            metrics: Vec::new(),
            count: 0,
        }
    }

    fn finish(mut self) -> Vec<Vec<Metric>> {
        self.full.push(self.metrics);
        for metrics in &mut self.full {
            metrics.retain(|metric| !is_empty(metric));
        }
        self.full.retain(|metrics| !metrics.is_empty());
        self.full
    }

    fn number(&self, attributes: Vec<KeyValue>, start: u64, value: Number) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: self.now.as_nanos(),
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }
}

impl Exposition for Points {
    fn head(&mut self, family: &Family) {
        let data = match family.kind() {
            Kind::Counter => Data::Sum(Sum {
                data_points: Vec::new(),
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
            }),
            Kind::Gauge | Kind::Info => Data::Gauge(Gauge::default()),
            Kind::Histogram(_) => Data::Histogram(Histogram {
                data_points: Vec::new(),
                aggregation_temporality: CUMULATIVE,
            }),
        };
        let suffix = if family.kind() == Kind::Info { "_info" } else { "" };
        self.metrics.push(Metric {
            name: format!("{}{suffix}", family.name()),
            description: family.help().to_owned(),
            unit: unit(family.unit()).to_owned(),
            data: Some(data),
            ..Metric::default()
        });
    }

    fn series(&mut self, family: &Family, owner: &str, extra: &str, value: &Value, since: Option<Timestamp>) {
        if self.count >= MOST_POINTS {
            self.count = 0;
            self.full.push(std::mem::take(&mut self.metrics));
            self.head(family);
        }
        self.count += 1;
        let attributes: Vec<KeyValue> = [owner, extra].into_iter().flat_map(pairs).collect();
        let start = since.unwrap_or_default().max(self.started).as_nanos();
        let now = self.now.as_nanos();
        let number = match value {
            Value::Count(count) => Number::AsInt(i64::try_from(*count).unwrap_or(i64::MAX)),
            Value::Nanos(nanos) => Number::AsDouble(Duration::from_nanos(*nanos).as_secs_f64()),
            Value::Gauge(gauge) => Number::AsDouble(*gauge),
            Value::Latency(_) | Value::Log2(_) => Number::AsInt(0),
        };
        let point = self.number(attributes.clone(), start, number);
        let data = self.metrics.last_mut().and_then(|metric| metric.data.as_mut());
        match (data, family.kind()) {
            (Some(Data::Sum(sum)), _) => sum.data_points.push(point),
            (Some(Data::Gauge(gauge)), _) => gauge.data_points.push(NumberDataPoint {
                start_time_unix_nano: 0,
                ..point
            }),
            (Some(Data::Histogram(histogram)), Kind::Histogram(_)) => {
                let Some(buckets) = value.buckets(family.edges()) else {
                    return;
                };
                histogram.data_points.push(HistogramDataPoint {
                    attributes,
                    start_time_unix_nano: start,
                    time_unix_nano: now,
                    count: buckets.count,
                    sum: Some(buckets.sum),
                    bucket_counts: buckets.counts,
                    explicit_bounds: buckets.bounds,
                    ..HistogramDataPoint::default()
                });
            }
            _ => {}
        }
    }
}

fn is_empty(metric: &Metric) -> bool {
    match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.is_empty(),
        Some(Data::Gauge(gauge)) => gauge.data_points.is_empty(),
        Some(Data::Histogram(histogram)) => histogram.data_points.is_empty(),
        _ => true,
    }
}

/// UCUM, as OpenTelemetry wants it.
fn unit(unit: Option<&str>) -> &'static str {
    match unit {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "1",
    }
}

/// Reads labels as they stand between the braces of the text formats; empty ones are left out.
fn pairs(labels: &str) -> Vec<KeyValue> {
    let mut found = Vec::new();
    let mut rest = labels;
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = after.char_indices();
        let mut end = after.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => value.extend(chars.next().map(|(_, c)| if c == 'n' { '\n' } else { c })),
                c => value.push(c),
            }
        }
        if !value.is_empty() {
            found.push(text(called(name), &value));
        }
        rest = after[end..].trim_start_matches(',');
    }
    found
}

/// OpenTelemetry's name for a label.
fn called(label: &str) -> &str {
    match label {
        "namespace" => "k8s.namespace.name",
        "pod" => "k8s.pod.name",
        "container" => "k8s.container.name",
        "node" => "k8s.node.name",
        label => label,
    }
}

#[cfg(test)]
mod tests;
