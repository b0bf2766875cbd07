//! What controllers of pods have in common.

use correlator::object::WorkloadState;
use kube::core::ObjectMeta;
use serde::Deserialize;

use super::super::pod::controller;
use super::super::prune::Pruner;
use super::super::roster::Controller;
use super::super::text::timestamp;
use super::super::wire::Condition;
use super::count;

/// The status of a Deployment or `StatefulSet`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplicasStatus {
    observed_generation: Option<i64>,
    replicas: Option<i64>,
    ready_replicas: Option<i64>,
    available_replicas: Option<i64>,
    updated_replicas: Option<i64>,
    conditions: Option<Vec<Condition>>,
}

/// A workload whose controller reports no generation: it is taken for observed.
pub(super) fn named(metadata: &ObjectMeta) -> WorkloadState {
    WorkloadState {
        owner: controller(metadata).as_ref().map(Controller::owner),
        created: timestamp(metadata.creation_timestamp.as_ref()),
        observed: true,
        ..WorkloadState::default()
    }
}

/// Whether the controller has seen the newest spec.
pub(super) fn is_observed(metadata: &ObjectMeta, observed: Option<i64>) -> bool {
    observed.unwrap_or(0) >= metadata.generation.unwrap_or(0)
}

/// A workload of replicas; one that does not say how many wants one.
pub(super) fn of_replicas(
    metadata: &ObjectMeta,
    wanted: Option<i64>,
    status: Option<&ReplicasStatus>,
    pruner: &mut Pruner,
) -> WorkloadState {
    let nothing = ReplicasStatus::default();
    let status = status.unwrap_or(&nothing);
    WorkloadState {
        wanted: Some(count(wanted.or(Some(1)))),
        pods: count(status.replicas),
        ready: count(status.ready_replicas),
        available: count(status.available_replicas),
        updated: count(status.updated_replicas),
        observed: is_observed(metadata, status.observed_generation),
        conditions: pruner.conditions(status.conditions.as_deref()),
        ..named(metadata)
    }
}
