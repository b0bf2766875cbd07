//! `policy/v1` `PodDisruptionBudget`.

use correlator::ObjectState;
use correlator::object::BudgetState;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::selector::{Selector, nothing};
use super::super::wire::{Condition, resource, slim};
use super::{Kind, count};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct DisruptionBudget {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
}

resource!(
    DisruptionBudget,
    "policy",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    NamespaceResourceScope
);

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    selector: Option<Selector>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    disruptions_allowed: Option<i64>,
    current_healthy: Option<i64>,
    desired_healthy: Option<i64>,
    expected_pods: Option<i64>,
    conditions: Option<Vec<Condition>>,
}

impl Kind for DisruptionBudget {
    const WATCHED: Watched = Watched {
        group: "policy",
        plural: "poddisruptionbudgets",
        what: "disruption budgets and the evictions they block",
    };

    /// Unlike an empty selector, an absent one selects no pod.
    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let selector = self.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let unknown = Status::default();
        let status = self.status.as_ref().unwrap_or(&unknown);
        ObjectState::DisruptionBudget(BudgetState {
            pods: selector.map_or_else(nothing, |selector| pruner.selector(Some(selector))),
            allowed: count(status.disruptions_allowed),
            healthy: count(status.current_healthy),
            needed: count(status.desired_healthy),
            expected: count(status.expected_pods),
            conditions: pruner.conditions(status.conditions.as_deref()),
        })
    }
}
