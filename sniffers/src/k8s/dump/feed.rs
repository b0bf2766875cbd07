//! Hands the objects of a dump to the readers of the watches, owners first, and collects what they tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use correlator::{Event, Gap, REACH, Signal, Timestamp, signals};
use kube::Resource;
use pidmap::{PidMap, Roots};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::super::deployment::{Deployments, SharedRollouts};
use super::super::event::Events;
use super::super::job::Jobs;
use super::super::kinds::{Kind, Visit, visit_all};
use super::super::node::Nodes;
use super::super::object::Objects;
use super::super::pod::Pods;
use super::super::replicaset::ReplicaSets;
use super::super::roster::Roster;
use super::super::watch::Reader;
use super::{Dump, MOST_UNREADABLE};
use crate::sniffer::{Context, EventSender};

/// Events that one object can lead to: a `ReplicaSet` has the pods of its Deployment told again.
const QUEUE: usize = 65_536;
/// Names are kept here only while a dump is read.
const NAMES: u64 = 1 << 20;

/// A dump while it is read.
pub(super) struct Feed {
    cx: Context,
    queue: Receiver<Event>,
    /// The objects not read yet, by group and kind.
    objects: BTreeMap<(String, String), Vec<Value>>,
    dump: Dump,
}

impl Feed {
    pub(super) fn new(objects: Vec<Value>, at: Timestamp) -> Self {
        let (events, queue) = EventSender::bounded(QUEUE);
        let nowhere = Roots {
            proc: "/nonexistent".into(),
            cgroup: "/nonexistent".into(),
        };
        let cx = Context {
            events,
            pods: Arc::new(PidMap::new(nowhere, NAMES)),
            stop: CancellationToken::new(),
        };
        let mut by_kind: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        for object in objects {
            let part = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let version = part("apiVersion");
            let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
            by_kind.entry((group, part("kind"))).or_default().push(object);
        }
        let dump = Dump {
            at,
            events: Vec::new(),
            read: BTreeMap::new(),
            unknown: BTreeMap::new(),
            unreadable: Vec::new(),
            unreadable_count: 0,
        };
        Self {
            cx,
            queue,
            objects: by_kind,
            dump,
        }
    }

    /// Reads everything.
    pub(super) fn finish(mut self) -> Dump {
        let roster = Arc::new(Mutex::new(Roster::default()));
        let rollouts = SharedRollouts::default();
        let cx = self.cx.clone();
        // What happened before the reach of history is history.
        let began = self.dump.at.minus(REACH);
        self.feed(ReplicaSets::new(cx.clone(), roster.clone(), Some(rollouts.clone())));
        self.feed(Jobs::new(cx.clone(), roster.clone(), true));
        self.feed(Deployments::new(cx.clone(), rollouts));
        self.feed(Nodes::new(cx.clone()));
        visit_all(&mut self);
        self.feed(Pods::new(cx.clone(), roster.clone()));
        self.feed(Events::new(cx, roster, None, began));
        for ((group, kind), objects) in std::mem::take(&mut self.objects) {
            let name = if group.is_empty() {
                kind
            } else {
                format!("{kind}.{group}")
            };
            self.dump.unknown.insert(name, objects.len());
        }
        self.dump.events.sort_by_key(|event| event.at);
        self.dump
    }

    fn feed<R: Reader>(&mut self, mut reader: R)
    where
        R::Object: Resource<DynamicType = ()>,
    {
        let (group, kind) = (R::Object::group(&()).into_owned(), R::Object::kind(&()).into_owned());
        let Some(objects) = self.objects.remove(&(group, kind.clone())) else {
            return self.miss(&R::WATCHED.source(), R::WATCHED.what, R::WATCHED.plural);
        };
        reader.listing(true);
        for object in objects {
            let name = name(&object);
            match serde_json::from_value::<R::Object>(object) {
                Ok(object) => {
                    *self.dump.read.entry(kind.clone()).or_default() += 1;
                    reader.apply(object);
                }
                Err(error) => self.spoilt(format!("{kind} {name}: {error}")),
            }
            self.collect();
        }
        reader.listing(false);
        while reader.tell_more() {
            self.collect();
        }
        self.collect();
    }

    /// Nothing of a kind may mean that there is none, or that it was not asked for.
    fn miss(&mut self, source: &str, what: &str, plural: &str) {
        let gap = Gap {
            source: source.into(),
            what: what.into(),
            why: format!("the dump holds no {plural}").into(),
            fix: format!("if the cluster has some, dump them too: `kubectl get {plural} -A -o json`").into(),
        };
        self.cx.events.blind(self.dump.at, gap);
        self.collect();
    }

    fn spoilt(&mut self, what: String) {
        self.dump.unreadable_count += 1;
        if self.dump.unreadable.len() < MOST_UNREADABLE {
            self.dump.unreadable.push(what);
        }
    }

    /// What the readers told. They take the time of day for that of a state, and here it is the dump's.
    fn collect(&mut self) {
        while let Ok(mut event) = self.queue.try_recv() {
            event.at = at(&event.signal, event.at, self.dump.at);
            self.dump.events.push(event);
        }
    }
}

fn at(signal: &Signal, said: Timestamp, dumped: Timestamp) -> Timestamp {
    if *signal == signals::KUBE_EVENT {
        said.min(dumped)
    } else {
        dumped
    }
}

fn name(object: &Value) -> String {
    let part = |name: &str| object.pointer(name).and_then(Value::as_str);
    match (part("/metadata/namespace"), part("/metadata/name")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (_, Some(name)) => name.to_owned(),
        _ => "without a name".to_owned(),
    }
}

impl Visit for Feed {
    fn visit<K: Kind>(&mut self) {
        self.feed(Objects::<K>::new(self.cx.clone()));
    }
}
