//! Whose series it is: known by container id or pod uid while events come in, shown by name.
//!
//! The API server often names a container after its first event, and a restart makes a new id. So ids point to owners, and
//! an owner that is named as another one is taken over by that.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::{PodIdentity, Subject, Timestamp, World};
use rustc_hash::FxHashMap;

use super::page::labels;

/// The owner of what came beyond a bound.
pub(crate) const OTHERS: OwnerId = 0;
/// Most owners at a time.
pub(crate) const MAX_OWNERS: usize = 100_000;
/// Ids remembered of one owner; a crash loop makes a new one each round.
const MAX_IDS: usize = 64;

/// A place in the list of owners.
pub(crate) type OwnerId = u32;

/// A container, pod or node that has series.
#[derive(Debug, Default)]
pub(crate) struct Owner {
    /// As they stand between the braces.
    pub(crate) labels: String,
    /// The pod's uid, or what stands for it.
    pub(crate) pod: Arc<str>,
    /// Of which pod it is; nodes, and what came beyond a bound, are of none.
    pub(crate) uid: Option<Arc<str>>,
    /// Shown under its final name.
    pub(crate) is_named: bool,
    /// When the first and the last event came.
    pub(crate) born: Timestamp,
    pub(crate) seen: Timestamp,
    container_id: Option<Arc<str>>,
    ids: Vec<Arc<str>>,
    is_gone: bool,
    /// The place is for the next one who comes.
    is_free: bool,
}

/// All owners.
#[derive(Debug)]
pub(crate) struct Owners {
    list: Vec<Owner>,
    free: Vec<OwnerId>,
    by_id: FxHashMap<Arc<str>, OwnerId>,
    by_name: FxHashMap<String, OwnerId>,
    unnamed: Vec<OwnerId>,
}

impl Default for Owners {
    fn default() -> Self {
        let other = ["namespace", "pod", "container", "node"].map(|label| (label, "~other"));
        let others = Owner {
            labels: labels(other),
            is_named: true,
            ..Owner::default()
        };
        Self {
            list: vec![others],
            free: Vec::new(),
            by_id: FxHashMap::default(),
            by_name: FxHashMap::default(),
            unnamed: Vec::new(),
        }
    }
}

impl Owners {
    pub(crate) fn get(&self, owner: OwnerId) -> &Owner {
        &self.list[owner as usize]
    }

    /// Whose series an event at this time belongs to: [`OTHERS`] when there are too many. Processes of the host, other objects
    /// and the cluster have none.
    pub(crate) fn of(&mut self, subject: &Subject, at: Timestamp) -> Option<OwnerId> {
        let id = match subject {
            Subject::Container(id) | Subject::Pod(id) => id.container_id.as_ref().unwrap_or(&id.uid),
            Subject::Node(name) => name,
            Subject::Object(_) | Subject::Process(_) | Subject::Cluster => return None,
        };
        let owner = match self.by_id.get(id) {
            Some(owner) => *owner,
            None if self.list.len() - self.free.len() > MAX_OWNERS => return Some(OTHERS),
            None => self.meet(id, subject, at),
        };
        let seen = &mut self.list[owner as usize].seen;
        *seen = (*seen).max(at);
        Some(owner)
    }

    fn meet(&mut self, id: &Arc<str>, subject: &Subject, at: Timestamp) -> OwnerId {
        let (identity, name) = match subject {
            Subject::Container(identity) | Subject::Pod(identity) => (Some(identity), name_of(identity)),
            _ => (None, Some(labels([("node", &**id)]))),
        };
        if let Some(known) = name.as_ref().and_then(|name| self.by_name.get(name)).copied() {
            self.adopt(known, id.clone());
            return known;
        }
        let is_named = name.is_some();
        let owner = Owner {
            labels: name.unwrap_or_else(|| identity.map(|identity| provisional(identity)).unwrap_or_default()),
            pod: identity
                .map(|identity| &identity.uid)
                .filter(|uid| !uid.is_empty())
                .unwrap_or(id)
                .clone(),
            uid: identity.map(|identity| identity.uid.clone()),
            is_named,
            born: at,
            seen: at,
            container_id: identity.and_then(|identity| identity.container_id.clone()),
            ids: vec![id.clone()],
            is_gone: false,
            is_free: false,
        };
        let at = self.put(owner);
        self.by_id.insert(id.clone(), at);
        if is_named {
            self.by_name.insert(self.list[at as usize].labels.clone(), at);
        } else {
            self.unnamed.push(at);
        }
        at
    }

