//! `v1` Event.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::{metadata, resource};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the API names the field eventTime")]
pub(in super::super) struct Event {
    #[serde(default, deserialize_with = "metadata::slim")]
    pub(in super::super) metadata: ObjectMeta,
    #[serde(rename = "type")]
    pub(in super::super) kind: Option<String>,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) message: Option<String>,
    pub(in super::super) count: Option<i64>,
    pub(in super::super) series: Option<Series>,
    pub(in super::super) event_time: Option<Time>,
    pub(in super::super) first_timestamp: Option<Time>,
    pub(in super::super) last_timestamp: Option<Time>,
    pub(in super::super) source: Option<Source>,
    pub(in super::super) reporting_component: Option<String>,
    pub(in super::super) reporting_instance: Option<String>,
    pub(in super::super) involved_object: Option<Involved>,
}

resource!(Event, "", "Event", "events", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Series {
    pub(in super::super) count: Option<i64>,
    pub(in super::super) last_observed_time: Option<Time>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Source {
    pub(in super::super) component: Option<String>,
    pub(in super::super) host: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Involved {
    pub(in super::super) kind: Option<String>,
    pub(in super::super) namespace: Option<String>,
    pub(in super::super) name: Option<String>,
    pub(in super::super) uid: Option<String>,
    pub(in super::super) field_path: Option<String>,
}
