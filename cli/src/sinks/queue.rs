//! What waits for a sink: bounded by number and bytes, the oldest makes room. Putting something in never waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::sinks::Queue as Bounds;
use crate::metrics::standing::{Reason, Standing};

/// The queue between the engine's loop and the task of one sink.
#[derive(Debug)]
pub(super) struct Queue<T> {
    bounds: Bounds,
    standing: Arc<Standing>,
    state: Mutex<State<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(bounds: Bounds, standing: Arc<Standing>) -> Self {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            is_closed: false,
        };
        Self {
            bounds,
            standing,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Puts something in that weighs so many bytes.
    pub(super) fn push(&self, item: T, bytes: usize) {
        if bytes > self.bounds.bytes.0 {
            return self.standing.dropped(Reason::TooLarge, 1);
        }
        let mut state = self.state();
        while state.items.len() >= self.bounds.items || state.bytes + bytes > self.bounds.bytes.0 {
            let Some((_, oldest)) = state.items.pop_front() else {
                break;
            };
            state.bytes -= oldest;
            self.standing.dropped(Reason::QueueFull, 1);
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        self.standing.waits(state.items.len());
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until there is something, and takes up to `most` of it. `None` when nothing comes any more.
    pub(super) async fn take(&self, most: usize) -> Option<Vec<T>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if !state.items.is_empty() {
                    let count = most.min(state.items.len());
                    let taken: Vec<(T, usize)> = state.items.drain(..count).collect();
                    state.bytes -= taken.iter().map(|(_, bytes)| bytes).sum::<usize>();
                    self.standing.waits(state.items.len());
                    return Some(taken.into_iter().map(|(item, _)| item).collect());
                }
                if state.is_closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// Takes what still waits, and says how many there were.
    pub(super) fn abandon(&self) -> u64 {
        let mut state = self.state();
        let count = state.items.len() as u64;
        state.items.clear();
        state.bytes = 0;
        self.standing.waits(0);
        count
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::measure::Size;

    fn queue(items: usize, bytes: usize) -> Queue<u32> {
        Queue::new(
            Bounds {
                items,
                bytes: Size(bytes),
            },
            Arc::new(Standing::new("test")),
        )
    }

    #[tokio::test]
    async fn the_oldest_make_room_by_number_and_by_bytes_and_are_counted() {
        let queue = queue(3, 100);
        for item in 1..=4 {
            queue.push(item, 10);
        }
        queue.push(5, 85);
        assert_eq!(queue.standing.all_dropped()[&Reason::QueueFull], 3);
        assert_eq!(queue.take(10).await.unwrap(), [4, 5]);
        queue.push(6, 101);
        assert_eq!(queue.standing.all_dropped()[&Reason::TooLarge], 1);
        assert_eq!(queue.standing.queued(), 0);
    }

    #[tokio::test]
    async fn what_waits_when_nothing_comes_any_more_is_still_given() {
        let queue = queue(3, 100);
        queue.push(1, 1);
        queue.push(2, 1);
        queue.close();
        assert_eq!(queue.take(1).await.unwrap(), [1]);
        assert_eq!(queue.take(1).await.unwrap(), [2]);
        assert_eq!(queue.take(1).await, None);
    }
}
