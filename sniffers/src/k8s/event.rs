//! The watch of Events: what controllers and the kubelet say happened, at the time it happened.

use std::sync::{Arc, Mutex, PoisonError};

use correlator::{Body, Event, Fact, KubeEvent, ObjectRef, Owner, PodIdentity, Subject, Timestamp, signals};

use super::gap::Watched;
use super::prune::Pruner;
use super::roster::{Controller, Roster};
use super::story::{Stories, Topic};
use super::text::{NAME, bounded, bounded_or_empty, timestamp};
use super::watch::Reader;
use super::wire;
use crate::clock;
use crate::sniffer::Context;

const MESSAGE: usize = 1024;

/// Reads Events.
pub(super) struct Events {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
    node: Option<String>,
    began: Timestamp,
    in_list: bool,
    stories: Stories,
    pruner: Pruner,
}

impl Events {
    /// What happened before tapio `began` is history. With `node`, only what concerns that node or a pod that is known
    /// to be on it.
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>, node: Option<String>, began: Timestamp) -> Self {
        Self {
            cx,
            roster,
            node,
            began,
            in_list: false,
            stories: Stories::default(),
            pruner: Pruner::default(),
        }
    }

    fn subject(&mut self, object: &wire::Involved) -> Subject {
        let pruner = &mut self.pruner;
        let Some(name) = pruner.named(object.name.as_deref()) else {
            return Subject::Cluster;
        };
        let kind = pruner.name(object.kind.as_deref());
        let namespace = pruner.named(object.namespace.as_deref());
        let uid = object.uid.as_deref().filter(|uid| !uid.is_empty());
        let uid = uid.map(|uid| bounded(uid, NAME));
        let roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*kind, uid) {
            ("Pod", Some(uid)) => {
                let known = roster.identity(&uid);
                let unknown = || {
                    Arc::new(PodIdentity {
                        uid,
                        namespace,
                        pod: Some(name),
                        ..PodIdentity::default()
                    })
                };
                Subject::Pod(known.unwrap_or_else(unknown))
            }
            ("Node", _) => Subject::Node(name),
            (_, uid) => {
                // A ReplicaSet is told as the workload that is changed to change it.
                let above = uid.filter(|_| &*kind == "ReplicaSet");
                let above = above.and_then(|uid| roster.controller_of(&uid)).map(Controller::owner);
                let Owner { kind, name } = above.unwrap_or(Owner { kind, name });
                let namespace = namespace.unwrap_or_default();
                Subject::Object(Arc::new(ObjectRef { kind, namespace, name }))
            }
        }
    }

    /// A list shows what happened within an hour or more; a change of the watch just happened, whatever the clock of
    /// its node says. Times have whole seconds: what happened in the second in which tapio began is no history.
    fn is_history(&self, at: Option<Timestamp>) -> bool {
        let told_before = self.stories.forgotten();
        let is_old = |at: Timestamp| at.as_secs() < self.began.as_secs() || told_before.is_some_and(|told| at <= told);
        self.in_list && at.is_none_or(is_old)
    }

    /// Nothing selects Events by node, so an agent of one node picks them out here. The kubelet names its node; of
    /// others' Events those about pods that are known here count.
    fn concerns_us(&self, event: &wire::Event, subject: &Subject) -> bool {
        let Some(node) = self.node.as_deref() else { return true };
        let host = event.source.as_ref().and_then(|source| source.host.as_deref());
        let told_here = [host, event.reporting_instance.as_deref()].contains(&Some(node));
        told_here
            || match subject {
                Subject::Pod(pod) => pod.node.as_deref() == Some(node),
                Subject::Node(name) => &**name == node,
                _ => false,
            }
    }
}

impl Reader for Events {
    type Object = wire::Event;
    const WATCHED: Watched = Watched {
        group: "",
        plural: "events",
        what: "Kubernetes Events",
    };

    fn listing(&mut self, under_way: bool) {
        self.in_list = under_way;
    }

    fn apply(&mut self, event: wire::Event) {
        let Some(uid) = Self::key(&event.metadata) else { return };
        let object = event.involved_object.clone().unwrap_or_default();
        let subject = self.subject(&object);
        if !self.concerns_us(&event, &subject) {
            return;
        }
        let mut fact = fact(&event, &object, &mut self.pruner);
        let at = latest(&event);
        fact.history = self.is_history(at);
        let Some(count) = self.stories.learn(&uid, &topic(&fact, &object), fact.count, at) else {
            return;
        };
        fact.count = count;
        self.cx.events.send(Event {
            at: at.unwrap_or_else(clock::now),
            subject,
            signal: signals::KUBE_EVENT,
            body: Body::Fact(Fact::Event(fact)),
        });
    }

