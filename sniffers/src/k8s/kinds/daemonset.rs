//! `apps/v1` `DaemonSet`.

use correlator::ObjectState;
use correlator::object::WorkloadState;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::wire::{Condition, Template, resource, slim};
use super::workload::{is_observed, named};
use super::{Kind, count};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct DaemonSet {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
}

resource!(DaemonSet, "apps", "DaemonSet", "daemonsets", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    template: Option<Template>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    observed_generation: Option<i64>,
    desired_number_scheduled: Option<i64>,
    current_number_scheduled: Option<i64>,
    number_ready: Option<i64>,
    number_available: Option<i64>,
    updated_number_scheduled: Option<i64>,
    conditions: Option<Vec<Condition>>,
}

impl Kind for DaemonSet {
    const WATCHED: Watched = Watched {
        group: "apps",
        plural: "daemonsets",
        what: "rollouts of DaemonSets",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let nothing = Status::default();
        let status = self.status.as_ref().unwrap_or(&nothing);
        ObjectState::Workload(WorkloadState {
            wanted: Some(count(status.desired_number_scheduled)),
            pods: count(status.current_number_scheduled),
            ready: count(status.number_ready),
            available: count(status.number_available),
            updated: count(status.updated_number_scheduled),
            observed: is_observed(&self.metadata, status.observed_generation),
            conditions: pruner.conditions(status.conditions.as_deref()),
            ..named(&self.metadata)
        })
    }

    fn template(&self) -> Option<&Template> {
        self.spec.as_ref()?.template.as_ref()
    }
}
