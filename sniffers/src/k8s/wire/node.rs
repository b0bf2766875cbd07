//! `v1` Node.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::{ClusterResourceScope, ObjectMeta};
use serde::Deserialize;

use super::pod::Amounts;
use super::{metadata, resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Node {
    #[serde(default, deserialize_with = "metadata::slim")]
    pub(in super::super) metadata: ObjectMeta,
    pub(in super::super) spec: Option<NodeSpec>,
    pub(in super::super) status: Option<NodeStatus>,
}

resource!(Node, "", "Node", "nodes", ClusterResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct NodeSpec {
    pub(in super::super) unschedulable: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct NodeStatus {
    pub(in super::super) allocatable: Option<Amounts>,
    pub(in super::super) addresses: Option<Vec<Address>>,
    pub(in super::super) conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Address {
    pub(in super::super) address: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Condition {
    #[serde(rename = "type")]
    pub(in super::super) kind: Option<String>,
    pub(in super::super) status: Option<String>,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) last_transition_time: Option<Time>,
}
