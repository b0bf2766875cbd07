//! The pods as they were last told, and which workload owns them: what the watches share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use correlator::{Owner, PodIdentity, PodState};
use pidmap::PodNames;

use super::told::{Digester, ENTRIES};

/// A controller as an owner reference names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Controller {
    pub(super) kind: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) uid: Arc<str>,
}

impl Controller {
    pub(super) fn owner(&self) -> Owner {
        Owner {
            kind: self.kind.clone(),
            name: self.name.clone(),
        }
    }

    /// Whether it may itself be controlled by what is changed to change the pod: a Deployment, a `CronJob`, a rollout of
    /// another vendor. A `StatefulSet` is the workload even where an operator looks after it.
    fn is_between(&self) -> bool {
        matches!(&*self.kind, "ReplicaSet" | "Job")
    }
}

/// A pod as it was received; the identity does not know the owner yet.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) identity: PodIdentity,
    /// Other uids it runs under.
    pub(super) aliases: Vec<Arc<str>>,
    pub(super) controller: Option<Controller>,
    pub(super) state: PodState,
}

/// A pod whose state or identity is not what was told before.
#[derive(Debug, PartialEq)]
pub(super) struct News {
    pub(super) identity: Arc<PodIdentity>,
    pub(super) aliases: Vec<Arc<str>>,
    pub(super) state: PodState,
}

impl News {
    /// What the pid map needs: the containers that are, and those that just ended.
    pub(super) fn names(&self) -> PodNames {
        let text = |part: &Option<Arc<str>>| part.as_deref().unwrap_or_default().to_owned();
        let ids = self.state.containers.iter().flat_map(|container| {
            let last = container.last.iter().map(|last| &last.container_id);
            std::iter::once(&container.id)
                .chain(last)
                .map(|id| (id.to_string(), container.name.to_string()))
        });
        PodNames {
            uids: uids(&self.identity, &self.aliases).map(ToString::to_string).collect(),
            namespace: text(&self.identity.namespace),
            pod: text(&self.identity.pod),
            node: self.identity.node.as_deref().map(str::to_owned),
            owner: self.identity.owner.clone(),
            containers: ids.filter(|(id, _)| !id.is_empty()).collect(),
        }
    }
}

/// A pod that is no more.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) identity: Arc<PodIdentity>,
    aliases: Vec<Arc<str>>,
}

impl Gone {
    /// All uids it ran under.
    pub(super) fn uids(&self) -> impl Iterator<Item = &Arc<str>> {
        uids(&self.identity, &self.aliases)
    }
}

fn uids<'a>(identity: &'a PodIdentity, aliases: &'a [Arc<str>]) -> impl Iterator<Item = &'a Arc<str>> {
    std::iter::once(&identity.uid).chain(aliases)
}

#[derive(Debug)]
struct Known {
    identity: Arc<PodIdentity>,
    aliases: Vec<Arc<str>>,
    /// Of what was told, without the owner.
    digest: u64,
    /// What stands between it and its workload.
    set: Option<Arc<str>>,
    /// Kept until that is known, for then the pod is told again.
    waiting: Option<Box<PodState>>,
}

/// The pods, and what stands between them and their workloads: `ReplicaSet`s and Jobs, called sets here. Keys are uids.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pods: BTreeMap<Arc<str>, Known>,
    /// The uid a static pod runs under, to the uid of its object.
    aliases: BTreeMap<Arc<str>, Arc<str>>,
    /// What controls a set; `None` for one that stands alone.
    sets: BTreeMap<Arc<str>, Option<Controller>>,
    members: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    digester: Digester,
}

impl Roster {
    /// Takes in a pod; returns what is to be told when it is news.
    pub(super) fn learn_pod(&mut self, sighting: Sighting) -> Option<News> {
        let Sighting {
            identity,
            aliases,
            controller,
            state,
        } = sighting;
        let digest = self.digester.digest(&(&identity, &aliases, &state));
        let owner = self.owner_of(&identity.uid, controller.as_ref());
        let identity = Arc::new(PodIdentity { owner, ..identity });
        let before = self.pods.get(&identity.uid);
        if before.is_some_and(|known| known.digest == digest && known.identity == identity) {
            return None;
        }
        if before.is_some() || self.pods.len() < ENTRIES {
            let set = set_of(controller.as_ref());
            let is_waiting = set.as_ref().is_some_and(|set| !self.sets.contains_key(set));
            self.remember(Known {
                identity: identity.clone(),
                aliases: aliases.clone(),
                digest,
                set,
                waiting: is_waiting.then(|| Box::new(state.clone())),
            });
        }
        Some(News {
            identity,
            aliases,
            state,
        })
    }

