//! Sinks beside a running engine: a real Alertmanager, and a sink that never answers.

use std::net::TcpListener;
use std::time::Instant;

use correlator::{Calibration, Status};
use fixtures::alertmanager::Alertmanager;
use sniffers::clock;

use super::testing::oom;
use super::*;
use crate::config::Settings;
use crate::config::measure::{Size, Time};
use crate::metrics::standing::Reason;
use crate::scope::Scope;

fn engine() -> Engine {
    Engine::new(insights::all(), 100)
}

fn alertmanagers_at(urls: &[&str]) -> config::Sinks {
    let urls = urls.iter().map(|url| Url(url.parse().unwrap())).collect();
    config::Sinks {
        alertmanager: Some(config::Alertmanager {
            urls,
            ..config::Alertmanager::default()
        }),
        ..config::Sinks::default()
    }
}

#[test]
fn a_real_alertmanager_shows_what_is_open_and_no_longer_what_is_over() {
    if let Some(reason) = Alertmanager::missing() {
        return fixtures::skipped("a_real_alertmanager_shows_what_is_open", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Alertmanager::start(folder.path()).unwrap();
    let sinks = Sinks::prepare(alertmanagers_at(&[&server.url()])).unwrap();
    let standing = sinks.standings().remove(0);
    let mut sending = sinks.start(None).unwrap();
    let at = |n: u32, status: Status| {
        let mut insight = oom(n);
        (insight.at, insight.status) = (clock::now(), status);
        insight
    };
    sending.insight(&at(1, Status::Opened)).unwrap();
    sending.insight(&at(2, Status::Opened)).unwrap();
    let open = server.until(|alerts| alerts.len() == 2).unwrap();
    assert_eq!(open.len(), 2, "{open:?}");
    let labels = &open[0]["labels"];
    assert_eq!(
        (&labels["alertname"], &labels["container"]),
        (&"TapioOomKilled".into(), &"app".into())
    );
    assert_eq!(open[0]["status"]["state"], "active");

    sending.insight(&at(1, Status::Resolved)).unwrap();
    let left = server.until(|alerts| alerts.len() == 1).unwrap();
    let pods: Vec<&serde_json::Value> = left.iter().map(|alert| &alert["labels"]["pod"]).collect();
    assert_eq!(pods, ["cart-2"]);
    sending.finish(&engine()).unwrap();
    assert_eq!(standing.all_sent(), 3);
    assert_eq!(standing.all_dropped().values().sum::<u64>(), 0);
}

#[tokio::test]
async fn of_several_alertmanagers_each_gets_all_though_another_is_down() {
    let (address, seen) = super::testing::receiver(200, None, bytes::Bytes::new()).await;
    let config = alertmanagers_at(&["http://127.0.0.1:1", &format!("http://{address}")]);
    let sinks = Sinks::prepare(config).unwrap();
    let standings = sinks.standings();
    let mut sending = sinks.start(None).unwrap();
    sending.insight(&oom(1)).unwrap();
    let sent = async {
        while standings[1].all_sent() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), sent).await.unwrap();
    assert_eq!(
        (standings[0].name(), standings[1].name()),
        ("alertmanager", "alertmanager/2")
    );
    assert_eq!(standings[0].all_sent(), 0);
    assert_eq!(seen.lock().unwrap()[0].path, "/api/v2/alerts");
}

#[test]
fn a_sink_that_never_answers_costs_the_engine_nothing_and_is_accounted_for() {
    // Connections are taken by the kernel and never read.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut config = alertmanagers_at(&[&url]);
    config.webhook = Some(config::Webhook {
        url: Some(Url(url.parse().unwrap())),
        queue: config::Queue {
            items: 100,
            bytes: Size(1 << 20),
        },
        ..config::Webhook::default()
    });
    config.otlp = Some(config::Otlp {
        interval: Time::seconds(1),
        url: Some(Url(url.parse().unwrap())),
        ..config::Otlp::default()
    });
    let sinks = Sinks::prepare(config).unwrap();
    let standings = sinks.standings();
    let forecaster = insights::forecaster();
    let mut session = Session::new(
        Settings::default(),
        forecaster,
        Calibration::default(),
        Scope::default(),
    );
    let mut sending = sinks.start(Some(Rc::default())).unwrap();
    let began = Instant::now();
    for n in 0..1_000 {
        sending.insight(&oom(n)).unwrap();
    }
    session.show(Box::new(sending));
    for n in 0..600 {
        session.tick(fixtures::events::millis(n * 100));
    }
    // A minute of ticks; one request alone would have taken ten seconds to fail.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let ending = Instant::now();
    session.finish().unwrap();
    assert!(
        ending.elapsed() < GRACE + Duration::from_secs(3),
        "{:?}",
        ending.elapsed()
    );
    for standing in standings {
        let dropped = standing.all_dropped();
        // A request with metrics each second, and one at the end.
        let (all, waited) = match standing.name() {
            "otlp/metrics" => (60, 60),
            _ => (1_000, 100),
        };
        assert_eq!(standing.all_sent() + dropped.values().sum::<u64>(), all, "{standing:?}");
        assert!(dropped[&Reason::RunEnded] >= waited, "{standing:?}");
    }
}

#[test]
fn without_sinks_nothing_is_started() {
    let sinks = Sinks::prepare(config::Sinks::default()).unwrap();
    assert!(sinks.is_empty() && !sinks.wants_metrics() && sinks.standings().is_empty());
}
