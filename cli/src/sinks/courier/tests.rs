//! Sending in a time that does not pass by itself: outages of hours take milliseconds.

use tokio::time::advance;

use super::super::testing::Scripted;
use super::*;
use crate::config::measure::Size;
use crate::config::sinks::Queue as Bounds;

/// Sends numbers as they are.
struct Plain;

impl Courier for Plain {
    type Item = u32;
    const MOST: usize = 2;

    fn parcel(&mut self, items: &[u32]) -> Result<Parcel, String> {
        let text: Vec<String> = items.iter().map(ToString::to_string).collect();
        Ok(Parcel {
            path: "",
            headers: Vec::new(),
            body: text.join(" ").into(),
            items: items.len() as u64,
        })
    }

    fn refused(&self, answer: &[u8]) -> (u64, String) {
        (answer.len() as u64, String::new())
    }
}

fn queue(items: usize) -> Arc<Queue<u32>> {
    let bounds = Bounds {
        items,
        bytes: Size(1 << 20),
    };
    Arc::new(Queue::new(bounds, Arc::new(Standing::new("test"))))
}

fn later(after: Option<u64>) -> Answer {
    Answer::Later("no route".into(), after.map(Duration::from_secs))
}

fn taken() -> Answer {
    Answer::Taken(Bytes::new())
}

/// Lets so many seconds pass, one by one.
async fn pass(seconds: u64) {
    tokio::task::yield_now().await;
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
}

fn start(queue: &Arc<Queue<u32>>, way: &Scripted) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(carry(Plain, Arc::clone(queue), way.clone(), 0))
}

async fn locally(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_an_hour_loses_only_what_is_beyond_the_bound_and_the_rest_comes_in_order() {
    locally(async {
        let (queue, way) = (queue(100), Scripted::new([later(None)]));
        let task = start(&queue, &way);
        for number in 0..360 {
            queue.push(number, 1);
            pass(10).await;
        }
        let standing = Arc::clone(queue.standing());
        assert_eq!((standing.queued(), standing.breaker_number()), (100, 2));
        way.answer([taken()]);
        pass(300).await;
        // The one that was under way when it began, and the newest hundred.
        let dropped = standing.all_dropped()[&Reason::QueueFull];
        assert_eq!((standing.all_sent(), dropped), (101, 259));
        assert_eq!((standing.queued(), standing.breaker_number()), (0, 0));
        let posted: Vec<Bytes> = way
            .posted
            .lock()
            .unwrap()
            .iter()
            .map(|(_, body)| body.clone())
            .collect();
        let newest = &posted[posted.len() - 50..];
        assert_eq!((&*newest[0], &*newest[49]), (&b"260 261"[..], &b"358 359"[..]));
        queue.close();
        task.await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn pauses_double_and_after_five_failures_the_breaker_decides() {
    locally(async {
        let (queue, way) = (queue(10), Scripted::new([later(None)]));
        let task = start(&queue, &way);
        queue.push(1, 1);
        pass(400).await;
        assert_eq!(way.times(), [0, 1, 3, 7, 15, 45, 105, 225, 345]);
        task.abort();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_says_when_is_not_asked_before_unless_it_wants_hours() {
    locally(async {
        let answers = [later(Some(20)), later(Some(100_000)), taken()];
        let (queue, way) = (queue(10), Scripted::new(answers));
        let task = start(&queue, &way);
        queue.push(1, 1);
        pass(700).await;
        assert_eq!(way.times(), [0, 20, 620]);
        assert_eq!(queue.standing().all_sent(), 1);
        task.abort();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_counted_and_holds_up_nothing() {
    locally(async {
        let (queue, way) = (
            queue(10),
            Scripted::new([Answer::Refused("400".into()), Answer::Taken("x".into()), taken()]),
        );
        for number in 0..6 {
            queue.push(number, 1);
        }
        queue.close();
        start(&queue, &way).await.unwrap();
        let standing = queue.standing();
        // A whole request, and one item of the next.
        assert_eq!((standing.all_sent(), standing.all_dropped()[&Reason::Refused]), (3, 3));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_always_fails_over_is_given_up_and_the_next_is_sent() {
    locally(async {
        let mut answers = vec![Answer::Broken("500".into()); Plain::TRIES as usize];
        answers.push(taken());
        let (queue, way) = (queue(10), Scripted::new(answers));
        for number in 0..3 {
            queue.push(number, 1);
        }
        queue.close();
        let task = start(&queue, &way);
        pass(1_200).await;
        assert!(task.is_finished());
        let standing = queue.standing();
        assert_eq!((standing.all_sent(), standing.all_dropped()[&Reason::Refused]), (1, 2));
        let minutes = way.times().last().unwrap() / 60;
        assert!((10..20).contains(&minutes), "{minutes}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_or_waits_when_the_run_ends_is_counted() {
    locally(async {
        let (queue, way) = (queue(10), Scripted::new([later(None)]));
        let task = start(&queue, &way);
        for number in 0..5 {
            queue.push(number, 1);
        }
        pass(10).await;
        queue.close();
        pass(10).await;
        assert!(!task.is_finished());
        task.abort();
        assert_eq!(queue.standing().gives_up(queue.abandon()), 5);
        assert_eq!(queue.standing().all_dropped()[&Reason::RunEnded], 5);
    })
    .await;
}

#[test]
fn jitter_shortens_a_pause_by_at_most_a_quarter_and_tells_instances_apart() {
    let pauses: Vec<Duration> = (1..=100).map(|jitter| pause(3, jitter)).collect();
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(*least >= Duration::from_secs(3) && *most <= Duration::from_secs(4));
    assert!(most.saturating_sub(*least) > Duration::from_millis(500));
    assert_eq!(pause(3, 7), pause(3, 7));
    assert_eq!(pause(u32::MAX, 0), LONGEST_PAUSE);
}
