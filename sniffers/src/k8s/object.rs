//! The watch of a kind of object: its state, told when it changed.

use std::marker::PhantomData;
use std::sync::Arc;

use correlator::{Body, Event, Fact, ObjectRef, ObjectState, Subject, signals};
use kube::core::ObjectMeta;

use super::gap::Watched;
use super::kinds::Kind;
use super::prune::{Pruner, tell_left_out};
use super::rollout::Generations;
use super::template::template;
use super::text::{NAME, bounded};
use super::told::Told;
use super::watch::Reader;
use crate::clock;
use crate::sniffer::Context;

/// Reads objects of one kind.
pub(super) struct Objects<K> {
    cx: Context,
    pruner: Pruner,
    told: Told,
    generations: Generations,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Objects<K> {
    pub(super) fn new(cx: Context) -> Self {
        Self {
            cx,
            pruner: Pruner::default(),
            told: Told::default(),
            generations: Generations::default(),
            kind: PhantomData,
        }
    }

    fn state(&mut self, key: &Arc<str>, object: &K) -> ObjectState {
        let mut state = object.state(&mut self.pruner);
        if let (ObjectState::Workload(workload), Some(wire)) = (&mut state, object.template()) {
            let metadata = object.meta();
            let uid = bounded(metadata.uid.as_deref().unwrap_or_default(), NAME);
            let generation = u64::try_from(metadata.generation.unwrap_or(0)).unwrap_or(0);
            let seen = (generation, template(Some(wire), &mut self.pruner));
            workload.rollout = self.generations.follow(key, uid, seen, clock::now());
        }
        state
    }
}

impl<K: Kind> Reader for Objects<K> {
    type Object = K;
    const WATCHED: Watched = K::WATCHED;

    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        key_of(metadata)
    }

    fn apply(&mut self, object: K) {
        let Some(key) = Self::key(object.meta()) else { return };
        let state = self.state(&key, &object);
        let left_out = self.pruner.take_left_out();
        if !self.told.is_news(&key, &state) {
            return;
        }
        tell_left_out(&self.cx, K::WATCHED, left_out);
        let name = object_ref::<K>(&key, &mut self.pruner);
        send(&self.cx, Arc::new(name), Fact::Object(Box::new(state)));
    }

    fn gone(&mut self, key: &str) {
        self.told.forget(key);
        self.generations.forget(key);
        let name = object_ref::<K>(key, &mut self.pruner);
        send(&self.cx, Arc::new(name), Fact::ObjectDeleted);
    }
}

/// `namespace/name`. Others name an object so, and so does what is told. With the uid for a key, an object that was made
/// anew while nobody watched would be told before the end of its predecessor.
pub(super) fn key_of(metadata: &ObjectMeta) -> Option<Arc<str>> {
    let (namespace, name) = (metadata.namespace.as_deref()?, metadata.name.as_deref()?);
    Some(format!("{}/{}", bounded(namespace, NAME), bounded(name, NAME)).into())
}

/// The object with this key.
pub(super) fn object_ref<K: Kind>(key: &str, pruner: &mut Pruner) -> ObjectRef {
    let (namespace, name) = key.split_once('/').unwrap_or_default();
    ObjectRef {
        kind: pruner.name(Some(&K::kind(&()))),
        namespace: pruner.name(Some(namespace)),
        name: name.into(),
    }
}

/// Tells something of an object.
pub(super) fn send(cx: &Context, object: Arc<ObjectRef>, fact: Fact) {
    cx.events.send(Event {
        at: clock::now(),
        subject: Subject::Object(object),
        signal: signals::KUBE_OBJECT,
        body: Body::Fact(fact),
    });
}
