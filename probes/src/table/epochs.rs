//! Gauges of how many different things were seen lately: the kernel side counts each once an epoch.

use std::collections::{BTreeMap, BTreeSet};

use super::TableKey;

/// An epoch is 2^33 ns, 8.6 s, of `CLOCK_MONOTONIC`; `EPOCH_SHIFT` of `include/table.h`.
const EPOCH_SHIFT: u32 = 33;

/// Which epochs were told, and of whom.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    told: Option<u32>,
    /// Who had a gauge above zero; the epoch in the key is zero.
    counted: BTreeSet<TableKey>,
}

/// What became of an epoch that is over.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Over {
    /// How many things, by whom; zero once where there are none any more.
    pub(super) gauges: BTreeMap<TableKey, u64>,
    /// Rows of this epoch and of older ones: nobody counts in them any more.
    pub(super) done: Vec<TableKey>,
}

impl Epochs {
    /// The epoch that is over and was not told yet. `None` most of the time.
    pub(super) fn due(&self, now_ns: u64) -> Option<u32> {
        let over = epoch(now_ns).wrapping_sub(1);
        (self.told != Some(over)).then_some(over)
    }

    /// Ends an epoch that is [due](Self::due), given all rows of the table.
    pub(super) fn end(&mut self, due: u32, rows: impl IntoIterator<Item = (TableKey, u64)>) -> Over {
        let mut over = Over::default();
        for (key, count) in rows {
            let age = due.wrapping_sub(key.sub[0]);
            if age == 0 {
                over.gauges.insert(of_any(key), count);
            }
            // The epoch under way is one ahead.
            if age != u32::MAX {
                over.done.push(key);
            }
        }
        let counted = over.gauges.keys().copied().collect();
        for gone in std::mem::replace(&mut self.counted, counted) {
            over.gauges.entry(gone).or_insert(0);
        }
        self.told = Some(due);
        over
    }
}

fn epoch(now_ns: u64) -> u32 {
    // As the kernel side does: the low half.
    u32::try_from((now_ns >> EPOCH_SHIFT) & u64::from(u32::MAX)).unwrap_or_default()
}

fn of_any(key: TableKey) -> TableKey {
    let sub = [0, key.sub[1]];
    TableKey { sub, ..key }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unified: u64, epoch: u32) -> TableKey {
        let sub = [epoch, 0];
        TableKey {
            unified,
            memory: 0,
            sub,
        }
    }

    #[test]
    fn an_epoch_is_told_once_when_it_is_over() {
        let mut epochs = Epochs::default();
        let now_ns = 8 << EPOCH_SHIFT;
        assert_eq!(epochs.due(now_ns), Some(7));
        let over = epochs.end(7, [(row(5, 6), 9), (row(5, 7), 3), (row(5, 8), 1)]);
        assert_eq!(over.gauges, [(row(5, 0), 3)].into());
        assert_eq!(over.done, [row(5, 6), row(5, 7)]);
        assert_eq!(epochs.due(now_ns), None);
        assert_eq!(epochs.due(now_ns + (1 << EPOCH_SHIFT)), Some(8));
    }

    #[test]
    fn a_gauge_that_ends_is_told_as_zero_once() {
        let mut epochs = Epochs::default();
        epochs.end(7, [(row(5, 7), 3)]);
        assert_eq!(epochs.end(8, []).gauges, [(row(5, 0), 0)].into());
        assert!(epochs.end(9, []).gauges.is_empty());
    }
}