    /// Takes in a set; returns the pods whose owner is better known now.
    pub(super) fn learn_set(&mut self, uid: &Arc<str>, controller: Option<Controller>) -> Vec<News> {
        if self.sets.len() >= ENTRIES && !self.sets.contains_key(uid) {
            return Vec::new();
        }
        let owner = controller.as_ref().map(Controller::owner);
        self.sets.insert(uid.clone(), controller);
        let mut upgraded = Vec::new();
        for pod in self.members.get(uid).into_iter().flatten() {
            let Some(known) = self.pods.get_mut(pod) else { continue };
            // A pod that does not wait is told with its next change.
            let Some(state) = known.waiting.take() else { continue };
            if owner.is_none() || known.identity.owner == owner {
                continue;
            }
            known.identity = Arc::new(PodIdentity {
                owner: owner.clone(),
                ..PodIdentity::clone(&known.identity)
            });
            upgraded.push(News {
                identity: known.identity.clone(),
                aliases: known.aliases.clone(),
                state: *state,
            });
        }
        upgraded
    }

    /// Forgets a set, whose pods keep the owner that was found; returns what controlled it.
    pub(super) fn forget_set(&mut self, uid: &str) -> Option<Controller> {
        self.sets.remove(uid).flatten()
    }

    /// What controls a set.
    pub(super) fn controller_of(&self, set: &str) -> Option<&Controller> {
        self.sets.get(set)?.as_ref()
    }

    /// Forgets a pod; returns who it was.
    pub(super) fn forget_pod(&mut self, uid: &str) -> Option<Gone> {
        let known = self.pods.remove(uid)?;
        for alias in &known.aliases {
            self.aliases.remove(alias);
        }
        if let Some(set) = known.set {
            self.leave(&set, uid);
        }
        Some(Gone {
            identity: known.identity,
            aliases: known.aliases,
        })
    }

    /// Who a pod uid is, be it the object's or the one a static pod runs under.
    pub(super) fn identity(&self, uid: &str) -> Option<Arc<PodIdentity>> {
        let uid = self.aliases.get(uid).map_or(uid, |canonical| canonical);
        self.pods.get(uid).map(|known| known.identity.clone())
    }

    fn remember(&mut self, known: Known) {
        let (uid, set) = (known.identity.uid.clone(), known.set.clone());
        for alias in &known.aliases {
            self.aliases.insert(alias.clone(), uid.clone());
        }
        if let Some(set) = &set {
            self.members.entry(set.clone()).or_default().insert(uid.clone());
        }
        let left = self.pods.insert(uid.clone(), known).and_then(|before| before.set);
        if let Some(left) = left.filter(|left| Some(left) != set.as_ref()) {
            self.leave(&left, &uid);
        }
    }

    fn leave(&mut self, set: &Arc<str>, pod: &str) {
        if let Some(members) = self.members.get_mut(set) {
            members.remove(pod);
            if members.is_empty() {
                self.members.remove(set);
            }
        }
    }

    /// The controller, or what controls that. A set that is not known any more keeps the owner it had.
    fn owner_of(&self, pod: &str, controller: Option<&Controller>) -> Option<Owner> {
        let controller = controller?;
        let Some(set) = set_of(Some(controller)) else {
            return Some(controller.owner());
        };
        let found = if let Some(above) = self.sets.get(&set) {
            above.as_ref().map(Controller::owner)
        } else {
            let before = self.pods.get(pod).filter(|known| known.set.as_ref() == Some(&set));
            before.and_then(|known| known.identity.owner.clone())
        };
        found.or_else(|| Some(controller.owner()))
    }
}

fn set_of(controller: Option<&Controller>) -> Option<Arc<str>> {
    controller
        .filter(|controller| controller.is_between())
        .map(|controller| controller.uid.clone())
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
