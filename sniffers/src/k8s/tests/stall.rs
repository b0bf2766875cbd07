//! Answers and streams that stand still.

use super::*;

const IMPATIENT: Pace = Pace {
    silence: Duration::from_secs(2),
    renewal: Duration::from_secs(10),
};

#[tokio::test]
async fn fault_25_a_list_that_stands_still_is_asked_again() {
    let server = server_with(&["web-0"]);
    server.fail_verb("pods", Verb::List, Fault::Stall, 1);
    let mut story = Story::at_pace(server, IMPATIENT);
    story.pod("web-0").await;
    story.end().await;
}

#[tokio::test]
async fn fault_25_a_list_that_is_never_answered_is_said_with_the_reason() {
    let server = server_with(&["web-0"]);
    server.fail_verb("pods", Verb::List, Fault::Stall, ALWAYS);
    let mut story = Story::at_pace(server, IMPATIENT);
    let gap = story.blind("k8s/pods").await;
    assert!(gap.why.contains("the API server said nothing for 2 s"), "{gap:?}");
    story.server.heal();
    story.sighted("k8s/pods").await;
    story.end().await;
}

#[tokio::test]
async fn fault_25_a_watch_that_says_nothing_is_opened_again_where_it_was() {
    let mut story = Story::at_pace(server_with(&["web-0"]), IMPATIENT);
    story.pod("web-0").await;
    story.watching("pods").await;
    story.server.fail("pods", Fault::Silence, 1);
    let opened = |server: &ApiServer| {
        let asked = server.requests();
        asked
            .iter()
            .filter(|request| request.path == "/api/v1/pods" && request.is_watch())
            .count()
    };
    let silent = async {
        while opened(&story.server) < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), silent)
        .await
        .expect("the silent watch was kept");
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    assert_eq!(pods_told(&story.end().await), 0);
}
