//! Processes that were found through `/proc`, so that a record that has only a pid finds its process after the exit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::index::Occupant;
use crate::scan::TOMBSTONE;

/// Processes that are remembered; about 4 MiB.
const MAX_PIDS: usize = 114_688;

/// Pid to the process that had it last.
#[derive(Debug)]
pub(crate) struct Pids {
    epoch: Instant,
    by_pid: DashMap<u32, Tenure, FxBuildHasher>,
    refused: AtomicU64,
}

/// A process and where it was. Kept small: there may be many.
#[derive(Debug)]
struct Tenure {
    /// The lower half of its start time in clock ticks, which comes round after 497 days; an entry lives five minutes.
    started: u32,
    /// When it was last seen alive, seconds after the epoch.
    seen: u32,
    occupant: Arc<Occupant>,
}

impl Pids {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            by_pid: DashMap::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// Notes where a process was seen alive.
    pub(crate) fn saw(&self, pid: u32, started: u64, occupant: Arc<Occupant>, now: Instant) {
        if self.by_pid.len() >= MAX_PIDS && !self.by_pid.contains_key(&pid) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let tenure = Tenure {
            started: half(started),
            seen: self.seconds(now),
            occupant,
        };
        self.by_pid.insert(pid, tenure);
    }

    /// Where a process was that was seen alive at most five minutes ago; `started` is 0 for whoever had the pid last.
    pub(crate) fn last(&self, pid: u32, started: u64, now: Instant) -> Option<Arc<Occupant>> {
        let tenure = self.by_pid.get(&pid)?;
        let is_it = started == 0 || tenure.started == half(started);
        (is_it && self.is_fresh(&tenure, now)).then(|| Arc::clone(&tenure.occupant))
    }

    /// Forgets those whose five minutes are over.
    pub(crate) fn sweep(&self, now: Instant) {
        self.by_pid.retain(|_, tenure| self.is_fresh(tenure, now));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_pid.len()
    }

    /// How many could not be remembered, as there were too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn is_fresh(&self, tenure: &Tenure, now: Instant) -> bool {
        u64::from(self.seconds(now).saturating_sub(tenure.seen)) < TOMBSTONE.as_secs()
    }

    fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.epoch).as_secs()).unwrap_or(u32::MAX)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only the lower half is kept")]
fn half(started: u64) -> u32 {
    started as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn somewhere() -> Arc<Occupant> {
        Arc::new(Occupant::host("/a"))
    }

    #[test]
    fn a_process_is_known_for_five_minutes_after_it_was_seen() {
        let start = Instant::now();
        let pids = Pids::new(start);
        pids.saw(7, 100, somewhere(), start);
        pids.saw(7, 100, somewhere(), start + Duration::from_secs(60));
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(pids.last(7, 100, after(359)).is_some());
        assert!(pids.last(7, 0, after(359)).is_some());
        assert!(pids.last(7, 100, after(360)).is_none());
        pids.sweep(after(359));
        assert_eq!(pids.len(), 1);
        pids.sweep(after(360));
        assert_eq!(pids.len(), 0);
    }

    #[test]
    fn another_start_is_another_process() {
        let start = Instant::now();
        let pids = Pids::new(start);
        pids.saw(7, 100, somewhere(), start);
        assert!(pids.last(7, 101, start).is_none());
        pids.saw(7, 101, somewhere(), start);
        assert!(pids.last(7, 100, start).is_none());
        assert!(pids.last(7, 101, start).is_some());
    }

    #[test]
    fn a_flood_of_processes_is_bounded_and_counted() {
        let start = Instant::now();
        let (pids, occupant) = (Pids::new(start), somewhere());
        for pid in 0..200_000 {
            pids.saw(pid, 1, Arc::clone(&occupant), start);
        }
        assert_eq!((pids.len(), pids.refused()), (MAX_PIDS, 200_000 - MAX_PIDS as u64));
        pids.saw(0, 2, Arc::clone(&occupant), start);
        assert!(pids.last(0, 2, start).is_some());
    }
}
