//! What the newest rollout of a workload changed: of a Deployment from its `ReplicaSet`s, of other workloads from the
//! template before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use correlator::object::{Rollout, WorkloadState};
use correlator::{ObjectRef, Timestamp};

use super::template::{Template, difference};

/// Workloads that are followed, twice the cluster planned for. What comes beyond is told without its rollout, and each
/// time.
const WORKLOADS: usize = 20_000;
/// Revisions kept of a Deployment: the current one and the one before.
const REVISIONS: usize = 2;

/// A `ReplicaSet` of a Deployment.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) number: u64,
    /// Uid of the set.
    pub(super) set: Arc<str>,
    /// When the set was made, unless it stood for an earlier revision too.
    pub(super) since: Option<Timestamp>,
    pub(super) template: Template,
}

/// A Deployment whose state is not what was told before.
#[derive(Debug, PartialEq)]
pub(super) struct News {
    pub(super) object: Arc<ObjectRef>,
    pub(super) state: WorkloadState,
}

/// Deployments with their newest revisions, by uid: what the watches of both share.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    deployments: BTreeMap<Arc<str>, Known>,
    /// The sets were listed once, so that the revision before the current one is known where there is one.
    is_complete: bool,
    /// Deployments whose rollout became known in a list that is under way.
    held_back: BTreeSet<Arc<str>>,
}

#[derive(Debug, Default)]
struct Known {
    told: Option<(Arc<ObjectRef>, WorkloadState)>,
    revisions: BTreeMap<u64, Revision>,
    rollout: Option<Rollout>,
}

impl Rollouts {
    /// A list of the sets begins or ends; in between rollouts are held back.
    pub(super) fn listing(&mut self, under_way: bool) {
        self.is_complete = !under_way;
    }

    /// Takes in a Deployment; returns what is to be told when it is news.
    pub(super) fn learn_deployment(
        &mut self,
        uid: &Arc<str>,
        object: Arc<ObjectRef>,
        mut state: WorkloadState,
    ) -> Option<News> {
        let is_complete = self.is_complete;
        let Some(known) = self.entry(uid) else {
            return Some(News { object, state });
        };
        state.rollout = if is_complete {
            known.rollout.clone()
        } else {
            known.told.as_ref().and_then(|(_, told)| told.rollout.clone())
        };
        self.tell(uid, object, state)
    }

    /// Forgets a Deployment.
    pub(super) fn forget_deployment(&mut self, uid: &str) {
        self.deployments.remove(uid);
    }

    /// Takes in a set of a Deployment; returns the Deployment when that changes what its rollout was.
    pub(super) fn learn_set(&mut self, deployment: &Arc<str>, set: Revision, now: Timestamp) -> Option<News> {
        let known = self.entry(deployment)?;
        known.learn(set, now);
        if self.is_complete {
            return self.upgrade(deployment);
        }
        self.held_back.insert(deployment.clone());
        None
    }

    /// Forgets a set. The rollout to the current revision stays known when the set of the one before goes.
    pub(super) fn forget_set(&mut self, deployment: &str, set: &str) {
        let Some(known) = self.deployments.get_mut(deployment) else {
            return;
        };
        known.revisions.retain(|_, revision| &*revision.set != set);
        if known.revisions.is_empty() && known.told.is_none() {
            self.deployments.remove(deployment);
        }
    }

    /// The next Deployment whose rollout was held back; `None` when there is no other, or a list is under way.
    pub(super) fn next_held_back(&mut self) -> Option<News> {
        while self.is_complete {
            let uid = self.held_back.pop_first()?;
            let news = self.upgrade(&uid);
            if news.is_some() {
                return news;
            }
        }
        None
    }

    fn entry(&mut self, uid: &Arc<str>) -> Option<&mut Known> {
        if self.deployments.len() >= WORKLOADS && !self.deployments.contains_key(uid) {
            return None;
        }
        Some(self.deployments.entry(uid.clone()).or_default())
    }

    fn upgrade(&mut self, uid: &Arc<str>) -> Option<News> {
        let known = self.deployments.get(uid)?;
        let (object, mut state) = known.told.clone()?;
        state.rollout.clone_from(&known.rollout);
        self.tell(uid, object, state)
    }

    fn tell(&mut self, uid: &Arc<str>, object: Arc<ObjectRef>, state: WorkloadState) -> Option<News> {
        let known = self.deployments.get_mut(uid)?;
        if known.told.as_ref().is_some_and(|(_, told)| *told == state) {
            return None;
        }
        known.told = Some((object.clone(), state.clone()));
        Some(News { object, state })
    }
}

impl Known {
    /// A set that stands for another revision than before was rolled back to just now.
    fn learn(&mut self, mut set: Revision, now: Timestamp) {
        let before = self.revisions.values().find(|known| known.set == set.set);
        match before {
            Some(known) if known.number == set.number => set.since = known.since,
            Some(_) => set.since = Some(now),
            None => {}
        }
        self.revisions.retain(|_, known| known.set != set.set);
        self.revisions.insert(set.number, set);
        while self.revisions.len() > REVISIONS {
            self.revisions.pop_first();
        }
        let mut newest = self.revisions.values().rev();
        let (Some(current), Some(previous)) = (newest.next(), newest.next()) else {
            return;
        };
        self.rollout = Some(rollout(
            [previous.number, current.number],
            current.since,
            &previous.template,
            &current.template,
        ));
    }
}

fn rollout([previous, revision]: [u64; 2], at: Option<Timestamp>, before: &Template, after: &Template) -> Rollout {
    Rollout {
        revision,
        previous,
        at,
        changes: difference(before, after),
    }
}

/// Workloads without numbered revisions, by the key of the object: their templates and generations.
#[derive(Debug, Default)]
pub(super) struct Generations {
    workloads: BTreeMap<Arc<str>, Generation>,
}

#[derive(Debug)]
struct Generation {
    uid: Arc<str>,
    number: u64,
    template: Template,
    rollout: Option<Rollout>,
}

impl Generations {
    /// Takes in the template of a workload; returns its newest rollout, if one was seen since it is followed.
    pub(super) fn follow(
        &mut self,
        key: &Arc<str>,
        uid: Arc<str>,
        (number, template): (u64, Template),
        now: Timestamp,
    ) -> Option<Rollout> {
        let is_full = self.workloads.len() >= WORKLOADS;
        match self.workloads.get_mut(key) {
            Some(known) if known.uid == uid => {
                if known.template != template {
                    let numbers = [known.number, number];
                    known.rollout = Some(rollout(numbers, Some(now), &known.template, &template));
                    known.template = template;
                }
                known.number = number;
                return known.rollout.clone();
            }
            None if is_full => return None,
            _ => {}
        }
        let fresh = Generation {
            uid,
            number,
            template,
            rollout: None,
        };
        self.workloads.insert(key.clone(), fresh);
        None
    }

    /// The workload is gone.
    pub(super) fn forget(&mut self, key: &str) {
        self.workloads.remove(key);
    }
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
