//! The pods as they were last told, and which workload owns them: what the watches share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use correlator::{Owner, PodIdentity, PodState};
use pidmap::PodNames;

/// Pods and sets that are remembered, four times the cluster planned for. What comes beyond is passed on, but its
/// repeats are not recognised and its owner is not looked up.
const ENTRIES: usize = 200_000;

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
}

/// A pod as it was received; the identity does not know the owner yet.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) identity: PodIdentity,
    pub(super) uids: Vec<String>,
    pub(super) controller: Option<Controller>,
    pub(super) state: PodState,
}

/// A pod whose state or identity is not what was told before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct News {
    pub(super) identity: Arc<PodIdentity>,
    pub(super) uids: Vec<String>,
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
            uids: self.uids.clone(),
            namespace: text(&self.identity.namespace),
            pod: text(&self.identity.pod),
            node: self.identity.node.as_deref().map(str::to_owned),
            owner: self.identity.owner.clone(),
            containers: ids.filter(|(id, _)| !id.is_empty()).collect(),
        }
    }
}

#[derive(Debug)]
struct Known {
    told: News,
    /// The `ReplicaSet` that manages it.
    set: Option<Arc<str>>,
}

/// The pods and the sets. Keys are uids.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pods: BTreeMap<Arc<str>, Known>,
    /// The uid a static pod runs under, to the uid of its object.
    aliases: BTreeMap<Arc<str>, Arc<str>>,
    /// Who owns a set; `None` for one that stands alone.
    sets: BTreeMap<Arc<str>, Option<Owner>>,
    members: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Roster {
    /// Takes in a pod; returns what is to be told when it is news.
    pub(super) fn learn_pod(&mut self, sighting: Sighting) -> Option<News> {
        let uid = sighting.identity.uid.clone();
        let owner = self.owner_of(&uid, sighting.controller.as_ref());
        let identity = Arc::new(PodIdentity {
            owner,
            ..sighting.identity
        });
        let news = News {
            identity,
            uids: sighting.uids,
            state: sighting.state,
        };
        if self.pods.get(&uid).is_some_and(|known| known.told == news) {
            return None;
        }
        if self.pods.len() < ENTRIES || self.pods.contains_key(&uid) {
            self.remember(news.clone(), set_of(sighting.controller.as_ref()).as_ref());
        }
        Some(news)
    }

    /// Takes in a set; returns the pods whose owner is better known now.
    pub(super) fn learn_set(&mut self, uid: &Arc<str>, owner: Option<Owner>) -> Vec<News> {
        if self.sets.len() >= ENTRIES && !self.sets.contains_key(uid) {
            return Vec::new();
        }
        self.sets.insert(uid.clone(), owner.clone());
        let Some(owner) = owner else { return Vec::new() };
        let members = self.members.get(uid).into_iter().flatten();
        let mut upgraded = Vec::new();
        for pod in members {
            let Some(known) = self.pods.get_mut(pod) else { continue };
            if known.told.identity.owner.as_ref() != Some(&owner) {
                let identity = PodIdentity {
                    owner: Some(owner.clone()),
                    ..PodIdentity::clone(&known.told.identity)
                };
                known.told.identity = Arc::new(identity);
                upgraded.push(known.told.clone());
            }
        }
        upgraded
    }

    /// Forgets a set; its pods keep the owner that was found.
    pub(super) fn forget_set(&mut self, uid: &str) {
        self.sets.remove(uid);
    }

    /// Forgets a pod; returns who it was.
    pub(super) fn forget_pod(&mut self, uid: &str) -> Option<News> {
        let known = self.pods.remove(uid)?;
        for alias in &known.told.uids {
            self.aliases.remove(alias.as_str());
        }
        if let Some(set) = known.set {
            self.leave(&set, uid);
        }
        Some(known.told)
    }

    /// Who a pod uid is, be it the object's or the one a static pod runs under.
    pub(super) fn identity(&self, uid: &str) -> Option<Arc<PodIdentity>> {
        let uid = self.aliases.get(uid).map_or(uid, |canonical| canonical);
        self.pods.get(uid).map(|known| known.told.identity.clone())
    }

    fn remember(&mut self, told: News, set: Option<&Arc<str>>) {
        let uid = told.identity.uid.clone();
        for alias in told.uids.iter().filter(|alias| ***alias != *uid) {
            self.aliases.insert(alias.as_str().into(), uid.clone());
        }
        if let Some(set) = set {
            self.members.entry(set.clone()).or_default().insert(uid.clone());
        }
        let known = Known {
            told,
            set: set.cloned(),
        };
        let left = self.pods.insert(uid.clone(), known).and_then(|before| before.set);
        if let Some(left) = left.filter(|left| Some(left) != set) {
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

    /// The controller, or the Deployment behind it. A set that is not known any more keeps the owner it had.
    fn owner_of(&self, pod: &str, controller: Option<&Controller>) -> Option<Owner> {
        let controller = controller?;
        let Some(set) = set_of(Some(controller)) else {
            return Some(controller.owner());
        };
        let found = if let Some(owner) = self.sets.get(&set) {
            owner.clone()
        } else {
            let before = self.pods.get(pod).filter(|known| known.set.as_ref() == Some(&set));
            before.and_then(|known| known.told.identity.owner.clone())
        };
        found.or_else(|| Some(controller.owner()))
    }
}

fn set_of(controller: Option<&Controller>) -> Option<Arc<str>> {
    controller
        .filter(|controller| &*controller.kind == "ReplicaSet")
        .map(|controller| controller.uid.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(kind: &str, name: &str) -> Owner {
        Owner {
            kind: kind.into(),
            name: name.into(),
        }
    }

    fn pod(uid: &str, phase: &str) -> Sighting {
        Sighting {
            identity: PodIdentity {
                uid: uid.into(),
                ..PodIdentity::default()
            },
            uids: vec![uid.to_owned(), format!("static-{uid}")],
            controller: Some(Controller {
                kind: "ReplicaSet".into(),
                name: "web-7d".into(),
                uid: "rs-1".into(),
            }),
            state: PodState {
                phase: phase.into(),
                ..PodState::default()
            },
        }
    }

    #[test]
    fn a_pod_that_did_not_change_is_no_news() {
        let mut roster = Roster::default();
        assert!(roster.learn_pod(pod("u", "Pending")).is_some());
        assert_eq!(roster.learn_pod(pod("u", "Pending")), None);
        assert!(roster.learn_pod(pod("u", "Running")).is_some());
    }

    #[test]
    fn a_set_that_comes_late_upgrades_its_pods_once() {
        let mut roster = Roster::default();
        let first = roster.learn_pod(pod("u", "Running")).unwrap();
        assert_eq!(first.identity.owner, Some(owner("ReplicaSet", "web-7d")));
        let upgraded = roster.learn_set(&"rs-1".into(), Some(owner("Deployment", "web")));
        assert_eq!(upgraded[0].identity.owner, Some(owner("Deployment", "web")));
        assert!(
            roster
                .learn_set(&"rs-1".into(), Some(owner("Deployment", "web")))
                .is_empty()
        );
        assert_eq!(roster.learn_pod(pod("u", "Running")), None);
    }

    #[test]
    fn a_pod_keeps_its_deployment_when_the_set_is_gone() {
        let mut roster = Roster::default();
        roster.learn_set(&"rs-1".into(), Some(owner("Deployment", "web")));
        roster.learn_pod(pod("u", "Running"));
        roster.forget_set("rs-1");
        let ended = roster.learn_pod(pod("u", "Failed")).unwrap();
        assert_eq!(ended.identity.owner, Some(owner("Deployment", "web")));
    }

    #[test]
    fn a_static_pod_is_found_by_both_uids_until_it_is_forgotten() {
        let mut roster = Roster::default();
        roster.learn_pod(pod("u", "Running"));
        assert_eq!(roster.identity("static-u").unwrap().uid, "u".into());
        assert!(roster.forget_pod("u").is_some());
        assert_eq!((roster.identity("u"), roster.identity("static-u")), (None, None));
        assert!(roster.members.is_empty() && roster.aliases.is_empty());
    }
}
