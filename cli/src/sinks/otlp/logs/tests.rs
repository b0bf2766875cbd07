//! Log records, read back with the collector's own types and byte by byte.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;

use super::super::super::client::Client;
use super::super::super::courier::{Answer, Post as _};
use super::super::super::said::Speaker;
use super::super::super::testing::{oom, receiver};
use super::super::resource;
use super::*;
use crate::config::sinks::Connection;

fn strings(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let value = |pair: &KeyValue| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

#[tokio::test]
async fn a_collector_reads_insights_as_log_records_with_the_names_of_the_conventions() {
    let partial = ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess {
            rejected_log_records: 1,
            error_message: "too old".into(),
        }),
    };
    let (address, seen) = receiver(200, None, partial.encode_to_vec().into()).await;
    let client = Client::new(&format!("http://{address}").parse().unwrap(), &Connection::default()).unwrap();
    let mut speaker = Speaker::default();
    let mut over = oom(1);
    let opened = Arc::new(speaker.say(&over));
    (over.status, over.at) = (Status::Resolved, over.at.plus(Duration::from_secs(60)));
    let over = Arc::new(speaker.say(&over));
    let mut logs = Logs {
        resource: resource(Some("prod")),
    };
    let parcel = logs.parcel(&[Arc::clone(&opened), over]).unwrap();
    let Answer::Taken(answer) = client.post(&parcel).await else {
        panic!("it was not taken");
    };
    assert_eq!(logs.refused(&answer), (1, "too old".to_owned()));

    let request = seen.lock().unwrap().remove(0);
    assert_eq!(request.path, "/v1/logs");
    assert_eq!(request.headers["content-type"], "application/x-protobuf");
    let sent = ExportLogsServiceRequest::decode(request.body).unwrap();
    let resource = sent.resource_logs[0].resource.as_ref().unwrap();
    let resource = strings(&resource.attributes);
    assert!(resource.contains(&("service.name".into(), "tapio".into())));
    assert!(resource.contains(&("k8s.cluster.name".into(), "prod".into())));
    let records = &sent.resource_logs[0].scope_logs[0].log_records;
    let [first, second] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(
        (first.severity_number(), second.severity_number()),
        (SeverityNumber::Error2, SeverityNumber::Info)
    );
    assert_eq!(
        (first.event_name.as_str(), first.severity_text.as_str()),
        ("tapio.insight", "critical")
    );
    assert_eq!(first.time_unix_nano, 1_767_225_610_000_000_000);
    let attributes = strings(&first.attributes);
    for (key, value) in [
        ("log.record.uid", opened.event_id.as_str()),
        ("tapio.insight.id", "oom-killed"),
        ("tapio.insight.status", "opened"),
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "cart-1"),
        ("k8s.pod.uid", "00000000-0000-4000-8000-000000000001"),
        ("k8s.container.name", "app"),
        ("k8s.node.name", "node-1"),
        ("k8s.deployment.name", "cart"),
    ] {
        assert!(
            attributes.contains(&(key.into(), value.into())),
            "{key}: {attributes:?}"
        );
    }
    assert!(
        attributes
            .iter()
            .any(|(key, value)| key == "container.id" && value.len() == 64)
    );
}

#[test]
fn an_answer_that_says_nothing_rejects_nothing() {
    let logs = Logs {
        resource: Resource::default(),
    };
    assert_eq!(logs.refused(&[]), (0, String::new()));
    assert_eq!(logs.refused(b"not protobuf"), (0, String::new()));
}

/// The encoding by hand, after the .proto files of opentelemetry-proto 1.x: no library decides what is right.
#[test]
fn a_record_is_the_bytes_that_the_proto_files_say() {
    let record = LogRecord {
        time_unix_nano: 1,
        severity_number: SeverityNumber::Error2.into(),
        severity_text: "critical".into(),
        body: Some(any(Value::StringValue("x".into()))),
        attributes: vec![text("k8s.pod.name", "p")],
        event_name: "tapio.insight".into(),
        ..LogRecord::default()
    };
    let mut expected = vec![0x09, 1, 0, 0, 0, 0, 0, 0, 0]; // 1: fixed64 time_unix_nano
    expected.extend([0x10, 18]); // 2: enum severity_number
    expected.extend([0x1a, 8]); // 3: string severity_text
    expected.extend(b"critical");
    expected.extend([0x2a, 3, 0x0a, 1, b'x']); // 5: AnyValue body { 1: string_value }
    expected.extend([0x32, 19, 0x0a, 12]); // 6: KeyValue attributes { 1: key
    expected.extend(b"k8s.pod.name");
    expected.extend([0x12, 3, 0x0a, 1, b'p']); // 2: AnyValue value { 1: string_value } }
    expected.extend([0x62, 13]); // 12: string event_name
    expected.extend(b"tapio.insight");
    assert_eq!(Bytes::from(record.encode_to_vec()), Bytes::from(expected));
}
