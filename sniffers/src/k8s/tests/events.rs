//! Which Events are news, and what they are about.

use correlator::KubeEvent;

use super::*;
use crate::clock;

impl Story {
    /// The Event with this message when it is next told; those before it are passed over.
    async fn event(&mut self, message: &str) -> (Event, KubeEvent) {
        self.find(|event| match &event.body {
            Body::Fact(Fact::Event(told)) if &*told.message == message => Some((event.clone(), told.clone())),
            _ => None,
        })
        .await
    }
}

fn back_off(name: &str, message: &str) -> EventObject {
    EventObject::about_pod("shop", "web-0", "BackOff", message).named(name)
}

fn messages(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Fact(Fact::Event(told)) => Some(&*told.message),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn what_was_there_before_is_history_and_what_comes_is_news_whatever_its_clock() {
    let server = server_with(&["web-0"]);
    let old = "2026-11-21T15:09:00Z";
    server.apply(back_off("a", "old").seen(old, old));
    let mut story = Story::of(server);
    assert!(story.event("old").await.1.history);
    story.watching("events").await;
    story.server.apply(back_off("b", "of a slow clock").seen(old, old));
    assert!(!story.event("of a slow clock").await.1.history);
    story.server.apply(back_off("a", "old, again").seen(old, old).count(2));
    assert!(!story.event("old, again").await.1.history);
    story.end().await;
}

#[tokio::test]
async fn what_happened_while_the_watch_was_cut_is_news_and_told_once() {
    let server = server_with(&["web-0"]);
    let old = "2020-01-01T00:00:00Z";
    server.apply(back_off("a", "old").seen(old, old));
    let mut story = Story::of(server);
    story.event("old").await;
    story.watching("events").await;
    story.server.fail("events", Fault::Forbidden, 1);
    story.server.fail("events", Fault::Expired, 1);
    story.blind("k8s/events").await;
    let now = clock::now().to_string();
    story.server.apply(back_off("b", "meanwhile").seen(&now, &now));
    let (_, told) = story
        .find(|event| match &event.body {
            Body::Fact(Fact::Event(told)) => Some((event.clone(), told.clone())),
            _ => None,
        })
        .await;
    assert_eq!((&*told.message, told.history), ("meanwhile", false));
    story.watching("events").await;
    assert_eq!(messages(&story.end().await), Vec::<&str>::new());
}

#[tokio::test]
async fn two_events_about_one_thing_are_counted_together() {
    let server = server_with(&["web-0"]);
    server.apply(back_off("a", "first").container("app").count(5));
    let mut story = Story::of(server);
    assert_eq!(story.event("first").await.1.count, 5);
    story.watching("events").await;
    story.server.apply(back_off("b", "second").container("app").count(2));
    assert_eq!(story.event("second").await.1.count, 7);
    story.server.apply(back_off("c", "of another").container("proxy"));
    assert_eq!(story.event("of another").await.1.count, 1);
    story.end().await;
}

#[tokio::test]
async fn an_event_of_a_set_is_about_its_deployment_and_others_about_their_object() {
    let server = ApiServer::start().unwrap();
    server.apply(ReplicaSetObject::new("shop", "web-7d").owned_by_deployment("web", 3));
    let mut story = Story::of(server);
    story.watching("replicasets").await;
    story.watching("events").await;
    let about = |kind: &str, name: &str| {
        let uid = uid_of(&kind.to_lowercase(), "shop", name);
        let object = serde_json::json!({"kind": kind, "namespace": "shop", "name": name, "uid": uid});
        EventObject::about("shop", &object, "FailedCreate", name)
    };
    story.server.apply(about("ReplicaSet", "web-7d"));
    let (event, told) = story.event("web-7d").await;
    assert_eq!(event.subject.to_string(), "deployment shop/web");
    assert_eq!((&*told.object.kind, &*told.object.name), ("ReplicaSet", "web-7d"));
    story.server.apply(about("StatefulSet", "db"));
    assert_eq!(story.event("db").await.0.subject.to_string(), "statefulset shop/db");
    story.end().await;
}
