//! Parts that several kinds of objects have.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;

/// A status condition. Heartbeat times are left out: they change and mean nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Condition {
    #[serde(rename = "type")]
    pub(in super::super) kind: Option<String>,
    pub(in super::super) status: Option<String>,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) message: Option<String>,
    pub(in super::super) last_transition_time: Option<Time>,
}

/// Quantities of a container or a node, as text.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Amounts {
    pub(in super::super) cpu: Option<String>,
    pub(in super::super) memory: Option<String>,
    pub(in super::super) pods: Option<String>,
}

/// What a container may use and asks for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Resources {
    pub(in super::super) limits: Option<Amounts>,
    pub(in super::super) requests: Option<Amounts>,
}