    /// Events expire after an hour; that says nothing about what they told.
    fn gone(&mut self, key: &str) {
        self.stories.forget(key);
    }
}

/// The kubelet says of three probes that something is `Unhealthy`; its message begins with the one that failed.
fn topic<'a>(fact: &'a KubeEvent, object: &'a wire::Involved) -> Topic<'a> {
    let part = |part: &'a Option<String>| part.as_deref().unwrap_or_default();
    let probe = fact.message.split(' ').next();
    Topic {
        object: [&object.kind, &object.namespace, &object.name, &object.uid].map(part),
        reason: &fact.reason,
        container: fact.container.as_deref(),
        probe: probe.filter(|_| &*fact.reason == "Unhealthy"),
    }
}

fn fact(event: &wire::Event, object: &wire::Involved, pruner: &mut Pruner) -> KubeEvent {
    let series = event.series.as_ref().and_then(|series| series.count);
    let count = series.into_iter().chain(event.count).max().unwrap_or(1).max(1);
    let component = event.source.as_ref().and_then(|source| source.component.as_deref());
    let reporter = event
        .reporting_component
        .as_deref()
        .filter(|reporter| !reporter.is_empty())
        .or(component);
    KubeEvent {
        kind: pruner.name(event.kind.as_deref()),
        reason: pruner.name(event.reason.as_deref()),
        message: bounded_or_empty(event.message.as_deref(), MESSAGE),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        reporter: pruner.name(reporter),
        container: object.field_path.as_deref().and_then(container),
        object: Owner {
            kind: pruner.name(object.kind.as_deref()),
            name: pruner.name(object.name.as_deref()),
        },
        history: false,
    }
}

/// The latest of the times an Event may carry; each may be absent.
fn latest(event: &wire::Event) -> Option<Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref());
    let times = [
        event.event_time.as_ref(),
        series,
        event.last_timestamp.as_ref(),
        event.first_timestamp.as_ref(),
        event.metadata.creation_timestamp.as_ref(),
    ];
    times.into_iter().filter_map(timestamp).max()
}

/// `spec.containers{app}`, `spec.initContainers{migrate}`, `spec.ephemeralContainers{debug}`.
fn container(path: &str) -> Option<Arc<str>> {
    let (list, name) = path.strip_suffix('}')?.split_once('{')?;
    let names_one = matches!(
        list,
        "spec.containers" | "spec.initContainers" | "spec.ephemeralContainers"
    );
    (names_one && !name.is_empty()).then(|| bounded(name, NAME))
}

#[cfg(test)]
mod tests {
    use fixtures::kube::EventObject;

    use super::*;

    fn read(event: EventObject) -> wire::Event {
        serde_json::from_value(event.into()).unwrap()
    }

    fn back_off() -> EventObject {
        EventObject::about_pod("shop", "web-0", "BackOff", "Back-off restarting failed container")
    }

    #[test]
    fn the_latest_time_counts_and_any_may_be_absent() {
        let time = |event| latest(&read(event)).map(|at| at.to_string());
        assert_eq!(time(back_off()).unwrap(), "2026-11-21T15:00:00.000Z", "only created");
        let seen = back_off().seen("2026-11-21T15:01:00Z", "2026-11-21T15:09:00Z");
        assert_eq!(time(seen).unwrap(), "2026-11-21T15:09:00.000Z");
        let series = back_off().series("2026-11-21T15:02:00.123456Z", 3, "2026-11-21T15:08:00.654321Z");
        assert_eq!(time(series).unwrap(), "2026-11-21T15:08:00.654Z");
    }

    #[test]
    fn a_null_count_is_the_count_of_the_series() {
        let event = read(back_off().series("2026-11-21T15:02:00Z", 3, "2026-11-21T15:08:00Z"));
        assert_eq!(
            fact(&event, &wire::Involved::default(), &mut Pruner::default()).count,
            3
        );
    }

    #[test]
    fn the_field_path_names_the_container() {
        assert_eq!(container("spec.containers{app}"), Some("app".into()));
        assert_eq!(container("spec.initContainers{migrate}"), Some("migrate".into()));
        for path in ["spec.containers{}", "spec.containers[0]", "{app}", ""] {
            assert_eq!(container(path), None, "{path}");
        }
    }

    #[test]
    fn the_probes_of_a_container_are_told_apart() {
        let told = |message: &str| {
            let event = read(EventObject::about_pod("shop", "web-0", "Unhealthy", message));
            let object = event.involved_object.clone().unwrap();
            let fact = fact(&event, &object, &mut Pruner::default());
            topic(&fact, &object).probe.map(str::to_owned)
        };
        assert_eq!(told("Liveness probe failed: HTTP 500").as_deref(), Some("Liveness"));
        assert_eq!(told("Readiness probe failed: timeout").as_deref(), Some("Readiness"));
    }
}
