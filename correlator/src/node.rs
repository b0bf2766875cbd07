//! A node, and the conditions that objects of the API server carry. Field meanings follow `v1` Node.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A node, cut down to what detectors read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeState {
    /// Allocatable memory, bytes.
    pub allocatable_memory: Option<u64>,
    /// Allocatable CPU, thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable_cpu_millis: Option<u64>,
    /// Pods it may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable_pods: Option<u64>,
    /// Memory it has, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Its taints, as `key=value:effect`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Arc<str>>,
    /// `topology.kubernetes.io/zone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Arc<str>>,
    /// Node addresses.
    pub ips: Vec<IpAddr>,
    /// Conditions as they stand.
    pub conditions: Vec<Condition>,
    /// Cordoned.
    pub unschedulable: bool,
}

impl NodeState {
    /// A condition by its type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| &*condition.kind == kind)
    }
}

/// One status condition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// `Ready`, `MemoryPressure`, ...
    pub kind: Arc<str>,
    /// `True`, `False`, `Unknown`.
    pub status: Arc<str>,
    /// `KubeletHasInsufficientMemory`, ...
    pub reason: Arc<str>,
    /// Free text, cut at 512 bytes.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub message: Arc<str>,
    /// When it last changed.
    pub since: Option<Timestamp>,
}
