//! `v1` Node.

use kube::core::{ClusterResourceScope, ObjectMeta};
use serde::Deserialize;

use super::shared::{Amounts, Condition};
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
    pub(in super::super) taints: Option<Vec<Taint>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Taint {
    pub(in super::super) key: Option<String>,
    pub(in super::super) value: Option<String>,
    pub(in super::super) effect: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct NodeStatus {
    pub(in super::super) allocatable: Option<Amounts>,
    pub(in super::super) capacity: Option<Amounts>,
    pub(in super::super) addresses: Option<Vec<Address>>,
    pub(in super::super) conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Address {
    pub(in super::super) address: Option<String>,
}
