//! What the API server says of objects other than pods and nodes, in the slim form that tapio keeps.
//!
//! Field meanings follow the published API (`apps/v1`, `batch/v1`, `v1`, `discovery.k8s.io/v1`, `networking.k8s.io/v1`,
//! `autoscaling/v2`, `policy/v1`).

mod network;
mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::Owner;
use crate::node::Condition;
use crate::selector::LabelSelector;
use crate::time::Timestamp;

pub use network::{
    Endpoint, EndpointsState, NetworkPolicyState, PolicyPeer, PolicyPort, PolicyRule, ServicePort, ServiceState,
    TargetPort,
};
pub use workload::{Change, Field, JobState, Rollout, WorkloadState};

/// Labels of an object, bounded by the source.
pub type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// Names an object of the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Kind as the API spells it: `Deployment`, `Service`.
    pub kind: Arc<str>,
    /// Namespace; empty for an object of the cluster.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectRef {
    /// `deployment shop/web`, or `persistentvolume pv-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.to_lowercase();
        if self.namespace.is_empty() {
            return write!(f, "{kind} {}", self.name);
        }
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

/// An object as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectState {
    /// Deployment, `StatefulSet`, `DaemonSet`, Job or `CronJob`.
    Workload(WorkloadState),
    /// Service.
    Service(ServiceState),
    /// One `EndpointSlice`; a Service can have several.
    Endpoints(EndpointsState),
    /// `NetworkPolicy`.
    NetworkPolicy(NetworkPolicyState),
    /// `HorizontalPodAutoscaler`.
    Autoscaler(AutoscalerState),
    /// `PersistentVolumeClaim`.
    Claim(ClaimState),
    /// `ResourceQuota`.
    Quota(QuotaState),
    /// `PodDisruptionBudget`.
    DisruptionBudget(BudgetState),
}

/// A `HorizontalPodAutoscaler`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoscalerState {
    /// What it scales.
    pub target: Owner,
    /// Least pods.
    pub min: u32,
    /// Most pods.
    pub max: u32,
    /// Pods there are.
    pub current: u32,
    /// Pods it wants.
    pub desired: u32,
    /// Conditions: `AbleToScale`, `ScalingActive`, `ScalingLimited`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A `PersistentVolumeClaim`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimState {
    /// `Pending`, `Bound`, `Lost`.
    pub phase: Arc<str>,
    /// Storage class; `None` for the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Arc<str>>,
    /// The volume it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Arc<str>>,
    /// Bytes asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<u64>,
    /// `ReadWriteOnce`, `ReadWriteMany`, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Arc<str>>,
    /// Conditions as they stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When it was created.
    pub created: Option<Timestamp>,
}

/// A `ResourceQuota`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaState {
    /// Used and allowed, by resource (`requests.cpu`, `count/pods`), in base units: cores, bytes, objects.
    pub resources: BTreeMap<Arc<str>, Usage>,
}

/// How much of something is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// In use.
    pub used: f64,
    /// Allowed.
    pub hard: f64,
}

/// A `PodDisruptionBudget`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetState {
    /// The pods of its namespace that it is about.
    pub pods: LabelSelector,
    /// Pods that may be evicted now.
    pub allowed: u32,
    /// Healthy pods there are.
    pub healthy: u32,
    /// Healthy pods there have to be.
    pub needed: u32,
    /// Pods it counts.
    pub expected: u32,
    /// Conditions as they stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
