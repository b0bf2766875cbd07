//! The watch of Jobs: they stand between a pod and the `CronJob` that makes them, and fare themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Resource as _;
use kube::core::ObjectMeta;

use super::gap::Watched;
use super::kinds::{Job, Kind};
use super::object::{Objects, key_of};
use super::replicaset::learn_set;
use super::roster::Roster;
use super::text::{NAME, bounded};
use super::watch::Reader;
use crate::sniffer::Context;

/// Reads Jobs.
pub(super) struct Jobs {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
    /// What tells their state; an agent of one node only needs to know who owns its pods.
    objects: Option<Objects<Job>>,
    /// The uid behind each key, by which pods name their Job.
    uids: BTreeMap<Arc<str>, Arc<str>>,
}

impl Jobs {
    /// With `tells`, the state of each Job is told too.
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>, tells: bool) -> Self {
        Self {
            objects: tells.then(|| Objects::new(cx.clone())),
            cx,
            roster,
            uids: BTreeMap::new(),
        }
    }

    fn forget(&self, uid: &str) {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        roster.forget_set(uid);
    }
}

impl Reader for Jobs {
    type Object = Job;
    const WATCHED: Watched = Job::WATCHED;

    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        key_of(metadata)
    }

    fn apply(&mut self, job: Job) {
        let Some(key) = Self::key(job.meta()) else { return };
        let uid = bounded(job.meta().uid.as_deref().unwrap_or_default(), NAME);
        let before = self.uids.insert(key, uid.clone());
        if let Some(before) = before.filter(|before| *before != uid) {
            self.forget(&before);
        }
        learn_set(&self.cx, &self.roster, &uid, job.meta());
        if let Some(objects) = &mut self.objects {
            objects.apply(job);
        }
    }

    fn gone(&mut self, key: &str) {
        if let Some(uid) = self.uids.remove(key) {
            self.forget(&uid);
        }
        if let Some(objects) = &mut self.objects {
            objects.gone(key);
        }
    }
}
