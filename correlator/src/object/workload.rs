//! Controllers of pods, and what changed in their pod template.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::Owner;
use crate::node::Condition;
use crate::time::Timestamp;

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
