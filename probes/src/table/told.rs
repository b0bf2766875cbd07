//! What was read of a table before, to tell only what rose.

use std::collections::BTreeMap;

use super::TableKey;

/// What the rows held when they were last read; as many as the table has.
#[derive(Debug, Default)]
pub(super) struct Told {
    rows: BTreeMap<TableKey, (u64, Vec<u64>)>,
    round: u64,
}

impl Told {
    /// By how much the row rose; `None` when it did not.
    pub(super) fn rise(&mut self, key: TableKey, words: &[u64]) -> Option<Vec<u64>> {
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
    pub(super) fn end_round(&mut self, is_whole: bool) {
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
}
