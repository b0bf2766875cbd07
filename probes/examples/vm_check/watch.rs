//! Waits for what a probe says.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use correlator::Body;
use probes::{Loaded, Sighting};

use crate::machine::OWN_CGROUP;

/// An emulated machine is slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// A probe at work, and all it said.
pub(crate) struct Watch {
    loaded: Loaded,
    seen: Vec<Sighting>,
}

impl Watch {
    pub(crate) fn new(loaded: Loaded) -> Self {
        let seen = Vec::new();
        Self { loaded, seen }
    }

    /// The first sighting that `is_it` accepts, now or soon.
    pub(crate) fn expect(&mut self, what: &str, is_it: impl Fn(&Sighting) -> bool) -> Result<Sighting, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read()?;
            if let Some(sighting) = self.seen.iter().find(|sighting| is_it(sighting)) {
                return Ok(sighting.clone());
            }
            if Instant::now() > deadline {
                return Err(format!("{what} not seen among {:?}", self.seen));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As [`Watch::expect`], about a process in this program's own cgroup.
    pub(crate) fn expect_ours(&mut self, what: &str, is_it: impl Fn(&Sighting) -> bool) -> Result<Sighting, String> {
        let sighting = self.expect(what, is_it)?;
        let id = cgroup_id(OWN_CGROUP)?;
        if sighting.task.unified == id && sighting.task.memory == 0 {
            Ok(sighting)
        } else {
            Err(format!(
                "{what} of cgroup {id} is not where it should be: {:?}",
                sighting.task
            ))
        }
    }

    /// The counts of this signal in this program's own cgroup add up to `wanted`, now or soon.
    pub(crate) fn expect_sum(&mut self, signal: &str, wanted: u64) -> Result<(), String> {
        let (own, deadline) = (cgroup_id(OWN_CGROUP)?, Instant::now() + PATIENCE);
        loop {
            self.read()?;
            let is_it = |sighting: &&Sighting| sighting.signal.name() == signal && sighting.task.unified == own;
            let counts = self.seen.iter().filter(is_it).map(|sighting| &sighting.body);
            let sum: u64 = counts
                .map(|body| if let Body::Count(count) = body { *count } else { 0 })
                .sum();
            if sum == wanted {
                return Ok(());
            }
            if sum > wanted || Instant::now() > deadline {
                return Err(format!("{signal} is {sum} in cgroup {own}, not {wanted}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn read(&mut self) -> Result<(), String> {
        let seen = &mut self.seen;
        self.loaded.drain(usize::MAX, |sighting| seen.push(sighting));
        if self.loaded.is_sampled() {
            let seen = &mut self.seen;
            let sampled = self.loaded.sample(|sighting| seen.push(sighting));
            sampled.map_err(|error| error.why())?;
        }
        let seen = &mut self.seen;
        let read = self.loaded.read_tables(|sighting| seen.push(sighting));
        read.map_err(|error| error.why())?;
        match self.loaded.take_losses() {
            losses if losses.is_empty() => Ok(()),
            losses => Err(format!("lost {losses:?}")),
        }
    }
}

/// The id of a cgroup: its folder's inode number.
pub(crate) fn cgroup_id(path: &str) -> Result<u64, String> {
    let found = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(found.ino())
}
