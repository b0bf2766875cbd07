//! What alerts look like, and how they live.

use correlator::{Evidence, Severity, Source};
use serde_json::{Value, json};

use super::super::courier::{Answer, carry};
use super::super::queue::Queue;
use super::super::said::Speaker;
use super::super::testing::{Scripted, oom};
use super::*;
use crate::config::measure::Size;
use crate::config::sinks::Queue as Bounds;

fn alertmanager() -> Alertmanager {
    Alertmanager {
        cluster: Some("prod".into()),
        generator_url: Some("http://dashboard".into()),
        repeat: Duration::from_secs(60),
        standing: Arc::new(Standing::new("alertmanager")),
        open: BTreeMap::new(),
    }
}

fn after(mut insight: Insight, seconds: u64, status: Status) -> Insight {
    (insight.status, insight.at) = (status, insight.at.plus(Duration::from_secs(seconds)));
    insight
}

fn alerts(parcel: &Parcel) -> Vec<Value> {
    serde_json::from_slice(&parcel.body).unwrap()
}

#[test]
fn an_insight_becomes_an_alert_that_an_operator_can_route_and_read() {
    let said = Arc::new(Speaker::default().say(&oom(1)));
    let parcel = alertmanager().parcel(&[Arc::clone(&said)]).unwrap();
    let alerts = alerts(&parcel);
    let expected = json!({
        "labels": {
            "alertname": "TapioOomKilled", "id": "oom-killed", "severity": "critical", "cluster": "prod",
            "namespace": "shop", "pod": "cart-1", "container": "app", "node": "node-1",
            "source": "tapio", "owner_kind": "Deployment", "owner": "cart", "fingerprint": said.fingerprint[..16],
        },
        "annotations": {
            "summary": "shop/cart-1 was OOM-killed",
            "description": "It used too much.\n2026-01-01T00:00:09.000Z kernel: the kernel killed pid 7",
            "remedy": "1. Look at it (risk: none)\n   kubectl -n shop logs cart-1",
            "runbook": "docs/insights.md#oom-killed",
        },
        "startsAt": "2026-01-01T00:00:10.000Z",
        "generatorURL": "http://dashboard",
    });
    assert_eq!(alerts, [expected]);
}

#[test]
fn what_is_over_ends_and_is_not_repeated() {
    let (mut speaker, mut to) = (Speaker::default(), alertmanager());
    let opened = Arc::new(speaker.say(&oom(1)));
    to.parcel(&[opened]).unwrap();
    assert_eq!(alerts(&to.again()[0]).len(), 1);
    let over = Arc::new(speaker.say(&after(oom(1), 90, Status::Resolved)));
    let parcel = to.parcel(&[over]).unwrap();
    let alerts = alerts(&parcel);
    assert_eq!(alerts[0]["startsAt"], "2026-01-01T00:00:10.000Z");
    assert_eq!(alerts[0]["endsAt"], "2026-01-01T00:01:40.000Z");
    assert!(to.again().is_empty());
}

#[test]
fn when_the_severity_changes_the_alert_of_the_old_one_ends() {
    let (mut speaker, mut to) = (Speaker::default(), alertmanager());
    let mut warning = oom(1);
    warning.severity = Severity::Warning;
    to.parcel(&[Arc::new(speaker.say(&warning))]).unwrap();
    let worse = after(oom(1), 5, Status::Updated);
    let parcel = to.parcel(&[Arc::new(speaker.say(&worse))]).unwrap();
    let alerts = alerts(&parcel);
    let of = |alert: &Value| (alert["labels"]["severity"].clone(), alert.get("endsAt").is_some());
    assert_eq!(
        alerts.iter().map(of).collect::<Vec<_>>(),
        [(json!("warning"), true), (json!("critical"), false)]
    );
    assert_eq!(parcel.items, 1);
    assert_eq!(to.open.len(), 1);
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let mut insight = oom(1);
    insight.cause = "ä".repeat(5_000);
    insight.evidence.push(Evidence {
        at: insight.at,
        source: Source::Kernel,
        says: "beyond".into(),
    });
    assert_eq!(annotations(&insight)["description"].len(), MAX_TEXT);
}

#[tokio::test(start_paused = true)]
async fn open_alerts_are_repeated_each_minute_and_fit_into_requests() {
    let test = async {
        let standing = Arc::new(Standing::new("alertmanager"));
        let bounds = Bounds {
            items: 1_000,
            bytes: Size(1 << 20),
        };
        let queue = Arc::new(Queue::new(bounds, Arc::clone(&standing)));
        let way = Scripted::new([Answer::Taken(Bytes::new())]);
        let task = tokio::task::spawn_local(carry(alertmanager(), Arc::clone(&queue), way.clone(), 0));
        let mut speaker = Speaker::default();
        for n in 0..100 {
            queue.push(Arc::new(speaker.say(&oom(n))), 1);
        }
        tokio::time::sleep(Duration::from_secs(185)).await;
        task.abort();
        assert_eq!(way.times(), [0, 0, 60, 60, 120, 120, 180, 180]);
        let posted = way.posted.lock().unwrap();
        let count = |body: &Bytes| serde_json::from_slice::<Vec<Value>>(body).unwrap().len();
        assert_eq!((count(&posted[2].1), count(&posted[3].1)), (64, 36));
        assert_eq!(standing.all_sent(), 100, "repeats are not counted");
    };
    tokio::task::LocalSet::new().run_until(test).await;
}
