//! Tables that the kernel side counts in (mirrors `include/table.h`), and how much they rose since they were last read.

mod epochs;
mod rows;
mod told;

use std::time::Duration;

use aya::maps::{Map, MapError};
use correlator::{Body, Histogram, Signal};
use nix::time::{ClockId, clock_gettime};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use self::epochs::{Epochs, Over};
use self::rows::{PerCpu, Rows};
use self::told::Told;
use crate::record::{Sighting, TaskIds};

/// One map that the programs of a probe count in: an LRU hash with a value a CPU, keyed by `struct table_key`.
#[derive(Debug)]
pub struct Table {
    /// Name of the map in the object.
    pub map: &'static str,
    /// What a row holds.
    pub values: Values,
    /// What the counter in this place of the rows with this `sub` is called; a histogram is in place 0. Rows and places
    /// without a name are left out.
    pub signal: fn(sub: [u32; 2], place: usize) -> Option<Signal>,
}

/// What a row of a table holds. It only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// `struct one_count`.
    One,
    /// `struct four_counts`.
    Four,
    /// `struct log2_histogram`, of nanoseconds.
    Histogram,
    /// `struct counted_histogram`: a histogram in place 0, a counter in place 1.
    HistogramAndOne,
    /// `struct one_count` of different things seen in the epoch that `sub[0]` numbers, by `epoch_now()`. A gauge, told
    /// when the epoch of 8.6 s is over.
    SeenInEpoch,
}

/// What a row is about, `struct table_key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct TableKey {
    /// As in [`TaskIds`].
    pub unified: u64,
    /// As in [`TaskIds`].
    pub memory: u64,
    /// What the probe tells apart within a cgroup.
    pub sub: [u32; 2],
}

/// Words of `struct log2_histogram`: the sum, then one for each power of two; the last one holds all above as well.
pub const HISTOGRAM_WORDS: usize = 40;

/// A signal whose name is made of labels that only the kernel knows: `syscall.errors` with `["openat", "ENOENT"]` is
/// `syscall.errors:openat:ENOENT`. Only for label sets with an end.
#[must_use]
pub fn labelled(name: &'static str, labels: &[&str]) -> Signal {
    let text = labels.iter().fold(name.to_owned(), |text, label| text + ":" + label);
    Signal::named(text)
}

/// A table and what was told of it.
pub(crate) struct TableReader {
    table: &'static Table,
    rows: Box<dyn Rows + Send>,
    told: Told,
    epochs: Epochs,
}

impl TableReader {
    pub(crate) fn open(table: &'static Table, map: Map) -> Result<Self, MapError> {
        let rows: Box<dyn Rows + Send> = match table.values {
            Values::One | Values::SeenInEpoch => Box::new(PerCpu::<1>::try_from(map)?),
            Values::Four => Box::new(PerCpu::<4>::try_from(map)?),
            Values::Histogram => Box::new(PerCpu::<HISTOGRAM_WORDS>::try_from(map)?),
            Values::HistogramAndOne => Box::new(PerCpu::<{ HISTOGRAM_WORDS + 1 }>::try_from(map)?),
        };
        Ok(Self {
            table,
            rows,
            told: Told::default(),
            epochs: Epochs::default(),
        })
    }

    /// Hands over what rose, ordered by key. What is left out after an error is told by the next reading.
    pub(crate) fn read(&mut self, see: &mut impl FnMut(Sighting)) -> Result<(), MapError> {
        match self.table.values {
            Values::SeenInEpoch => self.read_epoch(see),
            _ => self.read_rises(see),
        }
    }

    fn read_epoch(&mut self, see: &mut impl FnMut(Sighting)) -> Result<(), MapError> {
        let now_ns = monotonic_ns();
        let Some(due) = self.epochs.due(now_ns) else {
            return Ok(());
        };
        let mut rows = Vec::new();
        self.rows.each(&mut |key, words| rows.push((key, words[0])))?;
        let Over { gauges, done } = self.epochs.end(due, rows);
        for key in done {
            self.rows.remove(key);
        }
        for (key, count) in gauges {
            tell(self.table, now_ns, &key, vec![(0, Body::Gauge(count as f64))], see);
        }
        Ok(())
    }

    fn read_rises(&mut self, see: &mut impl FnMut(Sighting)) -> Result<(), MapError> {
        let mut rises = Vec::new();
        let told = &mut self.told;
        let read = self.rows.each(&mut |key, words| {
            if let Some(rise) = told.rise(key, words) {
                rises.push((key, rise));
            }
        });
        self.told.end_round(read.is_ok());
        rises.sort();
        let ktime_ns = monotonic_ns();
        for (key, rise) in rises {
            tell(self.table, ktime_ns, &key, bodies(self.table.values, &rise), see);
        }
        read
    }

    pub(crate) fn name(&self) -> &'static str {
        self.table.map
    }
}

/// Now, nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

fn tell(table: &Table, ktime_ns: u64, key: &TableKey, bodies: Vec<(usize, Body)>, see: &mut impl FnMut(Sighting)) {
    let task = || TaskIds {
        unified: key.unified,
        memory: key.memory,
        pid: 0,
        comm: "".into(),
    };
    for (place, body) in bodies {
        if let Some(signal) = (table.signal)(key.sub, place) {
            see(Sighting {
                ktime_ns,
                task: task(),
                signal,
                body,
            });
        }
    }
}

/// What rose, by place.
fn bodies(values: Values, rise: &[u64]) -> Vec<(usize, Body)> {
    let histogram_len = match values {
        Values::One | Values::Four | Values::SeenInEpoch => 0,
        Values::Histogram | Values::HistogramAndOne => HISTOGRAM_WORDS.min(rise.len()),
    };
    let (of_histogram, counters) = rise.split_at(histogram_len);
    let histogram = histogram(of_histogram).map(|histogram| (0, Body::Histogram(histogram)));
    let first = usize::from(histogram_len > 0);
    let counts = (first..).zip(counters).filter(|(_, count)| **count > 0);
    histogram
        .into_iter()
        .chain(counts.map(|(place, count)| (place, Body::Count(*count))))
        .collect()
}

fn histogram(words: &[u64]) -> Option<Histogram> {
    let (sum_ns, counts) = words.split_first()?;
    let last = counts.iter().rposition(|count| *count > 0)?;
    Some(Histogram {
        counts: counts[..=last].to_vec(),
        sum_ns: *sum_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_stand_still_are_not_told() {
        let counts = bodies(Values::Four, &[0, 7, 0, 1]);
        assert_eq!(counts, [(1, Body::Count(7)), (3, Body::Count(1))]);
    }

    #[test]
    fn a_histogram_ends_with_its_last_value_and_its_counter_follows() {
        let mut rise = vec![0; HISTOGRAM_WORDS + 1];
        (rise[0], rise[3], rise[HISTOGRAM_WORDS]) = (9, 2, 5);
        let histogram = Histogram {
            counts: vec![0, 0, 2],
            sum_ns: 9,
        };
        assert_eq!(
            bodies(Values::HistogramAndOne, &rise),
            [(0, Body::Histogram(histogram)), (1, Body::Count(5))]
        );
    }

    #[test]
    fn labels_follow_the_name_after_colons() {
        assert_eq!(
            labelled("syscall.errors", &["openat", "ENOENT"]).name(),
            "syscall.errors:openat:ENOENT"
        );
    }
}
