//! `v1` Pod.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::probe::Probe;
use super::shared::{Condition, Resources};
use super::{metadata, resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Pod {
    #[serde(default, deserialize_with = "metadata::slim")]
    pub(in super::super) metadata: ObjectMeta,
    pub(in super::super) spec: Option<PodSpec>,
    pub(in super::super) status: Option<PodStatus>,
}

resource!(Pod, "", "Pod", "pods", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PodSpec {
    pub(in super::super) node_name: Option<String>,
    pub(in super::super) restart_policy: Option<String>,
    pub(in super::super) host_network: Option<bool>,
    pub(in super::super) termination_grace_period_seconds: Option<i64>,
    pub(in super::super) volumes: Option<Vec<Volume>>,
    pub(in super::super) containers: Option<Vec<Container>>,
    pub(in super::super) init_containers: Option<Vec<Container>>,
    pub(in super::super) ephemeral_containers: Option<Vec<Container>>,
}

/// A volume, of which only claims are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Volume {
    pub(in super::super) name: Option<String>,
    pub(in super::super) persistent_volume_claim: Option<ClaimSource>,
    pub(in super::super) ephemeral: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ClaimSource {
    pub(in super::super) claim_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Container {
    pub(in super::super) name: String,
    pub(in super::super) image: Option<String>,
    pub(in super::super) command: Option<Vec<String>>,
    pub(in super::super) args: Option<Vec<String>>,
    pub(in super::super) ports: Option<Vec<Port>>,
    pub(in super::super) resources: Option<Resources>,
    pub(in super::super) restart_policy: Option<String>,
    pub(in super::super) liveness_probe: Option<Probe>,
    pub(in super::super) readiness_probe: Option<Probe>,
    pub(in super::super) startup_probe: Option<Probe>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Port {
    pub(in super::super) name: Option<String>,
    pub(in super::super) container_port: i64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PodStatus {
    pub(in super::super) phase: Option<String>,
    pub(in super::super) message: Option<String>,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) qos_class: Option<String>,
    pub(in super::super) conditions: Option<Vec<Condition>>,
    #[serde(rename = "podIP")]
    pub(in super::super) pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pub(in super::super) pod_ips: Option<Vec<PodIp>>,
    pub(in super::super) container_statuses: Option<Vec<ContainerStatus>>,
    pub(in super::super) init_container_statuses: Option<Vec<ContainerStatus>>,
    pub(in super::super) ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct PodIp {
    pub(in super::super) ip: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ContainerStatus {
    pub(in super::super) name: String,
    #[serde(rename = "containerID")]
    pub(in super::super) container_id: Option<String>,
    pub(in super::super) restart_count: Option<i64>,
    pub(in super::super) ready: Option<bool>,
    pub(in super::super) state: Option<State>,
    pub(in super::super) last_state: Option<State>,
    pub(in super::super) resources: Option<Resources>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct State {
    pub(in super::super) waiting: Option<Waiting>,
    pub(in super::super) running: Option<Running>,
    pub(in super::super) terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Waiting {
    pub(in super::super) reason: Option<String>,
    pub(in super::super) message: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Running {
    pub(in super::super) started_at: Option<Time>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Terminated {
    pub(in super::super) exit_code: Option<i32>,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) message: Option<String>,
    pub(in super::super) started_at: Option<Time>,
    pub(in super::super) finished_at: Option<Time>,
    #[serde(rename = "containerID")]
    pub(in super::super) container_id: Option<String>,
}
