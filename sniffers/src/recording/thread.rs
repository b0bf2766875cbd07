//! The recorder on a thread of its own, so that a slow disk never holds up the engine.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use correlator::{Event, Timestamp};
use tracing::warn;

use super::error::RecordingError;
use super::medium::Medium;
use super::recorder::{Recorder, Written};

/// What a finished recording holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// What was written, and what was lost in all: to the full queue, to the disk, or for having no form in JSON.
    pub written: Written,
    /// The part that was lost because the queue was full.
    pub dropped: u64,
}

/// The sending half of the bounded queue to the recorder.
#[derive(Debug)]
pub struct RecorderThread {
    queue: SyncSender<Order>,
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Written, RecordingError>>,
    path: PathBuf,
}

#[derive(Debug)]
enum Order {
    Event(Box<Event>),
    Tick(Timestamp),
}

#[derive(Debug, Default)]
struct Shared {
    /// All that the queue had no room for.
    dropped: AtomicU64,
    /// The part of it that the recorder has not been told of.
    unsaid: AtomicU64,
    /// The last error that nobody asked for yet.
    error: Mutex<Option<RecordingError>>,
}

impl RecorderThread {
    /// Starts the thread, with a queue of at most `capacity` events and ticks.
    pub fn start<M: Medium + Send + 'static>(recorder: Recorder<M>, capacity: usize) -> Result<Self, RecordingError> {
        let (queue, orders) = sync_channel(capacity);
        let (shared, path) = (Arc::<Shared>::default(), recorder.path().to_owned());
        let theirs = shared.clone();
        let thread = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || write_all(recorder, &orders, &theirs));
        match thread {
            Ok(thread) => Ok(Self {
                queue,
                shared,
                thread,
                path,
            }),
            Err(source) => Err(RecordingError::Thread { path, source }),
        }
    }

    /// Records that an event was pushed, or counts it as dropped when the queue is full. Never waits.
    pub fn event(&self, event: &Event) {
        self.send(Order::Event(Box::new(event.clone())));
    }

    /// Records that time was advanced, or counts that as dropped. Never waits.
    pub fn tick(&self, at: Timestamp) {
        self.send(Order::Tick(at));
    }

    fn send(&self, order: Order) {
        if self.queue.try_send(order).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            self.shared.unsaid.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events and ticks the queue had no room for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// The error with which writing stopped, once each time it does. It resumes by itself.
    #[must_use]
    pub fn take_error(&self) -> Option<RecordingError> {
        self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Writes what is queued and pending, and ends the thread. Waits for the disk.
    pub fn finish(self) -> Result<Summary, RecordingError> {
        drop(self.queue);
        let path = self.path;
        let gone = |_| RecordingError::Thread {
            path,
            source: io::Error::other("it panicked"),
        };
        let written = self.thread.join().map_err(gone)??;
        Ok(Summary {
            written,
            dropped: self.shared.dropped.load(Ordering::Relaxed),
        })
    }
}

fn write_all<M: Medium>(
    mut recorder: Recorder<M>,
    orders: &Receiver<Order>,
    shared: &Shared,
) -> Result<Written, RecordingError> {
    for order in orders {
        let wrote = match &order {
            Order::Event(event) => recorder.event(event),
            Order::Tick(at) => recorder.tick(*at),
        };
        if let Err(error) = wrote {
            warn!(path = %recorder.path().display(), %error, "Recording stops.");
            *shared.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        recorder.note_lost(shared.unsaid.swap(0, Ordering::Relaxed));
    }
    recorder.note_lost(shared.unsaid.swap(0, Ordering::Relaxed));
    recorder.finish()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fixtures::events::secs;

    use super::super::sample::{Tape, header, incident, plain, played};
    use super::super::{Reader, Record};
    use super::*;

    #[test]
    fn what_is_queued_is_on_disk_after_finish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tapio.zst");
        let records = incident(2_000);
        let recorder = Recorder::create(&path, header()).unwrap();
        let thread = RecorderThread::start(recorder, 10_000).unwrap();
        for record in &records {
            match record {
                Record::Event(event) => thread.event(event),
                Record::Tick(at) => thread.tick(*at),
                Record::Header(_) => {}
            }
        }
        let summary = thread.finish().unwrap();
        assert_eq!((summary.written.records, summary.dropped), (records.len() as u64, 0));
        let read: Vec<_> = Reader::open(&path).unwrap().skip(1).map(Result::unwrap).collect();
        assert_eq!(read, records);
    }

    #[test]
    fn a_stuck_disk_holds_up_nobody_and_the_recording_says_what_is_missing() {
        let tape = Tape::default();
        let recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
        let thread = RecorderThread::start(recorder, 100).unwrap();
        let stuck = tape.state();
        // A block of 256 can be in the writer's hands and 100 in the queue; the rest has nowhere to go.
        for _ in 0..5_000 {
            thread.event(&plain(secs(1)));
        }
        assert!(thread.dropped() >= 5_000 - 356);
        drop(stuck);
        let summary = thread.finish().unwrap();
        assert_eq!(summary.written.records + summary.dropped, 5_000);
        let (read, losses) = played(&tape.state().bytes).unwrap();
        assert_eq!(read.len() as u64, summary.written.records);
        assert_eq!(losses.unrecorded, summary.dropped);
    }

    #[test]
    fn a_full_disk_is_told_once_and_counted() {
        let tape = Tape::default();
        let recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
        tape.state().room = Some(0);
        let thread = RecorderThread::start(recorder, 10_000).unwrap();
        for _ in 0..1_000 {
            thread.event(&plain(secs(1)));
        }
        while thread.shared.error.lock().unwrap().is_none() {
            std::thread::yield_now();
        }
        assert!(matches!(thread.take_error(), Some(RecordingError::Stopped { .. })));
        assert!(thread.take_error().is_none());
        let summary = thread.finish().unwrap();
        assert_eq!((summary.written.lost, summary.written.records), (1_000, 0));
    }
}
