//! The series of one metric.

use std::collections::BTreeMap;

use correlator::Timestamp;
use rustc_hash::FxHashMap;

use super::super::owner::{OwnerId, Owners};
use super::super::page::Family;
use super::super::value::Value;
use super::Key;
use super::extras::{ExtraId, Extras};

/// A metric with its series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) family: Family,
    pub(super) rows: Vec<Row>,
    pub(super) places: FxHashMap<Key, u32>,
    /// The rows by labels; to be made anew when empty.
    pub(super) order: Vec<u32>,
    /// Most rows of an owner, where anybody outside may choose the labels.
    pub(super) max_of_owner: Option<u32>,
    /// How many rows an owner has; counted where there is such a bound.
    of_owner: FxHashMap<OwnerId, u32>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) owner: OwnerId,
    pub(super) extra: ExtraId,
    /// When the first and the last value came.
    begun: Timestamp,
    pub(super) at: Timestamp,
    pub(super) value: Value,
}

impl Series {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            rows: Vec::new(),
            places: FxHashMap::default(),
            order: Vec::new(),
            max_of_owner: None,
            of_owner: FxHashMap::default(),
        }
    }

    /// A new series; its place among the rows.
    pub(super) fn begin(&mut self, (owner, extra): Key, at: Timestamp, value: Value) -> Option<u32> {
        let place = u32::try_from(self.rows.len()).ok()?;
        self.push(Row {
            owner,
            extra,
            begun: at,
            at,
            value,
        });
        self.order.clear();
        Some(place)
    }

    /// Whether an owner has all the series that it may.
    pub(super) fn is_full_for(&self, owner: OwnerId) -> bool {
        let has = self.of_owner.get(&owner).copied().unwrap_or_default();
        self.max_of_owner.is_some_and(|most| has >= most)
    }

    /// Since when a row is counted: as long as its owner is known, unless it may have left and come again.
    pub(super) fn since(&self, row: &Row, born: Timestamp) -> Timestamp {
        match self.max_of_owner {
            Some(_) => row.begun,
            None => born,
        }
    }

    /// Gives the rows of some owners to others; of two rows with the same labels one is left.
    pub(super) fn hand_over(&mut self, taken: &BTreeMap<OwnerId, OwnerId>) {
        for mut row in self.take() {
            row.owner = taken.get(&row.owner).copied().unwrap_or(row.owner);
            match self.places.get(&(row.owner, row.extra)) {
                Some(place) => {
                    let mine = &mut self.rows[*place as usize];
                    mine.value.merge(&row.value, row.at > mine.at);
                    mine.at = mine.at.max(row.at);
                    mine.begun = mine.begun.min(row.begun);
                }
                None => self.push(row),
            }
        }
    }

    pub(super) fn keep(&mut self, is_kept: impl Fn(&Row) -> bool) {
        if self.rows.iter().all(&is_kept) {
            return;
        }
        for row in self.take().into_iter().filter(is_kept) {
            self.push(row);
        }
    }

    /// The labels go by other numbers from now on.
    pub(super) fn relabel(&mut self, ids: &FxHashMap<ExtraId, ExtraId>) {
        for mut row in self.take() {
            if let Some(id) = ids.get(&row.extra) {
                row.extra = *id;
                self.push(row);
            }
        }
    }

    fn take(&mut self) -> Vec<Row> {
        self.places.clear();
        self.order.clear();
        self.of_owner.clear();
        std::mem::take(&mut self.rows)
    }

    fn push(&mut self, row: Row) {
        let place = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.places.insert((row.owner, row.extra), place);
        if self.max_of_owner.is_some() {
            *self.of_owner.entry(row.owner).or_default() += 1;
        }
        self.rows.push(row);
    }

    pub(super) fn sort(&mut self, owners: &Owners, extras: &Extras) {
        if self.order.len() == self.rows.len() {
            return;
        }
        self.order = (0..).take(self.rows.len()).collect();
        let rows = &self.rows;
        self.order.sort_by_key(|place| {
            let row = &rows[*place as usize];
            (owners.get(row.owner).labels.as_str(), extras.text(row.extra))
        });
    }
}
