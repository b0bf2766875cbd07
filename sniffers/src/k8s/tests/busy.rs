//! A server that is too busy and says for how long.

use super::*;

#[tokio::test]
async fn fault_24_a_short_pause_is_kept_and_a_long_list_goes_on_at_its_page() {
    let server = ApiServer::start().unwrap();
    for number in 0..600 {
        server.apply(pod(&format!("web-{number:04}"))).unwrap();
    }
    server.fail_verb("pods", Verb::List, Fault::TooManyRequests(1), 1);
    let began = std::time::Instant::now();
    let mut story = Story::of(server);
    story.pod("web-0599").await;
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    let asked = story.server.requests();
    let first_pages = asked
        .iter()
        .filter(|request| {
            request.path == "/api/v1/pods" && !request.is_watch() && request.parameter("continue").is_none()
        })
        .count();
    assert_eq!(first_pages, 2, "the refused one and its repetition");
    let rest = story.end().await;
    assert!(
        !rest
            .iter()
            .any(|event| matches!(event.body, Body::Fact(Fact::Blind(_)))),
        "{rest:?}"
    );
}

#[tokio::test]
async fn fault_24_a_long_pause_holds_for_every_watch_and_is_said() {
    let server = server_with(&["web-0"]);
    server.fail("pods", Fault::TooManyRequests(30), ALWAYS);
    let mut story = Story::of(server);
    let gap = story.blind("k8s/pods").await;
    assert!(gap.why.contains("(429)"), "{gap:?}");
    assert!(gap.fix.contains("goes on trying"), "{gap:?}");
    let asked = || story.server.requests().len();
    let before = asked();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(asked(), before, "nothing is asked before the pause is over");
    story.end().await;
}

#[tokio::test]
async fn fault_24_a_busy_server_without_a_pause_is_left_to_the_back_off_of_each_watch() {
    let server = server_with(&["web-0"]);
    server.fail("pods", Fault::Unavailable, ALWAYS);
    let mut story = Story::of(server);
    let gap = story.blind("k8s/pods").await;
    assert!(gap.why.contains("unable to handle the request (503)"), "{gap:?}");
    let asked = story.server.requests();
    let lists = asked.iter().filter(|request| request.path == "/api/v1/pods").count();
    // 0 s, then after 0.8 to 1.6 s, then after 1.6 to 3.2 s more.
    assert!((2..=4).contains(&lists), "{lists} within 3 s");
    story.server.heal();
    story.pod("web-0").await;
    story.end().await;
}

#[tokio::test]
async fn fault_24_a_server_that_is_busy_at_the_start_is_asked_again_by_the_watches() {
    let server = server_with(&["web-0"]);
    server.fail("version", Fault::Unavailable, 1);
    let mut story = Story::of(server);
    story.pod("web-0").await;
    story.end().await;
}
