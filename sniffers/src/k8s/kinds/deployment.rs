//! `apps/v1` Deployment.

use correlator::ObjectState;
use correlator::object::WorkloadState;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::wire::{resource, slim};
use super::Kind;
use super::workload::{ReplicasStatus, of_replicas};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Deployment {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<ReplicasStatus>,
}

resource!(Deployment, "apps", "Deployment", "deployments", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    replicas: Option<i64>,
    paused: Option<bool>,
}

impl Kind for Deployment {
    const WATCHED: Watched = Watched {
        group: "apps",
        plural: "deployments",
        what: "rollouts of Deployments",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let spec = self.spec.as_ref();
        let wanted = spec.and_then(|spec| spec.replicas);
        ObjectState::Workload(WorkloadState {
            paused: spec.and_then(|spec| spec.paused).unwrap_or(false),
            ..of_replicas(&self.metadata, wanted, self.status.as_ref(), pruner)
        })
    }
}
