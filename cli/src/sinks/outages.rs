//! An outage of an hour, with what each kind of sink sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::alertmanager::Alertmanager;
use super::courier::{Answer, Courier, carry};
use super::otlp::{Logs, Sent, resource};
use super::queue::Queue;
use super::said::{Said, Speaker};
use super::testing::{Scripted, oom};
use super::webhook::Webhook;
use crate::config::measure::Size;
use crate::config::sinks::Queue as Bounds;
use crate::metrics::standing::{Reason, Standing};

/// What may wait, and what comes within the hour.
const ROOM: u32 = 100;
const COMES: u32 = 360;

/// The `n`th of many, and what it can be recognised by in a request.
fn said(n: u32) -> (Arc<Said>, Vec<u8>) {
    let said = Speaker::default().say(&oom(n));
    (Arc::new(said), format!("shop/cart-{n} ").into_bytes())
}

/// Something comes each ten seconds for an hour, in which the sink takes nothing; then it takes all.
async fn outage<C: Courier + 'static>(courier: C, item: impl Fn(u32) -> (C::Item, Vec<u8>))
where
    C::Item: 'static,
{
    let bounds = Bounds {
        items: ROOM as usize,
        bytes: Size(1 << 20),
    };
    let standing = Arc::new(Standing::new("test"));
    let queue = Arc::new(Queue::new(bounds, Arc::clone(&standing)));
    let way = Scripted::new([Answer::Later("no route".into(), None)]);
    let task = tokio::task::spawn_local(carry(courier, Arc::clone(&queue), way.clone(), 0));
    for n in 0..COMES {
        queue.push(item(n).0, 100);
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!((standing.queued(), standing.all_sent()), (u64::from(ROOM), 0));
    assert_eq!(standing.breaker_number(), 2, "it is let alone");
    way.answer([Answer::Taken(Bytes::new())]);
    sleep(Duration::from_secs(300)).await;

    // The request that was under way, and the newest.
    let dropped = standing.all_dropped();
    assert_eq!(standing.all_sent(), u64::from(ROOM) + 1);
    assert_eq!(dropped[&Reason::QueueFull], u64::from(COMES - ROOM - 1));
    assert_eq!(dropped.values().sum::<u64>() + standing.all_sent(), u64::from(COMES));
    assert_eq!((standing.queued(), standing.breaker_number()), (0, 0));
    let posted = way.posted.lock().unwrap().clone();
    let times = |mark: &[u8]| {
        let holds = |body: &Bytes| body.windows(mark.len()).any(|part| part == mark);
        posted
            .iter()
            .filter(|(at, body)| at.as_secs() >= 3_600 && holds(body))
            .count()
    };
    for n in 0..COMES {
        let is_kept = n == 0 || n >= COMES - ROOM;
        assert_eq!(times(&item(n).1) > 0, is_kept, "{n}");
    }
    queue.close();
    task.await.unwrap();
}

async fn locally(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn fault_42_alerts_wait_for_an_alertmanager_as_far_as_there_is_room() {
    let alertmanager = Alertmanager {
        cluster: None,
        generator_url: None,
        repeat: Duration::from_secs(60),
        standing: Arc::new(Standing::new("open")),
        open: BTreeMap::new(),
    };
    locally(outage(alertmanager, said)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_42_reports_wait_for_a_webhook_as_far_as_there_is_room() {
    locally(outage(Webhook { secret: None }, said)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_42_log_records_wait_for_a_collector_as_far_as_there_is_room() {
    let logs = Logs {
        resource: resource(None),
    };
    locally(outage(logs, said)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_42_metrics_wait_for_a_collector_as_far_as_there_is_room() {
    let made = |n: u32| {
        let text = format!("request {n} ");
        (Bytes::from(text.clone()), text.into_bytes())
    };
    locally(outage(Sent, made)).await;
}
