//! Answers and streams that stand still.

use fixtures::apiserver::Request;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

const IMPATIENT: Pace = Pace {
    silence: Duration::from_secs(2),
    renewal: Duration::from_secs(10),
};

impl Story {
    /// Waits until the pods are watched a second time.
    async fn reopens(&self) {
        let is_ours = |request: &&Request| request.path == "/api/v1/pods" && request.is_watch();
        let silent = async {
            while self.server.requests().iter().filter(is_ours).count() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(66), silent)
            .await
            .expect("the silent watch was kept");
    }
}

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
    story.reopens().await;
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    assert_eq!(pods_told(&story.end().await), 0);
}

/// The only test that waits as long as a cluster makes it.
#[tokio::test]
async fn fault_25_at_the_pace_of_clusters_a_silent_watch_is_given_up_after_65_seconds() {
    let mut story = Story::of(server_with(&["web-0"]));
    story.pod("web-0").await;
    story.watching("pods").await;
    let opened = std::time::Instant::now();
    story.server.fail("pods", Fault::Silence, 1);
    story.reopens().await;
    assert!(opened.elapsed() > Duration::from_secs(60), "{:?}", opened.elapsed());
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    assert_eq!(pods_told(&story.end().await), 0);
}

#[tokio::test]
async fn fault_25_a_network_that_swallows_everything_is_said_and_its_return_closes_the_gap() {
    let server = server_with(&["web-0"]);
    let (swallow, swallows) = watch::channel(false);
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = server
        .kubeconfig()
        .replace(&server.address().to_string(), &front.local_addr().unwrap().to_string());
    let network = tokio::spawn(forward(front, server.address(), swallows));
    let mut story = Story::with(server, Config::default(), IMPATIENT, &through);
    story.pod("web-0").await;
    story.watching("pods").await;
    swallow.send_replace(true);
    story.server.apply(pod("web-1"));
    let gap = story.blind("k8s/pods").await;
    assert!(gap.fix.contains("goes on trying"), "{gap:?}");
    swallow.send_replace(false);
    story.pod("web-1").await;
    assert_eq!(pods_told(&story.end().await), 0);
    network.abort();
}

/// Connections pass to the server; when the network swallows, those that are open never speak again, and new ones are
/// taken and not served.
async fn forward(front: TcpListener, server: std::net::SocketAddr, swallows: watch::Receiver<bool>) {
    let mut passing = tokio::task::JoinSet::new();
    loop {
        let (mut client, _) = front.accept().await.unwrap();
        let mut swallows = swallows.clone();
        passing.spawn(async move {
            let mut server = TcpStream::connect(server).await.unwrap();
            tokio::select! {
                biased;
                () = async { drop(swallows.wait_for(|swallows| *swallows).await) } => std::future::pending().await,
                _ = copy_bidirectional(&mut client, &mut server) => {}
            }
        });
    }
}
