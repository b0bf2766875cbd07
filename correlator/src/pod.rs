//! A pod and its containers, in the slim form that tapio keeps. Field meanings follow `v1` Pod.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::node::Condition;
use crate::object::{Labels, TargetPort};
use crate::time::Timestamp;

/// A pod, cut down to what detectors read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodState {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: Arc<str>,
    /// `status.reason`, such as `Evicted`; empty when absent.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: Arc<str>,
    /// `status.message`, cut at 512 bytes; empty when absent.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub message: Arc<str>,
    /// `Always`, `OnFailure`, `Never`.
    pub restart_policy: Arc<str>,
    /// Pod addresses. Those of a hostNetwork pod are the node's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// Shares the node's network namespace.
    pub host_network: bool,
    /// When the API server created it.
    pub created: Option<Timestamp>,
    /// By when it is to be gone, once its deletion was asked for: `metadata.deletionTimestamp`, which holds the grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
    /// Labels; pods of one template share them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Arc<Labels>,
    /// `Guaranteed`, `Burstable`, `BestEffort`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub qos: Arc<str>,
    /// `terminationGracePeriodSeconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<u32>,
    /// Conditions that are not as they should be: those that are not `True`, and `DisruptionTarget`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Names of the persistent volume claims it mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Arc<str>>,
    /// All containers: init, sidecar, ordinary, ephemeral.
    pub containers: Vec<ContainerState>,
}

/// One container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Name in the pod spec.
    pub name: Arc<str>,
    /// What kind of container it is.
    pub role: ContainerRole,
    /// Image in the pod spec.
    pub image: Arc<str>,
    /// Container id without the runtime prefix; empty while none exists.
    pub id: Arc<str>,
    /// `status.restartCount`.
    pub restarts: u32,
    /// Ready by its readiness probe.
    pub ready: bool,
    /// Memory limit, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// Memory request, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_request: Option<u64>,
    /// CPU limit, thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit_millis: Option<u64>,
    /// CPU request, thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_request_millis: Option<u64>,
    /// `command` and `args` of the spec, in order; empty when the image decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Arc<str>>,
    /// Ports the spec names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Those of the ports that have a name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub port_names: BTreeMap<Arc<str>, u16>,
    /// Probes, by their kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<ProbeKind, ProbeSpec>,
    /// Where it stands now.
    pub status: ContainerStatus,
    /// How it ended the time before (`lastState.terminated`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Termination>,
}

impl ContainerState {
    /// How it ended, by what is said of it now: the time before, and this time if it has.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &Termination> {
        let now = match &self.status {
            ContainerStatus::Terminated(termination) => Some(termination),
            _ => None,
        };
        self.last.iter().chain(now)
    }
}

/// What kind of container it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerRole {
    /// From `spec.containers`.
    #[default]
    Main,
    /// From `spec.initContainers`, runs to completion.
    Init,
    /// From `spec.initContainers` with `restartPolicy: Always`.
    Sidecar,
    /// From `spec.ephemeralContainers`.
    Ephemeral,
}

impl ContainerRole {
    /// Whether it is to end before the pod is ready.
    pub const fn completes(self) -> bool {
        matches!(self, Self::Init | Self::Ephemeral)
    }
}

/// Where a container stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerStatus {
    /// No status yet.
    #[default]
    Unknown,
    /// Waiting to start.
    Waiting {
        /// `CrashLoopBackOff`, `ErrImagePull`, ...
        reason: Arc<str>,
        /// Free text of the kubelet, cut at 512 bytes.
        message: Arc<str>,
    },
    /// Running.
    Running {
        /// Since when.
        started: Option<Timestamp>,
    },
    /// Ended.
    Terminated(Termination),
}

/// How a container ended, as the kubelet says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Termination {
    /// Exit code; 128 + signal when a signal ended it.
    pub exit_code: i32,
    /// `Error`, `Completed`, `OOMKilled`, `StartError`, ...
    pub reason: Arc<str>,
    /// Termination message, cut at 512 bytes.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub message: Arc<str>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The container that ended, without the runtime prefix.
    pub container_id: Arc<str>,
}

/// What a probe decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeKind {
    /// Whether the container is restarted.
    Liveness,
    /// Whether it takes traffic.
    Readiness,
    /// When the other two begin.
    Startup,
}

/// How the kubelet asks a container how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// What it does: `http GET :8080/healthz`, `tcp :5432`, `grpc :9090`, `exec cat /tmp/ok`. At most 256 bytes.
    pub action: Arc<str>,
    /// The port it asks, where it asks one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<TargetPort>,
    /// `initialDelaySeconds`.
    pub delay: u32,
    /// `periodSeconds`.
    pub period: u32,
    /// `timeoutSeconds`.
    pub timeout: u32,
    /// `failureThreshold`.
    pub failures: u32,
}
