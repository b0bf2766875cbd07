//! What changed before trouble began: the rollout of the workload, and how to take it back.

use std::time::Duration;

use correlator::object::{Change, Field, Rollout, WorkloadState};
use correlator::{Insight, ObjectRef, ObjectState, PodIdentity, Remedy, Risk, Source, Subject, Timestamp, World};

use crate::advice;
use crate::kubectl::{Target, rollout_history, rollout_undo, set_image};
use crate::phrase::{duration, escape};

/// A change this long before the first evidence may have caused it.
const BEFORE: Duration = Duration::from_secs(30 * 60);
/// A pod that was made this long before its workload's revision, as clocks go, is still of that revision.
const SKEW: Duration = Duration::from_secs(2);
/// Changes that are told.
const TOLD: usize = 6;

/// The workload that owns a pod, by its reference and as it stands.
pub(crate) fn workload_of<'a>(world: &'a World, pod: &PodIdentity) -> Option<(ObjectRef, &'a WorkloadState)> {
    let owner = pod.owner.as_ref()?;
    let name = ObjectRef {
        kind: owner.kind.clone(),
        namespace: pod.namespace.clone()?,
        name: owner.name.clone(),
    };
    match world.object(&name)? {
        ObjectState::Workload(workload) => Some((name, workload)),
        _ => None,
    }
}

/// The rollout that made this pod, when it was at most half an hour before trouble began at `began`. A pod of an older
/// revision was there before: what ails it has another cause.
pub(crate) fn rollout_of<'a>(world: &'a World, pod: &PodIdentity, began: Timestamp) -> Option<&'a Rollout> {
    let (_, workload) = workload_of(world, pod)?;
    let rollout = workload.rollout.as_ref()?;
    let at = rollout.at?;
    let created = world.pod(&pod.uid)?.state.created?;
    let is_near = at <= began && began.since(at) <= BEFORE;
    (is_near && created.plus(SKEW) >= at).then_some(rollout)
}

/// `revision 4 (2m05s before): image of app v1 -> v2`.
pub(crate) fn tell(rollout: &Rollout, began: Timestamp) -> String {
    let age = rollout.at.map(|at| duration(began.since(at))).unwrap_or_default();
    let head = format!("revision {} was rolled out {age} before", rollout.revision);
    if rollout.changes.is_empty() {
        return format!(
            "{head}; nothing that tapio reads differs from revision {}",
            rollout.previous
        );
    }
    let changes: Vec<String> = rollout.changes.iter().take(TOLD).map(one).collect();
    let more = rollout.changes.len().saturating_sub(TOLD);
    let more = if more > 0 {
        format!("; {more} more")
    } else {
        String::new()
    };
    format!("{head}: {}{more}", changes.join("; "))
}

fn one(change: &Change) -> String {
    let what = match change.field {
        Field::Container => "container",
        Field::Image => "image",
        Field::Command => "command",
        Field::Env => "environment variable",
        Field::MemoryLimit => "memory limit",
        Field::MemoryRequest => "memory request",
        Field::CpuLimit => "CPU limit",
        Field::CpuRequest => "CPU request",
        Field::LivenessProbe => "liveness probe",
        Field::ReadinessProbe => "readiness probe",
        Field::StartupProbe => "startup probe",
    };
    let of = match change.field {
        Field::Container => String::new(),
        _ => format!(" of {}", change.container),
    };
    let text = |value: &str| escape(value, 120);
    match (change.before.as_deref(), change.after.as_deref()) {
        (Some(before), Some(after)) => format!("{what}{of} {} -> {}", text(before), text(after)),
        (None, Some(after)) => format!("{what}{of} {} added", text(after)),
        (Some(before), None) => format!("{what}{of} {} removed", text(before)),
        (None, None) => format!("{what}{of} changed"),
    }
}

/// Takes back the rollout with which trouble began. `None` when it did not begin with one.
pub(crate) fn undo(world: &World, pod: &PodIdentity, began: Timestamp) -> Option<Remedy> {
    let rollout = rollout_of(world, pod, began)?;
    let (name, _) = workload_of(world, pod)?;
    go_back(&name, rollout, began)
}

/// Takes a rollout back. `None` for a workload without numbered revisions.
pub(crate) fn go_back(name: &ObjectRef, rollout: &Rollout, now: Timestamp) -> Option<Remedy> {
    if &*name.kind != "Deployment" {
        return None;
    }
    let target = Target::object(name)?;
    let to = |revision: u64| rollout_undo(&target, Some(revision)).map(|command| command.to_string());
    let look = rollout_history(&target, None).map(|command| command.to_string());
    Some(Remedy {
        title: format!("Go back to revision {}", rollout.previous),
        why: tell(rollout, now),
        risk: Risk::Medium,
        impact: format!("{name} replaces its pods one by one; what the new revision brought is gone"),
        needs: Some(
            "the previous revision can still work: its image, configuration and data formats are there".to_owned(),
        ),
        commands: look.into_iter().chain(to(rollout.previous)).collect(),
        undo: to(rollout.revision),
        verify: "the new pods become ready and the trouble does not come back".to_owned(),
    })
}

/// Back to the image before, when the image that the pod names came with its workload's last rollout.
pub(crate) fn image_before(world: &World, pod: &PodIdentity, container: &str, image: &str) -> Option<Remedy> {
    let (_, workload) = workload_of(world, pod)?;
    let rollout = workload.rollout.as_ref()?;
    let is_it = |change: &&Change| &*change.container == container && change.field == Field::Image;
    let change = rollout.changes.iter().find(is_it)?;
    let before = change.before.as_deref()?;
    if change.after.as_deref() != Some(image) {
        return None;
    }
    let target = Target::owner(pod)?;
    let (number, previous) = (rollout.revision, rollout.previous);
    advice::change(
        &format!("Go back to the image {}", escape(before, 200)),
        &format!(
            "revision {number} changed it; revision {previous} ran with {}",
            escape(before, 200)
        ),
        set_image(&target, container, before),
        set_image(&target, container, image),
        "kubectl rollout status says that the rollout is complete",
    )
}

/// An insight about a pod tells the rollout before it.
pub(crate) fn attach(world: &World, insight: &mut Insight) {
    let (Subject::Container(pod) | Subject::Pod(pod)) = &insight.subject else {
        return;
    };
    let Some(began) = insight.evidence.iter().map(|evidence| evidence.at).min() else {
        return;
    };
    if let Some((rollout, at)) = rollout_of(world, pod, began).and_then(|rollout| Some((rollout, rollout.at?))) {
        let evidence = correlator::Evidence {
            at,
            source: Source::Kubernetes,
            says: tell(rollout, began),
        };
        insight.evidence.insert(0, evidence);
    }
}
