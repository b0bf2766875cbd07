//! OTLP over HTTP with protobuf: insights as log records, metrics as they are exported, in the names of OpenTelemetry's
//! semantic conventions.

mod logs;
mod metrics;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::courier::Parcel;
pub(super) use logs::Logs;
pub(super) use metrics::{Feed, Sent};

/// What sends: this program, in this cluster.
pub(super) fn resource(cluster: Option<&str>) -> Resource {
    let cluster = cluster.map(|name| text("k8s.cluster.name", name));
    let service = [
        text("service.name", "tapio"),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource {
        attributes: service.into_iter().chain(cluster).collect(),
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "tapio".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn parcel(path: &'static str, body: Bytes, items: u64) -> Parcel {
    let protobuf: (HeaderName, HeaderValue) = (CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    Parcel {
        path,
        headers: vec![protobuf],
        body,
        items,
    }
}

/// How many of a request were rejected, as its answer says; a negative number would be nonsense.
fn rejected(count: i64, why: String) -> (u64, String) {
    (u64::try_from(count).unwrap_or_default(), why)
}
