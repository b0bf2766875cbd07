//! The watch of Deployments: their state, and the rollout that their `ReplicaSet`s tell of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use correlator::{Fact, ObjectState};
use kube::Resource as _;
use kube::core::ObjectMeta;

use super::gap::Watched;
use super::kinds::{Deployment, Kind};
use super::object::{key_of, object_ref, send};
use super::prune::{Pruner, tell_left_out};
use super::rollout::{News, Rollouts};
use super::text::{NAME, bounded};
use super::watch::Reader;
use crate::sniffer::Context;

/// Shared with the watch of `ReplicaSet`s.
pub(super) type SharedRollouts = Arc<Mutex<Rollouts>>;

/// Reads Deployments.
pub(super) struct Deployments {
    cx: Context,
    rollouts: SharedRollouts,
    pruner: Pruner,
    /// The uid behind each key, by which the sets name their Deployment.
    uids: BTreeMap<Arc<str>, Arc<str>>,
}

impl Deployments {
    pub(super) fn new(cx: Context, rollouts: SharedRollouts) -> Self {
        Self {
            cx,
            rollouts,
            pruner: Pruner::default(),
            uids: BTreeMap::new(),
        }
    }
}

impl Reader for Deployments {
    type Object = Deployment;
    const WATCHED: Watched = Deployment::WATCHED;

    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        key_of(metadata)
    }

    fn apply(&mut self, object: Deployment) {
        let Some(key) = Self::key(object.meta()) else { return };
        let uid = bounded(object.meta().uid.as_deref().unwrap_or_default(), NAME);
        let ObjectState::Workload(state) = object.state(&mut self.pruner) else {
            return;
        };
        let name = Arc::new(object_ref::<Deployment>(&key, &mut self.pruner));
        let mut rollouts = self.rollouts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.uids.insert(key, uid.clone());
        if let Some(before) = before.filter(|before| *before != uid) {
            rollouts.forget_deployment(&before);
        }
        let left_out = self.pruner.take_left_out();
        if let Some(news) = rollouts.learn_deployment(&uid, name, state) {
            tell_left_out(&self.cx, Self::WATCHED, left_out);
            tell_deployment(&self.cx, news);
        }
    }

    fn gone(&mut self, key: &str) {
        let mut rollouts = self.rollouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(uid) = self.uids.remove(key) {
            rollouts.forget_deployment(&uid);
        }
        let name = object_ref::<Deployment>(key, &mut self.pruner);
        send(&self.cx, Arc::new(name), Fact::ObjectDeleted);
    }
}

/// Tells a Deployment as it stands, with its rollout.
pub(super) fn tell_deployment(cx: &Context, news: News) {
    let state = ObjectState::Workload(news.state);
    send(cx, news.object, Fact::Object(Box::new(state)));
}
