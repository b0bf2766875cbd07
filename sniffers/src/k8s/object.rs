//! The watch of a kind of object: its state, told when it changed.

use std::marker::PhantomData;
use std::sync::Arc;

use correlator::{Body, Event, Fact, ObjectRef, ObjectState, Subject, signals};
use kube::core::ObjectMeta;

use super::gap::Watched;
use super::kinds::Kind;
use super::prune::Pruner;
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
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Objects<K> {
    pub(super) fn new(cx: Context) -> Self {
        Self {
            cx,
            pruner: Pruner::default(),
            told: Told::default(),
            kind: PhantomData,
        }
    }

    fn send(&mut self, key: &str, fact: Fact) {
        let (namespace, name) = key.split_once('/').unwrap_or_default();
        let object = ObjectRef {
            kind: self.pruner.name(Some(&K::kind(&()))),
            namespace: self.pruner.name(Some(namespace)),
            name: name.into(),
        };
        self.cx.events.send(Event {
            at: clock::now(),
            subject: Subject::Object(Arc::new(object)),
            signal: signals::KUBE_OBJECT,
            body: Body::Fact(fact),
        });
    }
}

impl<K: Kind> Reader for Objects<K> {
    type Object = K;
    const WATCHED: Watched = K::WATCHED;

    /// Others name it by namespace and name, and so does what is told. With the uid for a key, an object that was made
    /// anew while nobody watched would be told before the end of its predecessor.
    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        let (namespace, name) = (metadata.namespace.as_deref()?, metadata.name.as_deref()?);
        Some(format!("{}/{}", bounded(namespace, NAME), bounded(name, NAME)).into())
    }

    fn apply(&mut self, object: K) {
        let Some(key) = Self::key(object.meta()) else { return };
        let state = object.state(&mut self.pruner);
        let left_out = self.pruner.take_left_out();
        if !self.told.is_news(&key, &state) {
            return;
        }
        if left_out > 0 {
            let (now, source) = (clock::now(), K::WATCHED.source());
            self.cx
                .events
                .lost(now, &source, "too many entries in one object", left_out);
        }
        self.send(&key, Fact::Object(Box::<ObjectState>::new(state)));
    }

    fn gone(&mut self, key: &str) {
        self.told.forget(key);
        self.send(key, Fact::ObjectDeleted);
    }
}
