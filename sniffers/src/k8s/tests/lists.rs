//! Long lists, versions that are forgotten, and objects that are too large.

use super::*;

/// How often the pods were listed from the first page on.
fn lists(server: &ApiServer) -> usize {
    let asked = server.requests();
    asked
        .iter()
        .filter(|request| {
            request.path == "/api/v1/pods"
                && request.parameter("limit") == Some("500")
                && request.parameter("continue").is_none()
        })
        .count()
}

#[tokio::test]
async fn fault_21_a_list_whose_next_page_is_forgotten_starts_again_and_tells_each_pod_once() {
    let server = ApiServer::start_tls().unwrap();
    for number in 0..1_200 {
        server.apply(pod(&format!("web-{number:04}"))).unwrap();
    }
    let kubeconfig = file(&server.kubeconfig());
    // The queue has no room for the first page, so that the second is not asked for before it was read.
    let (cx, mut events) = context_of(256);
    let mut sniffer = KubeSniffer::new(Config {
        kubeconfig: Some(kubeconfig.path().into()),
        ..Config::default()
    });
    let (stop, sender) = (cx.stop.clone(), cx.events.clone());
    let running = tokio::spawn(async move { sniffer.run(&cx).await });
    while events.len() < 64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.compact();
    let mut told = std::collections::BTreeMap::<_, usize>::new();
    let listing = async {
        while told.len() < 1_200 || server.open_watches("pods") == 0 {
            let Ok(event) = events.try_recv() else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            if let (Subject::Pod(id), Body::Fact(Fact::Pod(_))) = (&event.subject, &event.body) {
                *told.entry(id.uid.clone()).or_default() += 1;
            }
            assert!(
                !matches!(&event.body, Body::Fact(Fact::Blind(_) | Fact::PodDeleted)),
                "{event:?}"
            );
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(20), listing).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(lists(&server), 2);
    assert_eq!((told.len(), sender.take_dropped()), (1_200, 0));
    assert!(told.values().all(|times| *times == 1));
}

#[tokio::test]
async fn fault_21_a_watch_goes_on_after_a_bookmark_though_the_past_is_forgotten() {
    let mut story = Story::of(server_with(&["web-0"]));
    story.pod("web-0").await;
    story.watching("pods").await;
    story.server.compact();
    story.server.bookmark();
    // What comes after the bookmark tells that it was read; an object would bring a version of its own.
    story.server.fail("pods", Fault::Garbage, 1);
    story
        .find(|event| matches!(&event.body, Body::Fact(Fact::Lost { .. })).then_some(()))
        .await;
    story.server.fail("pods", Fault::CutMidJson, 1);
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    assert_eq!(lists(&story.server), 1, "a relist was not needed");
    assert_eq!(pods_told(&story.end().await), 0);
}

#[tokio::test]
async fn fault_21_without_a_bookmark_a_forgotten_past_is_listed_again_without_a_word() {
    let mut story = Story::of(server_with(&["web-0"]));
    story.pod("web-0").await;
    story.watching("pods").await;
    story.server.fail_verb("pods", Verb::Watch, Fault::Unavailable, ALWAYS);
    story.server.break_connections();
    while story.server.open_watches("pods") > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    story.server.apply(pod("web-1"));
    story.server.delete("pods", "shop", "web-1");
    story.server.apply(pod("web-2"));
    story.server.compact();
    story.server.heal();
    story.pod("web-2").await;
    assert_eq!(lists(&story.server), 2);
    let rest = story.end().await;
    assert_eq!(pods_told(&rest), 0);
    assert!(
        !rest
            .iter()
            .any(|event| matches!(event.body, Body::Fact(Fact::Blind(_))))
    );
}

#[tokio::test]
async fn fault_27_a_pod_of_a_megabyte_and_a_half_is_told_by_what_is_kept_of_it() {
    let mut story = Story::of(server_with(&["web-0"]));
    story.pod("web-0").await;
    story.watching("pods").await;
    let huge = pod("web-1").annotation("notes", &"x".repeat(1_500_000));
    let huge = huge.running("app", "a1", START);
    story.server.apply(huge);
    let told = story
        .find(|event| match (&event.subject, &event.body) {
            (Subject::Pod(id), Body::Fact(Fact::Pod(state))) if id.pod.as_deref() == Some("web-1") => {
                Some(format!("{id:?} {state:?}").len())
            }
            _ => None,
        })
        .await;
    assert!(told < 16_384, "{told} characters");
    story.server.apply(pod("web-2"));
    story.pod("web-2").await;
    story.end().await;
}
