//! What every sniffer is: something that runs until told to stop and sends events.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use correlator::{Body, Event, Fact, Gap, Subject, Timestamp, signals};
use pidmap::PidMap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// A source of events.
#[async_trait]
pub trait Sniffer: Send {
    /// Short name, used in gaps and metrics: `ebpf`, `cgroup`, `k8s`.
    fn name(&self) -> &'static str;

    /// What goes unseen without it, in words: `TCP connects, OOM kills`.
    fn watches(&self) -> Cow<'static, str>;

    /// Watches until `cx.stop` is cancelled. An `Err` is retried by the manager, unless it says that retrying is no use.
    async fn run(&mut self, cx: &Context) -> Result<(), SniffError>;
}

/// What a sniffer is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where events go.
    pub events: EventSender,
    /// Who is who.
    pub pods: Arc<PidMap>,
    /// Cancelled when the sniffer shall return.
    pub stop: CancellationToken,
}

/// Why a sniffer stopped.
#[derive(Debug, thiserror::Error)]
pub enum SniffError {
    /// It cannot work here, and trying again changes nothing: no BTF, no kubeconfig, a missing capability.
    #[error("{why}")]
    Unavailable {
        /// The reason, naming the thing.
        why: String,
        /// What the user can do.
        fix: String,
    },
    /// It broke and may work later: a connection, a file.
    #[error("{why}")]
    Failed {
        /// The reason, naming the thing.
        why: String,
        /// What the user can do.
        fix: String,
    },
}

/// Places in the queue that one piece of a source may need: a `ReplicaSet` that comes late has all its pods told again.
const ROOM: usize = 1_024;

/// The sending half of the bounded queue to the engine. Never waits: what does not fit is counted.
#[derive(Debug, Clone)]
pub struct EventSender {
    queue: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
    health: Health,
}

impl EventSender {
    /// A queue of at most `capacity` events.
    #[must_use]
    pub fn bounded(capacity: usize) -> (Self, mpsc::Receiver<Event>) {
        let (queue, receiver) = mpsc::channel(capacity);
        let sender = Self {
            queue,
            dropped: Arc::default(),
            health: Health::default(),
        };
        (sender, receiver)
    }

    /// Hands an event to the engine, or counts it as dropped when the queue is full.
    pub fn send(&self, event: Event) {
        if self.queue.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until a good part of the queue is free. For sources that can be held up, such as a list of the API server:
    /// they ask before each piece, so that nothing of it is dropped.
    pub async fn room(&self) {
        let part = (self.queue.max_capacity() / 2).min(ROOM);
        // Reserving the places instead would keep them from everybody who does not wait.
        while self.queue.capacity() < part && !self.queue.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How the sniffers that send here fare.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// How many events were dropped since this was last asked.
    #[must_use]
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Says that something is not watched.
    pub fn blind(&self, at: Timestamp, gap: Gap) {
        self.sight(at, Fact::Blind(gap));
    }

    /// Says that a source watches: at its start, and when its gap is closed.
    pub fn sighted(&self, at: Timestamp, source: &str) {
        self.health.sighted(source);
        self.sight(at, Fact::Sighted { source: source.into() });
    }

    /// Says that a source lost events.
    pub fn lost(&self, at: Timestamp, source: &str, reason: &str, count: u64) {
        let (source, reason) = (source.into(), reason.into());
        self.sight(at, Fact::Lost { source, reason, count });
    }

    fn sight(&self, at: Timestamp, fact: Fact) {
        self.send(Event {
            at,
            subject: Subject::Cluster,
            signal: signals::SELF_SIGHT,
            body: Body::Fact(fact),
        });
    }
}
