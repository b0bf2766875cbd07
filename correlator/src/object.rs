//! What the API server says of objects other than pods and nodes, in the slim form that tapio keeps.
//!
//! Field meanings follow the published API (`apps/v1`, `batch/v1`, `v1`, `discovery.k8s.io/v1`, `networking.k8s.io/v1`,
//! `autoscaling/v2`, `policy/v1`).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::Owner;
use crate::node::Condition;
use crate::selector::LabelSelector;
use crate::time::Timestamp;

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

/// A controller of pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkloadState {
    /// What controls it: the `CronJob` of a Job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Pods wanted: `spec.replicas`, a `DaemonSet`'s `desiredNumberScheduled`, a Job's `parallelism`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u32>,
    /// Pods that exist; of a Job those that run.
    pub pods: u32,
    /// Pods that are ready.
    pub ready: u32,
    /// Pods that are available: ready for `minReadySeconds`.
    pub available: u32,
    /// Pods of the current revision.
    pub updated: u32,
    /// The controller has seen the newest spec (`observedGeneration`).
    pub observed: bool,
    /// A paused rollout, or a suspended Job or `CronJob`.
    pub paused: bool,
    /// Conditions as they stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The current revision against the one before it, where both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Of a Job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobState>,
    /// Schedule of a `CronJob`, in cron's notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Arc<str>>,
    /// When a `CronJob` last started a Job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scheduled: Option<Timestamp>,
}

/// What is particular to a Job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobState {
    /// Pods that have to succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    /// Failed pods after which it gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<u32>,
    /// Pods that succeeded.
    pub succeeded: u32,
    /// Pods that failed.
    pub failed: u32,
}

/// How a workload's pod template differs from the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rollout {
    /// `deployment.kubernetes.io/revision`, or the generation of a workload that has no revisions.
    pub revision: u64,
    /// The one before, in the same count.
    pub previous: u64,
    /// When the current one was made, or seen first.
    pub at: Option<Timestamp>,
    /// What differs; empty when only parts differ that tapio does not read.
    pub changes: Vec<Change>,
}

/// One difference of two pod templates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// The container.
    pub container: Arc<str>,
    /// What of it.
    pub field: Field,
    /// Before; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Arc<str>>,
    /// Now; `None` when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Arc<str>>,
}

/// A part of a container's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The container itself, by its name.
    Container,
    /// `image`.
    Image,
    /// `command` and `args`.
    Command,
    /// Name of an environment variable; values are never read.
    Env,
    /// `resources.limits.memory`.
    MemoryLimit,
    /// `resources.requests.memory`.
    MemoryRequest,
    /// `resources.limits.cpu`.
    CpuLimit,
    /// `resources.requests.cpu`.
    CpuRequest,
    /// `livenessProbe`.
    LivenessProbe,
    /// `readinessProbe`.
    ReadinessProbe,
    /// `startupProbe`.
    StartupProbe,
}

/// A Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceState {
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
    pub kind: Arc<str>,
    /// Virtual addresses; empty for a headless Service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Labels of the pods it forwards to; empty when something else manages its endpoints.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: Labels,
    /// Ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// The name that an `ExternalName` Service stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_name: Option<Arc<str>>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// Its name; empty where there is only one port.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Arc<str>,
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: Arc<str>,
    /// The port clients use.
    pub port: u16,
    /// The port of the pod.
    pub target: TargetPort,
    /// The port of every node, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

/// A pod's port, by number or by the name a container gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By name.
    Name(Arc<str>),
}

impl fmt::Display for TargetPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// An `EndpointSlice`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointsState {
    /// The Service it is of (label `kubernetes.io/service-name`), in the same namespace.
    pub service: Arc<str>,
    /// Ports of every endpoint: name (empty for none) and number.
    pub ports: Vec<(Arc<str>, u16)>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// Addresses; consumers use the first.
    pub addresses: Vec<IpAddr>,
    /// Takes traffic. What the server leaves out counts as ready (`discovery.k8s.io/v1`).
    pub ready: bool,
    /// Ready but for termination.
    pub serving: bool,
    /// Its pod is being deleted.
    pub terminating: bool,
    /// Uid of the pod behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Arc<str>>,
    /// Node it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
}

/// A `NetworkPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkPolicyState {
    /// The pods of its namespace that it is about.
    pub pods: LabelSelector,
    /// What may come in; `None` when it says nothing about that direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Vec<PolicyRule>>,
    /// What may go out; `None` when it says nothing about that direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<PolicyRule>>,
}

/// What one rule of a `NetworkPolicy` lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyRule {
    /// With whom; empty for everybody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PolicyPeer>,
    /// On which ports; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PolicyPort>,
}

/// With whom a rule lets a pod talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyPeer {
    /// Pods.
    Pods {
        /// Which pods; `None` for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pods: Option<LabelSelector>,
        /// In which namespaces; `None` for the policy's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespaces: Option<LabelSelector>,
    },
    /// Addresses, in CIDR notation.
    Block {
        /// The block.
        cidr: Arc<str>,
        /// Blocks in it that are left out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        except: Vec<Arc<str>>,
    },
}

/// Ports that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPort {
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: Arc<str>,
    /// The port, or the first of a range; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<TargetPort>,
    /// The last of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u16>,
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
