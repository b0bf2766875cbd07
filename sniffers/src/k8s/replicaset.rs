//! The watch of `ReplicaSet`s: they stand between a pod and the Deployment that is changed to change it.

use std::sync::{Arc, Mutex, PoisonError};

use super::gap::Watched;
use super::pod::{controller, tell};
use super::roster::Roster;
use super::watch::Reader;
use super::wire::ReplicaSet;
use crate::sniffer::Context;

/// Reads replica sets.
pub(super) struct ReplicaSets {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
}

impl ReplicaSets {
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>) -> Self {
        Self { cx, roster }
    }
}

impl Reader for ReplicaSets {
    type Object = ReplicaSet;
    const WATCHED: Watched = Watched {
        group: "apps",
        plural: "replicasets",
        what: "which Deployment owns a pod",
    };

    fn apply(&mut self, set: ReplicaSet) {
        let Some(uid) = Self::key(&set.metadata) else { return };
        let controller = controller(&set.metadata);
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        for news in roster.learn_set(&uid, controller) {
            tell(&self.cx, news);
        }
    }

    fn gone(&mut self, key: &str) {
        self.roster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget_set(key);
    }
}
