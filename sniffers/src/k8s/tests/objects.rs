//! What is told of objects that come, change and go.

use super::*;

#[tokio::test]
async fn a_pod_is_told_when_listed_when_changed_and_when_deleted() {
    let mut story = Story::of(server_with(&["web-0"]));
    assert_eq!(story.pod("web-0").await, (None, "Pending".to_owned()));
    story.watching("pods").await;
    let running = pod("web-0").running("app", "a1", START);
    story.server.apply(running.clone());
    assert_eq!(story.pod("web-0").await.1, "Running");
    story.server.apply(running.annotation("noise", "1"));
    assert!(story.server.delete("pods", "shop", "web-0"));
    let gone = story
        .find(|event| match &event.body {
            Body::Fact(Fact::PodDeleted) => Some(event.subject.clone()),
            Body::Fact(Fact::Pod(_)) => panic!("a change of an annotation was told"),
            _ => None,
        })
        .await;
    let Subject::Pod(id) = gone else {
        panic!("not a pod: {gone}")
    };
    assert_eq!(
        (&*id.uid, id.node.as_deref()),
        (uid_of("pod", "shop", "web-0").as_str(), Some("n1"))
    );
    assert_eq!(pods_told(&story.end().await), 0);
}

#[tokio::test]
async fn a_list_longer_than_the_queue_waits_for_room() {
    let server = ApiServer::start().unwrap();
    for number in 0..300 {
        server.apply(pod(&format!("web-{number:04}"))).unwrap();
    }
    let kubeconfig = file(&server.kubeconfig());
    let (cx, mut events) = context_of(64);
    let mut sniffer = KubeSniffer::new(Config {
        kubeconfig: Some(kubeconfig.path().into()),
        ..Config::default()
    });
    let sender = cx.events.clone();
    let running = tokio::spawn(async move { sniffer.run(&cx).await });
    while !events.is_closed() && events.len() < 32 {
        tokio::task::yield_now().await;
    }
    let mut told = 0;
    while told < 300 {
        let event = events.recv().await.unwrap();
        told += usize::from(matches!(event.body, Body::Fact(Fact::Pod(_))));
    }
    assert_eq!(sender.take_dropped(), 0);
    running.abort();
}

#[tokio::test]
async fn a_list_of_many_pages_tells_each_pod_once() {
    let server = ApiServer::start().unwrap();
    for number in 0..1200 {
        server.apply(pod(&format!("web-{number:04}"))).unwrap();
    }
    let mut story = Story::of(server);
    story.pod("web-1199").await;
    story.watching("pods").await;
    let lists = story
        .server
        .requests()
        .iter()
        .filter(|request| request.path == "/api/v1/pods" && !request.is_watch())
        .count();
    assert_eq!(lists, 3);
    assert_eq!(pods_told(&story.end().await), 0);
}

#[tokio::test]
async fn a_pod_that_comes_before_its_set_is_told_again_with_its_deployment() {
    let set_uid = uid_of("replicaset", "shop", "web-7d");
    let server = ApiServer::start().unwrap();
    server.apply(pod("web-7d-x").owned_by("apps/v1", "ReplicaSet", "web-7d", &set_uid));
    let mut story = Story::of(server);
    assert_eq!(story.pod("web-7d-x").await.0.unwrap(), owner("ReplicaSet", "web-7d"));
    story
        .server
        .apply(ReplicaSetObject::new("shop", "web-7d").owned_by_deployment("web", 3));
    assert_eq!(story.pod("web-7d-x").await.0.unwrap(), owner("Deployment", "web"));
    story.end().await;
}