    fn put(&mut self, owner: Owner) -> OwnerId {
        if let Some(at) = self.free.pop() {
            self.list[at as usize] = owner;
            return at;
        }
        self.list.push(owner);
        u32::try_from(self.list.len() - 1).unwrap_or(OTHERS)
    }

    fn adopt(&mut self, owner: OwnerId, id: Arc<str>) {
        let ids = &mut self.list[owner as usize].ids;
        if ids.len() >= MAX_IDS {
            self.by_id.remove(&ids.remove(0));
        }
        ids.push(id.clone());
        self.by_id.insert(id, owner);
    }

    /// Names owners that have become known. Gives back whether any was, and which ones are to be taken over by which.
    pub(crate) fn name(&mut self, world: &World) -> (bool, BTreeMap<OwnerId, OwnerId>) {
        let (mut is_changed, mut taken) = (false, BTreeMap::new());
        for owner in std::mem::take(&mut self.unnamed) {
            let Some(name) = name_in(world, &self.list[owner as usize]) else {
                self.unnamed.push(owner);
                continue;
            };
            is_changed = true;
            if let Some(known) = self.by_name.get(&name).copied() {
                let old = &mut self.list[owner as usize];
                let (ids, seen) = (std::mem::take(&mut old.ids), old.seen);
                old.is_gone = true;
                for id in ids {
                    self.adopt(known, id);
                }
                let heir = &mut self.list[known as usize];
                heir.seen = heir.seen.max(seen);
                taken.insert(owner, known);
            } else {
                self.by_name.insert(name.clone(), owner);
                let owner = &mut self.list[owner as usize];
                (owner.labels, owner.is_named) = (name, true);
            }
        }
        (is_changed, taken)
    }

    /// Marks those gone that were not heard of since. Gives back whether there are any.
    pub(crate) fn expire(&mut self, since: Timestamp) -> bool {
        let mut any = false;
        for owner in self
            .list
            .iter_mut()
            .skip(1)
            .filter(|owner| !owner.is_free && owner.seen < since)
        {
            owner.is_gone = true;
            any = true;
        }
        any
    }

    pub(crate) fn is_gone(&self, owner: OwnerId) -> bool {
        self.get(owner).is_gone
    }

    /// Gives the places of those that are gone to others. Nothing may refer to them any more.
    pub(crate) fn bury(&mut self) {
        let gone: Vec<OwnerId> = (1..)
            .zip(self.list.iter().skip(1))
            .filter(|(_, o)| o.is_gone)
            .map(|(at, _)| at)
            .collect();
        for at in gone {
            let free = Owner {
                is_free: true,
                ..Owner::default()
            };
            let owner = std::mem::replace(&mut self.list[at as usize], free);
            for id in owner
                .ids
                .iter()
                .filter(|id| self.by_id.get(*id) == Some(&at))
                .cloned()
                .collect::<Vec<_>>()
            {
                self.by_id.remove(&id);
            }
            if self.by_name.get(&owner.labels) == Some(&at) {
                self.by_name.remove(&owner.labels);
            }
            self.free.push(at);
        }
        let list = &self.list;
        self.unnamed.retain(|owner| !list[*owner as usize].is_free);
    }
}

/// The labels of a container or pod whose names came with the event.
fn name_of(identity: &PodIdentity) -> Option<String> {
    let (namespace, pod) = (identity.namespace.as_deref()?, identity.pod.as_deref()?);
    let container = match (&identity.container, &identity.container_id) {
        (Some(name), _) => name,
        (None, None) => "",
        (None, Some(_)) => return None,
    };
    let node = identity.node.as_deref().unwrap_or_default();
    Some(labels([
        ("namespace", namespace),
        ("pod", pod),
        ("container", container),
        ("node", node),
    ]))
}

fn name_in(world: &World, owner: &Owner) -> Option<String> {
    let pod = world.pod(&owner.pod)?;
    let container = owner.container_id.as_ref().map(|id| pod.name_of(id));
    name_of(&PodIdentity {
        container: container.flatten().cloned(),
        container_id: owner.container_id.clone(),
        ..(*pod.identity).clone()
    })
}

/// What a container is called as long as nobody has named it.
fn provisional(identity: &PodIdentity) -> String {
    let text = |value: &Option<Arc<str>>| value.as_deref().unwrap_or_default().to_owned();
    let pod = identity.pod.as_ref().unwrap_or(&identity.uid);
    let container = identity.container.as_ref().or(identity.container_id.as_ref());
    labels([
        ("namespace", text(&identity.namespace).as_str()),
        ("pod", pod),
        ("container", container.map_or("", |name| name)),
        ("node", text(&identity.node).as_str()),
    ])
}
