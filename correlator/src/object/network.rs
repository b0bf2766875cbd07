//! Services, their endpoints, and network policies.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Labels;
use crate::selector::LabelSelector;

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
