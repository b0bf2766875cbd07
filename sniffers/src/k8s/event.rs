//! The watch of Events: what controllers and the kubelet say happened, at the time it happened.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use correlator::{Body, Event, Fact, KubeEvent, Owner, PodIdentity, Subject, Timestamp, signals};

use super::gap::Watched;
use super::roster::Roster;
use super::text::{NAME, bounded, bounded_or_empty, timestamp};
use super::watch::Reader;
use super::wire;
use crate::clock;
use crate::sniffer::Context;

const MESSAGE: usize = 1024;
/// Events whose repeats are recognised after a relist; the oldest is forgotten first.
const REMEMBERED: usize = 50_000;

/// Reads Events.
pub(super) struct Events {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
    node: Option<String>,
    told: Told,
}

impl Events {
    /// With `node`, only what concerns that node or a pod that is known to be on it.
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>, node: Option<String>) -> Self {
        Self {
            cx,
            roster,
            node,
            told: Told::default(),
        }
    }

    fn subject(&self, object: &wire::Involved) -> Subject {
        let given = |text: &Option<String>| {
            text.as_deref()
                .filter(|text| !text.is_empty())
                .map(|text| bounded(text, NAME))
        };
        match (object.kind.as_deref(), given(&object.uid), given(&object.name)) {
            (Some("Pod"), Some(uid), name) => {
                let known = self
                    .roster
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .identity(&uid);
                let namespace = given(&object.namespace);
                let unknown = || {
                    Arc::new(PodIdentity {
                        uid,
                        namespace,
                        pod: name,
                        ..PodIdentity::default()
                    })
                };
                Subject::Pod(known.unwrap_or_else(unknown))
            }
            (Some("Node"), _, Some(name)) => Subject::Node(name),
            _ => Subject::Cluster,
        }
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

    fn apply(&mut self, event: wire::Event) {
        let object = event.involved_object.clone().unwrap_or_default();
        let subject = self.subject(&object);
        if !self.concerns_us(&event, &subject) {
            return;
        }
        let fact = fact(&event, &object);
        let at = latest(&event).unwrap_or_else(clock::now);
        let Some(key) = Self::key(&event.metadata) else { return };
        if self.told.is_news(key, fact.count, latest(&event)) {
            let body = Body::Fact(Fact::Event(fact));
            self.cx.events.send(Event {
                at,
                subject,
                signal: signals::KUBE_EVENT,
                body,
            });
        }
    }

    /// Events expire after an hour; that says nothing about what they told.
    fn gone(&mut self, key: &str) {
        self.told.forget(key);
    }
}

/// The count and time of each Event that was told, to know a repeat from a relist.
#[derive(Debug, Default)]
struct Told {
    seen: BTreeMap<Arc<str>, (u32, Option<Timestamp>)>,
    order: VecDeque<Arc<str>>,
}

impl Told {
    fn is_news(&mut self, key: Arc<str>, count: u32, at: Option<Timestamp>) -> bool {
        let before = self.seen.insert(key.clone(), (count, at));
        if before.is_none() {
            self.order.push_back(key);
            self.bound();
        }
        before != Some((count, at))
    }

    fn forget(&mut self, key: &str) {
        self.seen.remove(key);
    }

    /// Keys that were forgotten leave the queue when their turn comes, or when they are half of it.
    fn bound(&mut self) {
        while self.seen.len() > REMEMBERED {
            let Some(oldest) = self.order.pop_front() else { return };
            self.seen.remove(&oldest);
        }
        if self.order.len() > 2 * REMEMBERED {
            self.order.retain(|key| self.seen.contains_key(key));
        }
    }
}

fn fact(event: &wire::Event, object: &wire::Involved) -> KubeEvent {
    let series = event.series.as_ref().and_then(|series| series.count);
    let count = series.into_iter().chain(event.count).max().unwrap_or(1).max(1);
    let component = event.source.as_ref().and_then(|source| source.component.as_deref());
    let reporter = event
        .reporting_component
        .as_deref()
        .filter(|reporter| !reporter.is_empty())
        .or(component);
    KubeEvent {
        kind: bounded_or_empty(event.kind.as_deref(), NAME),
        reason: bounded_or_empty(event.reason.as_deref(), NAME),
        message: bounded_or_empty(event.message.as_deref(), MESSAGE),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        reporter: bounded_or_empty(reporter, NAME),
        container: object.field_path.as_deref().and_then(container),
        object: Owner {
            kind: bounded_or_empty(object.kind.as_deref(), NAME),
            name: bounded_or_empty(object.name.as_deref(), NAME),
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
        assert_eq!(fact(&event, &wire::Involved::default()).count, 3);
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
    fn a_repeat_with_a_higher_count_is_news_and_a_relist_is_not() {
        let mut told = Told::default();
        let (first, later) = (Some(Timestamp::from_secs(1)), Some(Timestamp::from_secs(2)));
        assert!(told.is_news("e".into(), 1, first));
        assert!(!told.is_news("e".into(), 1, first));
        assert!(told.is_news("e".into(), 2, later));
        told.forget("e");
        assert!(told.is_news("e".into(), 2, later));
    }

    #[test]
    fn what_is_remembered_of_a_storm_is_bounded() {
        let mut told = Told::default();
        for number in 0..3 * REMEMBERED {
            told.is_news(format!("e{number}").into(), 1, None);
        }
        assert_eq!(told.seen.len(), REMEMBERED);
        assert!(told.order.len() <= 2 * REMEMBERED);
    }
}
