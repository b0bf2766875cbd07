//! What filters let through, and that what was said is also ended.

use std::collections::BTreeMap;

use correlator::{Body, Event, Fact, PodState, Severity, Timestamp, signals};
use serde_json::{Value, json};

use super::*;

fn filter(yaml: &str) -> Filter {
    let said: Value = serde_saphyr::from_str(yaml).expect("YAML");
    let names = |key: &str| serde_json::from_value(said.get(key).cloned().unwrap_or(json!([]))).expect("names");
    let selector = said.get("labelSelector").cloned().unwrap_or(json!({}));
    Filter::new(
        names("namespaces"),
        names("excludedNamespaces"),
        serde_json::from_value(selector).expect("a selector"),
    )
}

/// An engine that knows a pod of this namespace with the label `app`.
fn knows(namespace: &str, app: &str) -> (Engine, Arc<PodIdentity>) {
    let pod = Arc::new(PodIdentity {
        uid: "7f1c".into(),
        namespace: Some(namespace.into()),
        pod: Some("cart-0".into()),
        ..Default::default()
    });
    let state = PodState {
        labels: Arc::new(BTreeMap::from([("app".into(), app.into())])),
        ..Default::default()
    };
    let mut engine = Engine::new(Vec::new(), 1);
    engine.push(Event {
        at: Timestamp::from_secs(1),
        subject: Subject::Pod(pod.clone()),
        signal: signals::KUBE_POD,
        body: Body::Fact(Fact::Pod(Box::new(state))),
    });
    engine.advance(Timestamp::from_secs(1));
    (engine, pod)
}

fn about(subject: Subject) -> Insight {
    Insight::new("test", subject, Severity::Info, String::new(), String::new())
}

#[test]
fn namespaces_let_in_and_exclusion_has_the_last_word() {
    let (engine, pod) = knows("shop", "cart");
    let covers = |yaml: &str| filter(yaml).covers(&about(Subject::Pod(pod.clone())), engine.world());
    assert!(covers("{}") && covers("{namespaces: [shop, pay]}"));
    assert!(!covers("{namespaces: [pay]}") && !covers("{excludedNamespaces: [shop]}"));
    assert!(!covers("{namespaces: [shop], excludedNamespaces: [shop]}"));
}

#[test]
fn a_selector_judges_the_labels_of_the_pod() {
    let (engine, pod) = knows("shop", "cart");
    let covers = |yaml: &str| filter(yaml).covers(&about(Subject::Pod(pod.clone())), engine.world());
    assert!(covers("{labelSelector: {labels: {app: cart}}}"));
    assert!(!covers("{labelSelector: {labels: {app: web}}}"));
    assert!(covers(
        "{labelSelector: {requirements: [{key: app, operator: In, values: [cart, web]}]}}"
    ));
    assert!(!covers(
        "{labelSelector: {requirements: [{key: app, operator: DoesNotExist}]}}"
    ));
}

#[test]
fn nobody_knows_the_namespace_of_a_nameless_pod_so_it_is_in_none() {
    let engine = Engine::new(Vec::new(), 1);
    let nameless = about(Subject::Pod(Arc::default()));
    assert!(filter("{}").covers(&nameless, engine.world()));
    assert!(filter("{excludedNamespaces: [shop]}").covers(&nameless, engine.world()));
    assert!(!filter("{namespaces: [shop]}").covers(&nameless, engine.world()));
}

#[test]
fn nodes_and_the_cluster_concern_every_namespace() {
    let engine = Engine::new(Vec::new(), 1);
    let filter = filter("{namespaces: [shop], labelSelector: {labels: {app: web}}}");
    for subject in [Subject::Node("worker-1".into()), Subject::Cluster] {
        assert!(filter.covers(&about(subject), engine.world()));
    }
}

#[test]
fn what_was_said_is_ended_though_the_pod_is_gone_and_the_filter_is_another() {
    let (engine, pod) = knows("shop", "cart");
    let mut told = Told::default();
    let mut insight = about(Subject::Pod(pod));
    assert!(told.is_due(&insight, &filter("{labelSelector: {labels: {app: cart}}}"), &engine));
    insight.status = Status::Resolved;
    let empty = Engine::new(Vec::new(), 1);
    let other = filter("{namespaces: [pay]}");
    assert!(told.is_due(&insight, &other, &empty), "its end is said");
    assert!(!told.is_due(&insight, &other, &empty), "once");
}