#[tokio::test]
async fn an_old_event_keeps_its_time_and_names_its_pod_and_container() {
    let server = server_with(&["web-0"]);
    let seen = EventObject::about_pod("shop", "web-0", "BackOff", "Back-off restarting failed container app")
        .container("app")
        .count(7)
        .seen("2026-11-21T15:01:00Z", "2026-11-21T15:09:00Z");
    server.apply(seen);
    let mut story = Story::of(server);
    let (event, told) = story
        .find(|event| match &event.body {
            Body::Fact(Fact::Event(told)) => Some((event.clone(), told.clone())),
            _ => None,
        })
        .await;
    assert_eq!(event.at.to_string(), "2026-11-21T15:09:00.000Z");
    let Subject::Pod(id) = &event.subject else {
        panic!("not a pod: {}", event.subject)
    };
    assert_eq!(
        (&*id.uid, id.pod.as_deref()),
        (uid_of("pod", "shop", "web-0").as_str(), Some("web-0"))
    );
    assert_eq!(
        (told.count, told.container.as_deref(), &*told.reporter),
        (7, Some("app"), "kubelet")
    );
    story.end().await;
}

#[tokio::test]
async fn a_node_is_told_with_its_conditions_and_its_events() {
    let server = ApiServer::start().unwrap();
    server.apply(NodeObject::new("n1"));
    server.apply(EventObject::about_node(
        "n1",
        "EvictionThresholdMet",
        "Attempting to reclaim memory",
    ));
    let mut story = Story::of(server);
    let about_n1 = |event: &Event| matches!(&event.subject, Subject::Node(name) if &**name == "n1");
    let told = |event: &Event| about_n1(event) && matches!(event.body, Body::Fact(Fact::Event(_)));
    story.find(|event| told(event).then_some(())).await;
    story.watching("nodes").await;
    story
        .server
        .apply(NodeObject::new("n1").condition("Ready", "Unknown", "NodeStatusUnknown", START));
    let unknown = |event: &Event| match &event.body {
        Body::Fact(Fact::Node(state)) => state
            .conditions
            .iter()
            .any(|c| &*c.reason == "NodeStatusUnknown")
            .then_some(()),
        _ => None,
    };
    story.find(unknown).await;
    story.server.delete("nodes", "", "n1");
    story
        .find(|event| (about_n1(event) && matches!(event.body, Body::Fact(Fact::NodeDeleted))).then_some(()))
        .await;
    story.end().await;
}

#[tokio::test]
async fn within_a_namespace_nothing_else_is_asked_for() {
    let server = server_with(&["web-0"]);
    server.apply(PodObject::new("bank", "vault-0"));
    let mut story = Story::begin(
        server,
        Config {
            namespace: Some("shop".to_owned()),
            ..Config::default()
        },
    );
    story.pod("web-0").await;
    for plural in ["pods", "events", "replicasets", "nodes"] {
        story.watching(plural).await;
    }
    for request in story.server.requests() {
        let allowed =
            request.path.contains("/namespaces/shop/") || ["/version", "/api/v1/nodes"].contains(&&*request.path);
        assert!(allowed, "asked for {}", request.path);
    }
    assert_eq!(pods_told(&story.end().await), 0);
}

#[tokio::test]
async fn on_one_node_only_its_pods_and_their_events_are_told() {
    let server = server_with(&["web-0"]);
    server.apply(pod("far").node("n2"));
    server.apply(EventObject::about_pod("shop", "far", "BackOff", "m").reporter("kubelet", "n2"));
    server.apply(EventObject::about_pod("shop", "web-0", "BackOff", "m").reporter("kubelet", "n1"));
    let mut story = Story::begin(
        server,
        Config {
            node: Some("n1".to_owned()),
            ..Config::default()
        },
    );
    let named = |event: &Event| match (&event.subject, &event.body) {
        (Subject::Pod(id), Body::Fact(Fact::Event(_))) => id.pod.clone(),
        _ => None,
    };
    assert_eq!(&*story.find(named).await, "web-0");
    story.watching("pods").await;
    story.watching("events").await;
    let asked = story.server.requests();
    let pods = asked.iter().filter(|request| request.path == "/api/v1/pods");
    assert!(pods.clone().count() > 0);
    assert!(
        pods.into_iter()
            .all(|request| request.parameter("fieldSelector") == Some("spec.nodeName=n1"))
    );
    assert!(
        story
            .end()
            .await
            .iter()
            .all(|event| !event.subject.to_string().contains("far"))
    );
}
