//! `autoscaling/v2` `HorizontalPodAutoscaler`.

use correlator::object::AutoscalerState;
use correlator::{ObjectState, Owner};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::wire::{Condition, resource, slim};
use super::{Kind, count};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Autoscaler {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
}

resource!(
    Autoscaler,
    "autoscaling",
    "v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    NamespaceResourceScope
);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    scale_target_ref: Option<Target>,
    min_replicas: Option<i64>,
    max_replicas: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Target {
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    current_replicas: Option<i64>,
    desired_replicas: Option<i64>,
    conditions: Option<Vec<Condition>>,
}

impl Kind for Autoscaler {
    const WATCHED: Watched = Watched {
        group: "autoscaling",
        plural: "horizontalpodautoscalers",
        what: "autoscalers and whether they can scale",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let (nothing, idle) = (Spec::default(), Status::default());
        let (spec, status) = (
            self.spec.as_ref().unwrap_or(&nothing),
            self.status.as_ref().unwrap_or(&idle),
        );
        let target = spec.scale_target_ref.clone().unwrap_or_default();
        ObjectState::Autoscaler(AutoscalerState {
            target: Owner {
                kind: pruner.name(target.kind.as_deref()),
                name: pruner.name(target.name.as_deref()),
            },
            min: count(spec.min_replicas.or(Some(1))),
            max: count(spec.max_replicas),
            current: count(status.current_replicas),
            desired: count(status.desired_replicas),
            conditions: pruner.conditions(status.conditions.as_deref()),
        })
    }
}
