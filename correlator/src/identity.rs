//! Who an event is about: a container, a pod, a node, a workload, a process of the host, or the cluster.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::object::ObjectRef;

/// The object that owns a pod and is changed to change it, found through ownerReferences.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Kind as the API spells it: `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `ReplicaSet` or a custom kind.
    pub kind: Arc<str>,
    /// Name of the object, in the pod's namespace.
    pub name: Arc<str>,
}

/// What is known of a pod, and of one container in it. The kernel alone gives `uid` and `container_id`; the names come
/// from the API server and stay `None` until it told them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct PodIdentity {
    /// Pod uid, with dashes. Empty for a container that no pod owns (plain Docker).
    pub uid: Arc<str>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Arc<str>>,
    /// Pod name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Arc<str>>,
    /// Container name, when the identity is of one container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Arc<str>>,
    /// Container id without the runtime prefix, when the identity is of one container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<Arc<str>>,
    /// Node the pod runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
    /// The workload to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// A process outside every container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostProcess {
    /// Process id (thread group id) in the host's pid namespace.
    pub pid: u32,
    /// Command name as the kernel holds it, at most 15 bytes, lossily decoded. Empty when it was not read.
    pub comm: Arc<str>,
    /// Its cgroup path, or empty when unknown.
    pub cgroup: Arc<str>,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// One container of a pod.
    Container(Arc<PodIdentity>),
    /// A pod as a whole.
    Pod(Arc<PodIdentity>),
    /// A node, by name.
    Node(Arc<str>),
    /// Another object of the API server.
    Object(Arc<ObjectRef>),
    /// A process of the host, in no container.
    Process(Arc<HostProcess>),
    /// The cluster, or what watches it.
    Cluster,
}

/// The unit of history and of detection: everything that is known of one pod is looked at together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A pod, by uid.
    Pod(Arc<str>),
    /// A container that no pod owns, by container id.
    Container(Arc<str>),
    /// A node, by name.
    Node(Arc<str>),
    /// Another object of the API server.
    Object(Arc<ObjectRef>),
    /// Processes of the host with one command name in one cgroup.
    Host {
        /// Command name.
        comm: Arc<str>,
        /// cgroup path.
        cgroup: Arc<str>,
    },
    /// The cluster.
    Cluster,
}

impl Subject {
    /// The scope whose history holds this subject's events.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Container(id) | Self::Pod(id) if id.uid.is_empty() => {
                Scope::Container(id.container_id.clone().unwrap_or_default())
            }
            Self::Container(id) | Self::Pod(id) => Scope::Pod(id.uid.clone()),
            Self::Node(name) => Scope::Node(name.clone()),
            Self::Object(object) => Scope::Object(object.clone()),
            Self::Process(process) => Scope::Host {
                comm: process.comm.clone(),
                cgroup: process.cgroup.clone(),
            },
            Self::Cluster => Scope::Cluster,
        }
    }

    /// The container id, when the subject is a container.
    pub fn container_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Container(id) => id.container_id.as_ref(),
            _ => None,
        }
    }
}

impl PodIdentity {
    /// `namespace/pod`, or `pod <uid>` while the API has not named it.
    pub fn pod_label(&self) -> String {
        match (&self.namespace, &self.pod) {
            (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
            _ if self.uid.is_empty() => format!("container {}", self.container_label()),
            _ => format!("pod {}", self.uid),
        }
    }

    /// The container's name, or the first twelve characters of its id.
    pub fn container_label(&self) -> String {
        match (&self.container, &self.container_id) {
            (Some(name), _) => name.to_string(),
            (None, Some(id)) => id.chars().take(12).collect(),
            (None, None) => "unknown".to_owned(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(id) if id.uid.is_empty() => f.write_str(&id.pod_label()),
            Self::Container(id) => write!(f, "{}/{}", id.pod_label(), id.container_label()),
            Self::Pod(id) => f.write_str(&id.pod_label()),
            Self::Node(name) => write!(f, "node/{name}"),
            Self::Object(object) => object.fmt(f),
            Self::Process(process) if process.comm.is_empty() => write!(f, "host/pid-{}", process.pid),
            Self::Process(process) => write!(f, "host/{}", process.comm),
            Self::Cluster => f.write_str("cluster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_without_a_name_is_called_by_its_uid() {
        let id = PodIdentity {
            uid: "u-1".into(),
            container_id: Some("0123456789abcdef".into()),
            ..Default::default()
        };
        assert_eq!(Subject::Container(id.into()).to_string(), "pod u-1/0123456789ab");
    }

    #[test]
    fn two_containers_of_a_pod_share_its_scope() {
        let of = |container: &str| {
            Subject::Container(Arc::new(PodIdentity {
                uid: "u-1".into(),
                container_id: Some(container.into()),
                ..Default::default()
            }))
        };
        assert_eq!(of("a").scope(), of("b").scope());
    }
}
