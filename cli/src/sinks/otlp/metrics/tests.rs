//! Metrics, read back with the collector's own types.

use correlator::{Body, Event, Outcome, PodIdentity, Signal, Subject};
use fixtures::events::secs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

use super::super::resource;
use super::*;
use crate::config::measure::Size;
use crate::config::sinks::Queue as Bounds;
use crate::metrics::standing::Standing;

fn engine() -> Engine {
    Engine::new(insights::all(), 100)
}

fn event(n: u32, at: Timestamp, signal: &'static str, body: Body) -> Event {
    let pod = PodIdentity {
        uid: format!("uid-{n}").into(),
        namespace: Some("shop".into()),
        pod: Some(format!("cart-{n}").into()),
        container: Some("app".into()),
        container_id: Some(format!("id-{n}").into()),
        ..PodIdentity::default()
    };
    Event {
        at,
        subject: Subject::Container(pod.into()),
        signal: Signal::new(signal),
        body,
    }
}

/// Sees these events and gives what is sent at `now`, ten seconds after the start.
async fn sent(events: &[Event]) -> Vec<ExportMetricsServiceRequest> {
    let bounds = Bounds {
        items: 100,
        bytes: Size(64 << 20),
    };
    let queue = Arc::new(Queue::new(bounds, Arc::new(Standing::new("otlp/metrics"))));
    let mut feed = Feed::new(resource(None), Duration::from_secs(10), Arc::clone(&queue));
    let (mut metrics, engine) = (Metrics::default(), engine());
    feed.tick(&mut metrics, &engine, secs(0));
    for event in events {
        metrics.event(event);
    }
    feed.tick(&mut metrics, &engine, secs(9));
    feed.tick(&mut metrics, &engine, secs(10));
    queue.close();
    let bodies = queue.take(100).await.unwrap();
    let decode = |body: &Bytes| {
        let parcel = Sent.parcel(std::slice::from_ref(body)).unwrap();
        assert_eq!((parcel.path, parcel.items), ("/v1/metrics", 1));
        ExportMetricsServiceRequest::decode(parcel.body).unwrap()
    };
    bodies.iter().map(decode).collect()
}

fn all(requests: &[ExportMetricsServiceRequest]) -> Vec<&Metric> {
    let resources = requests.iter().flat_map(|request| &request.resource_metrics);
    resources
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .collect()
}

fn named<'a>(metrics: &[&'a Metric], name: &str) -> &'a Metric {
    metrics.iter().find(|metric| metric.name == name).unwrap()
}

#[tokio::test]
async fn counters_gauges_and_histograms_are_cumulative_since_the_start_or_since_they_were_seen() {
    let span = Body::Span {
        took: Duration::from_millis(3),
        outcome: Outcome::Ok,
        peer: None,
    };
    let requests = sent(&[
        event(1, secs(3), "memory.limit_hits", Body::Count(2)),
        event(1, secs(4), "memory.limit_hits", Body::Count(5)),
        event(1, secs(5), "memory.usage", Body::Gauge(1024.0)),
        event(1, secs(5), "cpu.usage", Body::Count(1_500_000_000)),
        event(1, secs(5), "tcp.connect", span),
    ])
    .await;
    let metrics = all(&requests);

    let hits = named(&metrics, "tapio_memory_limit_hits");
    let Some(Data::Sum(sum)) = &hits.data else {
        panic!("{hits:?}")
    };
    assert_eq!(
        (sum.aggregation_temporality(), sum.is_monotonic),
        (AggregationTemporality::Cumulative, true)
    );
    let point = &sum.data_points[0];
    assert_eq!(point.value, Some(Number::AsInt(7)));
    assert_eq!(
        (point.start_time_unix_nano, point.time_unix_nano),
        (secs(3).as_nanos(), secs(10).as_nanos())
    );
    let keys: Vec<&str> = point.attributes.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["k8s.namespace.name", "k8s.pod.name", "k8s.container.name"]);

    let Some(Data::Gauge(usage)) = &named(&metrics, "tapio_memory_usage_bytes").data else {
        panic!("no gauge");
    };
    assert_eq!(usage.data_points[0].value, Some(Number::AsDouble(1024.0)));
    assert_eq!(usage.data_points[0].start_time_unix_nano, 0);
    assert_eq!(named(&metrics, "tapio_memory_usage_bytes").unit, "By");

    let Some(Data::Sum(cpu)) = &named(&metrics, "tapio_cpu_usage_seconds").data else {
        panic!("no sum");
    };
    assert_eq!(cpu.data_points[0].value, Some(Number::AsDouble(1.5)));

    let Some(Data::Histogram(latency)) = &named(&metrics, "tapio_tcp_connect_latency_seconds").data else {
        panic!("no histogram");
    };
    assert_eq!(latency.aggregation_temporality(), AggregationTemporality::Cumulative);
    let point = &latency.data_points[0];
    assert_eq!((point.count, point.sum), (1, Some(0.003)));
    assert_eq!((point.explicit_bounds.len(), point.bucket_counts.len()), (16, 17));
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), 1);
    // What tapio tells of itself is counted since the start.
    let Some(Data::Sum(batches)) = &named(&metrics, "tapio_batches").data else {
        panic!("no sum");
    };
    assert_eq!(batches.data_points[0].start_time_unix_nano, secs(0).as_nanos());
    assert!(metrics.iter().any(|metric| metric.name == "tapio_build_info"));
}

#[tokio::test]
async fn many_series_go_into_several_requests_and_none_is_lost() {
    let events: Vec<Event> = (0..u32::try_from(MOST_POINTS).unwrap() + 10)
        .map(|n| event(n, secs(5), "memory.usage", Body::Gauge(f64::from(n))))
        .collect();
    let requests = sent(&events).await;
    assert_eq!(requests.len(), 2);
    let metrics = all(&requests);
    let usage = metrics
        .iter()
        .filter(|metric| metric.name == "tapio_memory_usage_bytes");
    let points = usage.map(|metric| match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(points.sum::<usize>(), MOST_POINTS + 10);
}

#[test]
fn labels_are_read_back_as_they_were_before_they_were_escaped() {
    let odd = "a\"b\\c\nd,e=\"f\"";
    let labels = crate::metrics::page::labels([("volume", odd), ("pod", "p")]);
    let read: Vec<(String, Option<Any>)> = pairs(&labels)
        .into_iter()
        .map(|pair| (pair.key, pair.value.unwrap().value))
        .collect();
    let text = |text: &str| Some(Any::StringValue(text.to_owned()));
    assert_eq!(
        read,
        [("volume".to_owned(), text(odd)), ("k8s.pod.name".to_owned(), text("p"))]
    );
}

#[test]
fn rejected_points_are_told() {
    let answer = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 3,
            error_message: "too old".into(),
        }),
    };
    let told = Sent.refused(&answer.encode_to_vec());
    assert_eq!(told, (0, "3 data points: too old".to_owned()));
}
