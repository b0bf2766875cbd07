//! The watch of `ReplicaSet`s: they stand between a pod and the Deployment that is changed to change it, and tell what
//! that Deployment was before.

use std::sync::{Arc, Mutex, PoisonError};

use kube::core::ObjectMeta;

use super::deployment::{SharedRollouts, tell_deployment};
use super::gap::Watched;
use super::pod::{controller, tell};
use super::prune::{Pruner, tell_left_out};
use super::rollout::Revision;
use super::roster::{Controller, Roster};
use super::template::template;
use super::text::timestamp;
use super::watch::Reader;
use super::wire::{REVISION, REVISION_HISTORY, ReplicaSet};
use crate::clock;
use crate::sniffer::Context;

/// Deployments that are told at once when a list is complete.
const BATCH: usize = 256;

/// Reads replica sets.
pub(super) struct ReplicaSets {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
    /// Where Deployments are watched too.
    rollouts: Option<SharedRollouts>,
    pruner: Pruner,
}

impl ReplicaSets {
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>, rollouts: Option<SharedRollouts>) -> Self {
        Self {
            cx,
            roster,
            rollouts,
            pruner: Pruner::default(),
        }
    }

    fn learn_revision(&mut self, deployment: &Controller, uid: Arc<str>, set: &ReplicaSet) {
        let Some(rollouts) = &self.rollouts else { return };
        let annotations = set.metadata.annotations.as_ref();
        let Some(number) = annotations.and_then(|all| all.get(REVISION)?.parse().ok()) else {
            return;
        };
        let is_reused = annotations.is_some_and(|all| all.contains_key(REVISION_HISTORY));
        let created = timestamp(set.metadata.creation_timestamp.as_ref());
        let spec = set.spec.as_ref();
        let revision = Revision {
            number,
            set: uid,
            since: created.filter(|_| !is_reused),
            template: template(spec.and_then(|spec| spec.template.as_ref()), &mut self.pruner),
        };
        tell_left_out(&self.cx, Self::WATCHED, self.pruner.take_left_out());
        let mut rollouts = rollouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = rollouts.learn_set(&deployment.uid, revision, clock::now()) {
            tell_deployment(&self.cx, news);
        }
    }
}

impl Reader for ReplicaSets {
    type Object = ReplicaSet;
    const WATCHED: Watched = Watched {
        group: "apps",
        plural: "replicasets",
        what: "the Deployments that own pods, and what their rollouts changed",
    };

    fn listing(&mut self, under_way: bool) {
        if let Some(rollouts) = &self.rollouts {
            let mut rollouts = rollouts.lock().unwrap_or_else(PoisonError::into_inner);
            rollouts.listing(under_way);
        }
    }

    fn apply(&mut self, set: ReplicaSet) {
        let Some(uid) = Self::key(&set.metadata) else { return };
        learn_set(&self.cx, &self.roster, &uid, &set.metadata);
        let deployment = controller(&set.metadata).filter(|controller| &*controller.kind == "Deployment");
        if let Some(deployment) = deployment {
            self.learn_revision(&deployment, uid, &set);
        }
    }

    fn gone(&mut self, key: &str) {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(controller), Some(rollouts)) = (roster.forget_set(key), &self.rollouts) {
            let mut rollouts = rollouts.lock().unwrap_or_else(PoisonError::into_inner);
            rollouts.forget_set(&controller.uid, key);
        }
    }

    fn tell_more(&mut self) -> bool {
        let Some(rollouts) = &self.rollouts else { return false };
        let mut rollouts = rollouts.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..BATCH {
            let Some(news) = rollouts.next_held_back() else {
                return false;
            };
            tell_deployment(&self.cx, news);
        }
        true
    }
}

/// Takes in who controls a set, and tells its pods again where that is new.
pub(super) fn learn_set(cx: &Context, roster: &Mutex<Roster>, uid: &Arc<str>, metadata: &ObjectMeta) {
    let mut roster = roster.lock().unwrap_or_else(PoisonError::into_inner);
    for news in roster.learn_set(uid, controller(metadata)) {
        tell(cx, news);
    }
}
