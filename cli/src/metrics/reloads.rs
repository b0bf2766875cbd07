//! How the configuration fared each time that it was read again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often the configuration was read again, and with what success.
#[derive(Debug)]
pub(crate) struct Reloads {
    taken: AtomicU64,
    refused: AtomicU64,
    /// Whether the last reading was good; the one at the start was.
    is_good: AtomicBool,
}

impl Default for Reloads {
    fn default() -> Self {
        Self {
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            is_good: AtomicBool::new(true),
        }
    }
}

impl Reloads {
    /// Readings by outcome.
    pub(crate) fn by_outcome(&self) -> [(&'static str, u64); 2] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [("success", count(&self.taken)), ("failure", count(&self.refused))]
    }

    /// Whether the last reading was good.
    pub(crate) fn last_was_good(&self) -> bool {
        self.is_good.load(Ordering::Relaxed)
    }

    /// The file was read again.
    pub(crate) fn count(&self, is_good: bool) {
        let counter = if is_good { &self.taken } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        self.is_good.store(is_good, Ordering::Relaxed);
    }
}
