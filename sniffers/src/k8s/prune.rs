//! Keeps what is read of an object within bounds: text that repeats is held once, lists and label sets are cut, and what
//! was left out is counted.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use correlator::Condition;
use correlator::object::Labels;

use super::gap::Watched;
use super::text::{NAME, bounded_or_empty, timestamp};
use super::wire;
use crate::clock;
use crate::sniffer::Context;

/// Texts that are held to be shared. When there are more, sharing starts anew; who has a text keeps it.
const SHARED: usize = 65_536;
/// Labels that are kept of an object, and bytes of a key and of a value; the API allows values of 63 bytes.
const LABELS: usize = 64;
const LABEL_KEY: usize = 128;
const LABEL_VALUE: usize = 64;
const CONDITIONS: usize = 32;
const MESSAGE: usize = 512;

/// Prunes objects of one resource.
#[derive(Debug, Default)]
pub(super) struct Pruner {
    shared: HashSet<Arc<str>>,
    label_sets: HashSet<Arc<Labels>>,
    left_out: u64,
}

impl Pruner {
    /// At most `bytes` of a text that many objects have in common; absent text is empty.
    pub(super) fn shared(&mut self, text: Option<&str>, bytes: usize) -> Arc<str> {
        let text = text.unwrap_or_default();
        let text = &text[..text.floor_char_boundary(bytes)];
        if let Some(known) = self.shared.get(text) {
            return known.clone();
        }
        if self.shared.len() >= SHARED {
            self.shared.clear();
        }
        let text: Arc<str> = text.into();
        self.shared.insert(text.clone());
        text
    }

    /// A name that many objects have in common; an absent one is empty.
    pub(super) fn name(&mut self, text: Option<&str>) -> Arc<str> {
        self.shared(text, NAME)
    }

    /// Like [`Self::name`]; absent and empty are `None`.
    pub(super) fn named(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        text.filter(|text| !text.is_empty()).map(|text| self.name(Some(text)))
    }

    /// The first entries of a list, at most so many.
    pub(super) fn first<'a, T>(&mut self, list: Option<&'a [T]>, most: usize) -> &'a [T] {
        let list = list.unwrap_or_default();
        let kept = &list[..list.len().min(most)];
        self.leave_out(list.len() - kept.len());
        kept
    }

    /// Counts what is not kept.
    pub(super) fn leave_out(&mut self, entries: usize) {
        self.left_out += entries as u64;
    }

    /// How much was left out since this was last asked; see [`tell_left_out`].
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// Labels, without those that no API server would have taken.
    pub(super) fn labels(&mut self, labels: Option<&BTreeMap<String, String>>) -> Labels {
        let mut kept = Labels::new();
        for (key, value) in labels.into_iter().flatten() {
            if kept.len() < LABELS && key.len() <= LABEL_KEY && value.len() <= LABEL_VALUE {
                kept.insert(self.name(Some(key)), self.name(Some(value)));
            } else {
                self.left_out += 1;
            }
        }
        kept
    }

    /// The same, held once for all objects that have the same.
    pub(super) fn shared_labels(&mut self, labels: Option<&BTreeMap<String, String>>) -> Arc<Labels> {
        let labels = self.labels(labels);
        if let Some(known) = self.label_sets.get(&labels) {
            return known.clone();
        }
        if self.label_sets.len() >= SHARED {
            self.label_sets.clear();
        }
        let labels = Arc::new(labels);
        self.label_sets.insert(labels.clone());
        labels
    }

    /// Status conditions.
    pub(super) fn conditions(&mut self, conditions: Option<&[wire::Condition]>) -> Vec<Condition> {
        let kept = self.first(conditions, CONDITIONS);
        kept.iter().map(|condition| self.condition(condition)).collect()
    }

    fn condition(&mut self, condition: &wire::Condition) -> Condition {
        Condition {
            kind: self.name(condition.kind.as_deref()),
            status: self.name(condition.status.as_deref()),
            reason: self.name(condition.reason.as_deref()),
            message: bounded_or_empty(condition.message.as_deref(), MESSAGE),
            since: timestamp(condition.last_transition_time.as_ref()),
        }
    }
}

/// Says what was left out of an object that is told.
pub(super) fn tell_left_out(cx: &Context, watched: Watched, left_out: u64) {
    if left_out > 0 {
        let reason = "too many entries in one object";
        cx.events.lost(clock::now(), &watched.source(), reason, left_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_held_once_until_there_are_too_many() {
        let mut pruner = Pruner::default();
        let (one, two) = (pruner.name(Some("shop")), pruner.name(Some("shop")));
        assert!(Arc::ptr_eq(&one, &two));
        for number in 0..2 * SHARED {
            pruner.name(Some(&number.to_string()));
        }
        assert!(pruner.shared.len() <= SHARED);
    }

    #[test]
    fn surplus_and_oversized_labels_are_counted() {
        let mut all: BTreeMap<String, String> = (0..70).map(|n| (format!("k{n:02}"), "v".to_owned())).collect();
        all.insert("a".repeat(LABEL_KEY + 1), "v".to_owned());
        all.insert("a".to_owned(), "v".repeat(LABEL_VALUE + 1));
        let mut pruner = Pruner::default();
        assert_eq!(pruner.labels(Some(&all)).len(), LABELS);
        assert_eq!((pruner.take_left_out(), pruner.take_left_out()), (8, 0));
    }
}
