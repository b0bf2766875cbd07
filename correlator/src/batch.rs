//! Batches: events are moved into the histories many at a time, at the latest on the next tick.

use crate::event::Event;

/// Collects events.
#[derive(Debug)]
pub(crate) struct Batcher {
    waiting: Vec<Event>,
    size: usize,
}

impl Batcher {
    /// A batcher whose batches hold at most `size` events; zero counts as one.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            waiting: Vec::new(),
            size: size.max(1),
        }
    }

    /// Adds an event; gives back a batch when that filled it.
    pub(crate) fn push(&mut self, event: Event) -> Option<Vec<Event>> {
        self.waiting.push(event);
        (self.waiting.len() >= self.size).then(|| self.take())
    }

    /// What waits, however little.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.waiting)
    }
}
