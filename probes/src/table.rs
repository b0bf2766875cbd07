//! Tables that the kernel side counts in (mirrors `include/table.h`), and how much they rose since they were last read.

use std::collections::BTreeMap;
use std::time::Duration;

use aya::maps::{Map, MapData, MapError, PerCpuHashMap};
use correlator::{Body, Histogram, Signal};
use nix::time::{ClockId, clock_gettime};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::StringDeserializer;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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

/// What a row of a table holds. All of it only grows.
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
    let text: StringDeserializer<serde::de::value::Error> = text.into_deserializer();
    // Reading a text as a text does not fail.
    Signal::deserialize(text).unwrap_or(Signal::new(name))
}

/// A table and what was told of it.
pub(crate) struct TableReader {
    table: &'static Table,
    rows: Box<dyn Rows + Send>,
    told: Told,
}

impl TableReader {
    pub(crate) fn open(table: &'static Table, map: Map) -> Result<Self, MapError> {
        let rows: Box<dyn Rows + Send> = match table.values {
            Values::One => Box::new(PerCpu::<1>::try_from(map)?),
            Values::Four => Box::new(PerCpu::<4>::try_from(map)?),
            Values::Histogram => Box::new(PerCpu::<HISTOGRAM_WORDS>::try_from(map)?),
            Values::HistogramAndOne => Box::new(PerCpu::<{ HISTOGRAM_WORDS + 1 }>::try_from(map)?),
        };
        let told = Told::default();
        Ok(Self { table, rows, told })
    }

    /// Hands over what rose, ordered by key. What is left out after an error is told by the next reading.
    pub(crate) fn read(&mut self, see: &mut impl FnMut(Sighting)) -> Result<(), MapError> {
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
            tell(self.table, ktime_ns, &key, &rise, see);
        }
        read
    }

    pub(crate) fn name(&self) -> &'static str {
        self.table.map
    }
}

fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

fn tell(table: &Table, ktime_ns: u64, key: &TableKey, rise: &[u64], see: &mut impl FnMut(Sighting)) {
    let task = || TaskIds {
        unified: key.unified,
        memory: key.memory,
        pid: 0,
        comm: "".into(),
    };
    for (place, body) in bodies(table.values, rise) {
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
        Values::One | Values::Four => 0,
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

/// The rows of a map, whatever their size.
trait Rows {
    /// Hands over every row, summed over the CPUs. A row may come twice while the kernel moves rows around.
    fn each(&self, see: &mut dyn FnMut(TableKey, &[u64])) -> Result<(), MapError>;
}

/// Rows handed over in one walk at most, more than any table has: a walk starts over when its place is evicted.
const MOST_ROWS: usize = 1 << 17;

struct PerCpu<const N: usize>(PerCpuHashMap<MapData, [u64; 3], [u64; N]>);

impl<const N: usize> TryFrom<Map> for PerCpu<N> {
    type Error = MapError;

    fn try_from(map: Map) -> Result<Self, MapError> {
        PerCpuHashMap::try_from(map).map(Self)
    }
}

impl<const N: usize> Rows for PerCpu<N> {
    fn each(&self, see: &mut dyn FnMut(TableKey, &[u64])) -> Result<(), MapError> {
        for row in self.0.iter().take(MOST_ROWS) {
            let (key, values) = row?;
            let mut sum = [0_u64; N];
            for value in values.iter() {
                sum.iter_mut()
                    .zip(value)
                    .for_each(|(sum, word)| *sum = sum.wrapping_add(*word));
            }
            see(zerocopy::transmute!(key), &sum);
        }
        Ok(())
    }
}

/// What the rows held when they were last read; as many as the table has.
#[derive(Debug, Default)]
struct Told {
    rows: BTreeMap<TableKey, (u64, Vec<u64>)>,
    round: u64,
}

impl Told {
    /// By how much the row rose; `None` when it did not.
    fn rise(&mut self, key: TableKey, words: &[u64]) -> Option<Vec<u64>> {
        let (round, told) = self.rows.entry(key).or_insert_with(|| (0, vec![0; words.len()]));
        *round = self.round;
        if told == words {
            return None;
        }
        // A row that was evicted and came back counts from zero.
        let is_new = told.iter().zip(words).any(|(told, now)| now < told);
        let since = |(told, now): (&u64, &u64)| if is_new { *now } else { now - told };
        let rise = told.iter().zip(words).map(since).collect();
        told.copy_from_slice(words);
        Some(rise)
    }

    /// Forgets rows that are no longer in the table, if all of it was read.
    fn end_round(&mut self, is_whole: bool) {
        if is_whole {
            self.rows.retain(|_, (round, _)| *round == self.round);
        }
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TableKey = TableKey {
        unified: 5,
        memory: 0,
        sub: [1, 2],
    };

    #[test]
    fn a_row_tells_what_it_rose_since_the_last_reading() {
        let mut told = Told::default();
        assert_eq!(told.rise(KEY, &[3, 0]), Some(vec![3, 0]));
        assert_eq!(told.rise(KEY, &[3, 0]), None);
        assert_eq!(told.rise(KEY, &[5, 1]), Some(vec![2, 1]));
    }

    #[test]
    fn a_row_that_was_evicted_and_came_back_counts_from_zero() {
        let mut told = Told::default();
        told.rise(KEY, &[10, 10]);
        assert_eq!(told.rise(KEY, &[4, 12]), Some(vec![4, 12]));
        told.end_round(true);
        told.end_round(true);
        assert!(told.rows.is_empty());
        assert_eq!(told.rise(KEY, &[20, 20]), Some(vec![20, 20]));
    }

    #[test]
    fn a_reading_that_broke_off_forgets_nothing() {
        let mut told = Told::default();
        told.rise(KEY, &[10]);
        told.end_round(true);
        told.end_round(false);
        assert_eq!(told.rise(KEY, &[11]), Some(vec![1]));
    }

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
