//! `apps/v1` `StatefulSet`.

use correlator::ObjectState;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::wire::{Template, resource, slim};
use super::Kind;
use super::workload::{ReplicasStatus, of_replicas};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct StatefulSet {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<ReplicasStatus>,
}

resource!(
    StatefulSet,
    "apps",
    "StatefulSet",
    "statefulsets",
    NamespaceResourceScope
);

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    replicas: Option<i64>,
    template: Option<Template>,
}

impl Kind for StatefulSet {
    const WATCHED: Watched = Watched {
        group: "apps",
        plural: "statefulsets",
        what: "rollouts of StatefulSets",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let wanted = self.spec.as_ref().and_then(|spec| spec.replicas);
        ObjectState::Workload(of_replicas(&self.metadata, wanted, self.status.as_ref(), pruner))
    }

    fn template(&self) -> Option<&Template> {
        self.spec.as_ref()?.template.as_ref()
    }
}
