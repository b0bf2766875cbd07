//! `tapio sniff --replay`: feeds a recording to the engine, as fast as it can take it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use correlator::{Event, Timestamp};
use sniffers::recording::{Header, Reader, Record};
use sniffers::replay::{Sink, replay};

use crate::notices::Notices;
use crate::session::{Done, Session};
use crate::{stderr, stop};

/// How often progress is told; a replay that takes less time tells none.
const PROGRESS: Duration = Duration::from_millis(250);

/// Plays it to its end, or until the user or the reader of the output has enough. With `since` it tells only the last part
/// of that length.
pub(crate) fn run(path: &Path, since: Option<Duration>, mut session: Session) -> Result<Done> {
    let reader = Reader::open(path)?;
    if let Some(since) = since {
        let end = end(path)?;
        let since = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        session.say_since(Timestamp::from_nanos(end.as_nanos().saturating_sub(since)));
    }
    let bytes = fs::metadata(path)
        .with_context(|| format!("reading {}", path.display()))?
        .len();
    let mut into = Replayed {
        session,
        notices: Notices::new(),
        stopped: stop::flag()?,
        bytes,
        now: Timestamp::default(),
        shown: Instant::now(),
    };
    let losses = replay(reader, &mut into)?;
    stderr::clear();
    into.notices.losses(path, &losses);
    into.session.finish()
}

/// The last tick of a recording, for which all of it has to be read.
fn end(path: &Path) -> Result<Timestamp> {
    let mut end = Timestamp::default();
    for record in Reader::open(path)? {
        if let Record::Tick(at) = record? {
            end = at;
        }
    }
    Ok(end)
}

struct Replayed {
    session: Session,
    notices: Notices,
    stopped: Arc<AtomicBool>,
    /// Length of the recording.
    bytes: u64,
    now: Timestamp,
    /// When progress was last told.
    shown: Instant,
}

impl Sink for Replayed {
    fn header(&mut self, header: Header) {
        self.notices.recording(&header);
    }

    fn event(&mut self, event: Event) {
        self.session.event(event);
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.session.tick(now);
    }

    fn goes_on(&mut self, read: u64) -> bool {
        if self.shown.elapsed() >= PROGRESS {
            self.shown = Instant::now();
            let percent = read.saturating_mul(100) / self.bytes.max(1);
            let events = self.session.stats().received;
            stderr::progress(&format!("replaying: {percent} %, {events} events, {}", self.now));
        }
        !self.session.is_broken() && !self.stopped.load(Ordering::Relaxed)
    }
}
