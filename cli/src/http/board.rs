//! Where the engine's loop leaves what HTTP serves. The loop never waits for a scrape: who wants a text says so, and the
//! loop makes one when it comes round; all who ask within a second get the same one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use crate::metrics::page::Format;

/// A text is given to everybody who asks within this time.
const FRESH: Duration = Duration::from_secs(1);
/// Who asks waits for so long; the loop comes round every 100 ms.
const PATIENCE: Duration = Duration::from_secs(5);
/// A loop that did not come round for so long will not.
const STUCK: Duration = Duration::from_secs(30);

/// Shared by the engine's loop and the HTTP server.
#[derive(Debug)]
pub(crate) struct Board {
    text: Place,
    open_metrics: Place,
    /// What the first sync waits for; `None` once it is done.
    waits_for: Mutex<Option<String>>,
    made: Instant,
    /// When the loop last came round, milliseconds since `made`.
    beat: AtomicU64,
}

/// The text in one format.
#[derive(Debug)]
struct Place {
    wanted: AtomicBool,
    latest: watch::Sender<Option<(Instant, Bytes)>>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            wanted: AtomicBool::new(false),
            latest: watch::Sender::new(None),
        }
    }
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            text: Place::default(),
            open_metrics: Place::default(),
            waits_for: Mutex::new(Some("the engine to start".to_owned())),
            made: Instant::now(),
            beat: AtomicU64::new(0),
        }
    }

    /// The loop came round: makes the texts that somebody waits for.
    pub(crate) fn round(&self, mut make: impl FnMut(Format) -> String) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(now, Ordering::Relaxed);
        for format in [Format::Text, Format::OpenMetrics] {
            let place = self.place(format);
            if place.wanted.swap(false, Ordering::AcqRel) {
                let text = Bytes::from(make(format));
                place.latest.send_replace(Some((Instant::now(), text)));
            }
        }
    }

    /// A text of the last second; `None` when the loop makes none in time.
    pub(super) async fn text(&self, format: Format) -> Option<Bytes> {
        let place = self.place(format);
        let mut latest = place.latest.subscribe();
        let is_fresh = |text: &Option<(Instant, Bytes)>| text.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
        if !is_fresh(&latest.borrow_and_update()) {
            place.wanted.store(true, Ordering::Release);
        }
        let text = tokio::time::timeout(PATIENCE, latest.wait_for(is_fresh))
            .await
            .ok()?
            .ok()?;
        text.as_ref().map(|(_, text)| text.clone())
    }

    /// What the first sync still waits for.
    pub(crate) fn wait_for(&self, what: Option<String>) {
        *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// Why there is not everything to see yet, if so.
    pub(super) fn unready(&self) -> Option<String> {
        self.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For how long the loop has been stuck, if it is.
    pub(super) fn stuck(&self) -> Option<Duration> {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        Some(self.made.elapsed().saturating_sub(beat)).filter(|silence| *silence > STUCK)
    }

    fn place(&self, format: Format) -> &Place {
        match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.open_metrics,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_text_is_made_once_for_all_who_ask_within_a_second_and_only_when_somebody_asks() {
        let board = Arc::new(Board::new());
        let mut made = 0;
        board.round(|_| unreachable!("nobody asked"));
        let ask = || {
            let board = Arc::clone(&board);
            tokio::spawn(async move { board.text(Format::Text).await })
        };
        let asked: Vec<_> = (0..10).map(|_| ask()).collect();
        tokio::task::yield_now().await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            board.round(|format| {
                made += 1;
                format!("{format:?} {made}")
            });
        }
        for one in asked {
            assert_eq!(one.await.unwrap().unwrap(), "Text 1");
        }
        assert_eq!((made, ask().await.unwrap().unwrap()), (1, Bytes::from("Text 1")));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_a_loop_that_is_stuck_is_told_so() {
        let board = Board::new();
        assert_eq!(board.text(Format::OpenMetrics).await, None);
    }
}
