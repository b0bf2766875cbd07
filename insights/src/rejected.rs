//! Pods that the API server did not take: what controllers say of it, in `FailedCreate` Events and in the
//! `ReplicaFailure` condition of a Deployment.

use std::sync::Arc;

use correlator::object::WorkloadState;
use correlator::{Condition, ObjectRef, ObjectState, Scope, Timestamp, Window, World};

use crate::messages::admission::{self, Why};
use crate::standing;

/// A workload whose pods are not taken now.
#[derive(Debug, Clone)]
pub(crate) struct Rejection<'a> {
    /// Who wants to make them.
    pub(crate) object: Arc<ObjectRef>,
    pub(crate) at: Timestamp,
    pub(crate) message: &'a str,
    pub(crate) why: Why<'a>,
    pub(crate) times: u32,
}

/// What the scope tells of: by its condition, or by an Event that is news while pods are missing.
pub(crate) fn of<'a>(window: &Window<'a>) -> Option<Rejection<'a>> {
    let Scope::Object(object) = window.scope() else {
        return None;
    };
    match window.world().object(object) {
        Some(ObjectState::Workload(workload)) => {
            by_condition(object, workload).or_else(|| by_event(window, object).filter(|_| is_short(workload)))
        }
        _ => by_event(window, object).filter(|_| !is_told_above(window.world(), object)),
    }
}

fn by_condition<'a>(object: &Arc<ObjectRef>, workload: &'a WorkloadState) -> Option<Rejection<'a>> {
    let failure = replica_failure(workload)?;
    Some(Rejection {
        object: object.clone(),
        at: failure.since.unwrap_or_default(),
        message: &failure.message,
        why: admission::classify(&failure.message),
        times: 1,
    })
}

fn replica_failure(workload: &WorkloadState) -> Option<&Condition> {
    let is_it = |condition: &&Condition| &*condition.kind == "ReplicaFailure" && &*condition.status == "True";
    workload.conditions.iter().find(is_it)
}

/// Whether pods that are wanted do not exist.
fn is_short(workload: &WorkloadState) -> bool {
    workload.wanted.is_none_or(|wanted| workload.pods < wanted)
}

/// The newest Event of a pod that was not taken.
fn by_event<'a>(window: &Window<'a>, object: &Arc<ObjectRef>) -> Option<Rejection<'a>> {
    let is_news = standing::events(window).any(|(_, event)| &*event.reason == "FailedCreate" && !event.history);
    let told = standing::told(window, &["FailedCreate"]);
    let last = told.last().filter(|_| is_news)?;
    Some(Rejection {
        object: object.clone(),
        at: last.at,
        message: last.message,
        why: admission::classify(last.message),
        times: told.iter().map(|told| told.times).sum(),
    })
}

/// A Deployment carries what its `ReplicaSet` met as a condition, and names its `ReplicaSets` after itself.
fn is_told_above(world: &World, object: &ObjectRef) -> bool {
    let is_above = |name: &ObjectRef| {
        &*name.kind == "Deployment"
            && name.namespace == object.namespace
            && object
                .name
                .strip_prefix(&*name.name)
                .is_some_and(|rest| rest.starts_with('-'))
    };
    &*object.kind == "ReplicaSet"
        && world.objects().any(|(name, state)| match state {
            ObjectState::Workload(workload) => is_above(name) && replica_failure(workload).is_some(),
            _ => false,
        })
}
