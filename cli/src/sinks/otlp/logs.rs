//! Insights as OTLP log records.

use std::sync::Arc;

use correlator::{Insight, PodIdentity, Severity, Status, Subject};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::super::courier::{Courier, Parcel};
use super::super::said::Said;
use super::{any, attribute, parcel, rejected, scope, text};

/// Makes log records of insights.
#[derive(Debug)]
pub(in crate::sinks) struct Logs {
    pub(in crate::sinks) resource: Resource,
}

impl Courier for Logs {
    type Item = Arc<Said>;
    const MOST: usize = 64;
    /// The protocol names the statuses after which a request may be sent again; these are not among them.
    const TRIES: u32 = 1;

    fn parcel(&mut self, items: &[Arc<Said>]) -> Result<Parcel, String> {
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(self.resource.clone()),
                scope_logs: vec![ScopeLogs {
                    scope: Some(scope()),
                    log_records: items.iter().map(|said| record(said)).collect(),
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }],
        };
        Ok(parcel("/v1/logs", request.encode_to_vec().into(), items.len() as u64))
    }

    fn refused(&self, answer: &[u8]) -> (u64, String) {
        let answer = ExportLogsServiceResponse::decode(answer).unwrap_or_default();
        let partial = answer.partial_success.unwrap_or_default();
        rejected(partial.rejected_log_records, partial.error_message)
    }
}

fn record(said: &Said) -> LogRecord {
    let insight = &said.insight;
    let severity = severity(insight);
    LogRecord {
        time_unix_nano: insight.at.as_nanos(),
        observed_time_unix_nano: insight.at.as_nanos(),
        severity_number: severity.into(),
        severity_text: insight.severity.label().to_owned(),
        body: Some(any(Value::StringValue(insight.title.clone()))),
        attributes: attributes(said),
        event_name: "tapio.insight".to_owned(),
        ..LogRecord::default()
    }
}

/// Critical is syslog's, which the data model of logs puts at ERROR2. What is over is news, not an error.
fn severity(insight: &Insight) -> SeverityNumber {
    match (insight.status, insight.severity) {
        (Status::Resolved, _) | (_, Severity::Info) => SeverityNumber::Info,
        (_, Severity::Warning) => SeverityNumber::Warn,
        (_, Severity::Critical) => SeverityNumber::Error2,
    }
}

fn attributes(said: &Said) -> Vec<KeyValue> {
    let insight = &said.insight;
    let status = match insight.status {
        Status::Opened => "opened",
        Status::Updated => "updated",
        Status::Resolved => "resolved",
    };
    let evidence = insight.evidence.iter();
    let evidence = evidence.map(|one| format!("{} {}: {}", one.at, one.source.label(), one.says));
    let commands = insight
        .remedies
        .iter()
        .flat_map(|remedy| remedy.commands.iter().cloned());
    let mut attributes = vec![
        text("log.record.uid", &said.event_id),
        text("tapio.insight.id", insight.id),
        text("tapio.insight.status", status),
        text("tapio.insight.fingerprint", &said.fingerprint),
        text("tapio.insight.opened_at", &said.opened.to_string()),
        text("tapio.insight.cause", &insight.cause),
        list("tapio.insight.evidence", evidence),
        list("tapio.insight.commands", commands),
    ];
    if let Some(prediction) = &insight.prediction {
        attributes.push(text("tapio.prediction.event", prediction.event));
        let probability = Value::DoubleValue(prediction.probability);
        attributes.push(attribute("tapio.prediction.probability", probability));
        let horizon = Value::DoubleValue(prediction.horizon.as_secs_f64());
        attributes.push(attribute("tapio.prediction.horizon_seconds", horizon));
    }
    attributes.extend(of_subject(&insight.subject));
    attributes
}

fn list(key: &str, values: impl Iterator<Item = String>) -> KeyValue {
    let values = values.map(|value| any(Value::StringValue(value))).collect();
    attribute(key, Value::ArrayValue(ArrayValue { values }))
}

fn of_subject(subject: &Subject) -> Vec<KeyValue> {
    match subject {
        Subject::Container(pod) => of_pod(pod, true),
        Subject::Pod(pod) => of_pod(pod, false),
        Subject::Node(name) => vec![text("k8s.node.name", name)],
        Subject::Object(object) => {
            let named = object_name(&object.kind);
            let name = named.unwrap_or_else(|| "tapio.object.name".to_owned());
            let namespace = Some(&object.namespace).filter(|namespace| !namespace.is_empty());
            let namespace = namespace.map(|namespace| text("k8s.namespace.name", namespace));
            [text("tapio.object.kind", &object.kind), text(&name, &object.name)]
                .into_iter()
                .chain(namespace)
                .collect()
        }
        Subject::Process(process) => vec![
            text("process.executable.name", &process.comm),
            text("process.linux.cgroup", &process.cgroup),
        ],
        Subject::Cluster => Vec::new(),
    }
}

fn of_pod(pod: &PodIdentity, with_container: bool) -> Vec<KeyValue> {
    let owner = pod.owner.as_ref();
    let owner = owner.and_then(|owner| Some(text(&object_name(&owner.kind)?, &owner.name)));
    let pairs = [
        ("k8s.namespace.name", pod.namespace.as_ref()),
        ("k8s.pod.name", pod.pod.as_ref()),
        ("k8s.pod.uid", Some(&pod.uid).filter(|uid| !uid.is_empty())),
        ("k8s.node.name", pod.node.as_ref()),
        ("k8s.container.name", pod.container.as_ref().filter(|_| with_container)),
        ("container.id", pod.container_id.as_ref().filter(|_| with_container)),
    ];
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some(text(key, value?)));
    pairs.chain(owner).collect()
}

/// The attribute with the name of an object of this kind, where the conventions have one.
fn object_name(kind: &str) -> Option<String> {
    let known = [
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "Job",
        "CronJob",
        "Node",
        "Namespace",
        "Pod",
    ];
    known
        .contains(&kind)
        .then(|| format!("k8s.{}.name", kind.to_lowercase()))
}

#[cfg(test)]
mod tests;
