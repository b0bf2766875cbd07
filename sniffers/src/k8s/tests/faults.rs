//! What a server does wrong, and what is told of it.

use super::*;

#[tokio::test]
async fn fault_23_forbidden_events_are_a_gap_with_its_rule_and_pods_go_on() {
    let server = server_with(&["web-0"]);
    server.fail("events", Fault::Forbidden, ALWAYS);
    let mut story = Story::of(server);
    let gap = story.blind("k8s/events").await;
    assert!(gap.why.contains("forbids to list events"), "{}", gap.why);
    assert!(
        gap.fix.contains(r#"resources: ["events"], verbs: ["list", "watch"]"#),
        "{}",
        gap.fix
    );
    story.watching("pods").await;
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    story.server.heal();
    let sighted =
        |event: &Event| matches!(&event.body, Body::Fact(Fact::Sighted { source }) if &**source == "k8s/events");
    story.find(|event| sighted(event).then_some(())).await;
    story.end().await;
}

#[tokio::test]
async fn fault_21_a_410_in_the_watch_leads_to_a_relist_that_tells_only_what_changed() {
    let mut story = Story::of(server_with(&["web-0", "web-1", "web-2"]));
    story.pod("web-2").await;
    story.watching("pods").await;
    story.server.fail("pods", Fault::Forbidden, 1);
    story.server.fail("pods", Fault::Expired, 1);
    story.blind("k8s/pods").await;
    story.server.delete("pods", "shop", "web-1");
    story.server.apply(pod("web-2").phase("Failed"));
    let told = story
        .find(|event| match (&event.subject, &event.body) {
            (Subject::Pod(id), Body::Fact(Fact::Pod(_))) => Some(id.pod.clone()),
            _ => None,
        })
        .await;
    assert_eq!(told.as_deref(), Some("web-2"));
    let gone = story
        .find(|event| match (&event.subject, &event.body) {
            (Subject::Pod(id), Body::Fact(Fact::PodDeleted)) => Some(id.pod.clone()),
            _ => None,
        })
        .await;
    assert_eq!(gone.as_deref(), Some("web-1"));
    assert_eq!(pods_told(&story.end().await), 0);
}

#[tokio::test]
async fn fault_26_a_stream_that_is_cut_or_talks_nonsense_is_taken_up_where_it_was() {
    for fault in [Fault::CutMidJson, Fault::Garbage, Fault::UnknownType] {
        let mut story = Story::of(server_with(&["web-0"]));
        story.pod("web-0").await;
        story.watching("pods").await;
        story.server.fail("pods", fault, 1);
        story.server.apply(pod("web-1"));
        story.pod("web-1").await;
        let asked = story.server.requests();
        let lists = asked
            .iter()
            .filter(|request| request.path == "/api/v1/pods" && !request.is_watch())
            .count();
        assert_eq!(lists, 1, "{fault:?}: a relist was not needed");
        assert_eq!(pods_told(&story.end().await), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn fault_26_a_line_that_is_no_event_is_counted() {
    for fault in [Fault::UnknownType, Fault::Garbage] {
        let mut story = Story::of(server_with(&["web-0"]));
        story.watching("pods").await;
        story.server.fail("pods", fault, 1);
        let lost = story
            .find(|event| match &event.body {
                Body::Fact(Fact::Lost { source, reason, count }) => Some(format!("{source}: {count} {reason}")),
                _ => None,
            })
            .await;
        assert_eq!(lost, "k8s/pods: 1 malformed watch event");
        story.end().await;
    }
}

#[tokio::test]
async fn fault_26_an_object_that_cannot_be_decoded_is_skipped_and_counted() {
    let server = server_with(&["web-1"]);
    let mut odd = pod("web-0");
    odd.json_mut()["spec"]["containers"] = serde_json::json!("not a list");
    server.apply(odd);
    let mut story = Story::of(server);
    story
        .find(|event| match &event.body {
            Body::Fact(Fact::Lost { reason, .. }) => (&**reason == "malformed object").then_some(()),
            _ => None,
        })
        .await;
    story.pod("web-1").await;
    story.end().await;
}

#[tokio::test]
async fn a_server_that_goes_away_is_a_gap_and_its_return_closes_it() {
    let mut story = Story::of(server_with(&["web-0"]));
    story.pod("web-0").await;
    story.watching("pods").await;
    story.server.fail("pods", Fault::InternalError, ALWAYS);
    story.server.fail_verb("pods", Verb::Watch, Fault::CutMidJson, 1);
    let gap = story.blind("k8s/pods").await;
    assert!(gap.why.contains("etcdserver: request timed out (500)"), "{gap:?}");
    story.server.heal();
    story
        .find(|event| {
            matches!(&event.body, Body::Fact(Fact::Sighted { source }) if &**source == "k8s/pods").then_some(())
        })
        .await;
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    story.end().await;
}
