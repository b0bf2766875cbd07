//! How a sink fares: what was sent, waits, and was dropped for which reason. Written by its task, read by the metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use correlator::BreakerState;

/// Why something was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Newer ones needed the room.
    QueueFull,
    /// It alone is larger than the queue.
    TooLarge,
    /// The sink took the request and refused it, or a part of it.
    Refused,
    /// More alerts are open than are repeated.
    TooManyOpen,
    /// It was not sent within the time that the end of the run leaves.
    RunEnded,
}

impl Reason {
    /// The word for it, as a label value.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::TooManyOpen => "too_many_open",
            Self::RunEnded => "run_ended",
        }
    }
}

/// The figures of one sink.
#[derive(Debug)]
pub(crate) struct Standing {
    name: String,
    sent: AtomicU64,
    queued: AtomicU64,
    carried: AtomicU64,
    /// 0 closed, 1 half open, 2 open.
    breaker: AtomicU8,
    dropped: Mutex<BTreeMap<Reason, u64>>,
}

impl Standing {
    pub(crate) fn new(name: &str) -> Self {
        let known = [Reason::QueueFull, Reason::Refused, Reason::RunEnded];
        Self {
            name: name.to_owned(),
            sent: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            carried: AtomicU64::new(0),
            breaker: AtomicU8::new(0),
            dropped: Mutex::new(known.map(|reason| (reason, 0)).into()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn sent(&self, count: u64) {
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, reason: Reason, count: u64) {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        *dropped.entry(reason).or_default() += count;
    }

    pub(crate) fn waits(&self, count: usize) {
        self.queued.store(count as u64, Ordering::Relaxed);
    }

    /// So many are in a request that is under way.
    pub(crate) fn carries(&self, count: u64) {
        self.carried.store(count, Ordering::Relaxed);
    }

    /// The run ended: what is in a request under way and these that waited are not sent.
    pub(crate) fn gives_up(&self, waited: u64) -> u64 {
        let count = self.carried.swap(0, Ordering::Relaxed) + waited;
        self.dropped(Reason::RunEnded, count);
        count
    }

    pub(crate) fn breaker(&self, state: BreakerState) {
        let number = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open(_) => 2,
        };
        self.breaker.store(number, Ordering::Relaxed);
    }

    /// How many were taken by the sink.
    pub(crate) fn all_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many wait.
    pub(crate) fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// 0 closed, 1 half open, 2 open.
    pub(crate) fn breaker_number(&self) -> u8 {
        self.breaker.load(Ordering::Relaxed)
    }

    /// How many were dropped, by reason.
    pub(crate) fn all_dropped(&self) -> BTreeMap<Reason, u64> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
