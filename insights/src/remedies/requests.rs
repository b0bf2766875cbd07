//! A memory request that matches what a container uses.

use correlator::{ContainerView, Remedy, Risk, Scope, Series, Window, signals};
use serde_json::json;

use super::{impact, is_rolled_out};
use crate::consumers::Consumer;
use crate::kubectl::{self, Kubectl, PatchType, Resources, Target};
use crate::phrase::{bytes, quantity};

/// Of the seconds that were measured, this share stays below the request.
const SHARE: f64 = 0.95;
/// Requests are rounded up to this, bytes.
const STEP: u64 = 64 * 1024 * 1024;

/// Raises the memory request of the container of this pod that uses most over its own, to what it used in 95 % of the last
/// five minutes. Never lowers one, and never goes beyond the container's limit. `None` when there is nothing to raise.
pub(crate) fn request_for(window: &Window<'_>, consumer: &Consumer) -> Option<Remedy> {
    let view = window.of(&Scope::Pod(consumer.identity.uid.clone()))?;
    let wants = view
        .containers()
        .iter()
        .filter_map(|container| Some((wanted(container)?, container)));
    let (wanted, container) = wants.max_by_key(|(wanted, container)| wanted - requested(container))?;
    let pod = &container.identity;
    let owner = pod.owner.as_ref().filter(|owner| is_rolled_out(&owner.kind))?;
    let target = Target::owner(pod)?;
    let name = pod.container.as_deref()?;
    let request = |bytes: u64| {
        let requests = vec![("memory".to_owned(), quantity(bytes))];
        kubectl::set_resources(
            &target,
            name,
            &Resources {
                requests,
                ..Resources::default()
            },
        )
    };
    let before = container.state.and_then(|state| state.memory_request);
    let undo = before.map_or_else(|| Some(no_request(&target, name)), request);
    let command = request(wanted)?;
    Some(Remedy {
        title: format!(
            "Request {} of memory for {} {}",
            quantity(wanted),
            owner.kind,
            owner.name
        ),
        why: format!(
            "{}; with a request that matches, the scheduler places it where there is that much, and others are not killed \
             for it",
            consumer.says()
        ),
        risk: Risk::Low,
        impact: impact(pod),
        needs: Some(format!(
            "a node with {} that is not requested yet",
            bytes(wanted as f64)
        )),
        commands: vec![command.to_string()],
        undo: undo.map(|command| command.to_string()),
        verify: "the new pods are scheduled, and the node's memory in use stays below what it can allocate".to_owned(),
    })
}

/// Takes the request out of the template.
fn no_request(target: &Target, container: &str) -> Kubectl {
    let none = json!({"name": container, "resources": {"requests": {"memory": null}}});
    let body = json!({"spec": {"template": {"spec": {"containers": [none]}}}});
    kubectl::patch(target, PatchType::Strategic, &body)
}

/// What this container should request, bytes, when that is more than it does.
fn wanted(container: &ContainerView<'_>) -> Option<u64> {
    let used = usual(container.series(&signals::MEMORY_USAGE)?)?;
    let limit = container.state.and_then(|state| state.memory_limit).unwrap_or(u64::MAX);
    let wanted = used.div_ceil(STEP).saturating_mul(STEP).min(limit);
    (wanted > requested(container)).then_some(wanted)
}

fn requested(container: &ContainerView<'_>) -> u64 {
    container
        .state
        .and_then(|state| state.memory_request)
        .unwrap_or_default()
}

/// What a gauge stayed at or below in 95 % of its seconds.
fn usual(series: &Series) -> Option<u64> {
    let mut values: Vec<f64> = series.buckets().map(|bucket| bucket.max).collect();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index, and a number of bytes"
    )]
    let at = |share: f64| {
        values
            .get(((values.len() - 1) as f64 * share).ceil() as usize)
            .map(|value| *value as u64)
    };
    if values.is_empty() { None } else { at(SHARE) }
}
