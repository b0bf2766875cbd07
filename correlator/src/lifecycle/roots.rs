//! Which open insights are about what.

use std::collections::{BTreeMap, BTreeSet};

use super::Key;
use crate::insight::Culprit;

/// By culprit, the insights that are about it.
#[derive(Debug, Default)]
pub(super) struct Roots {
    by_culprit: BTreeMap<Culprit, BTreeSet<Key>>,
}

impl Roots {
    pub(super) fn add(&mut self, key: &Key, about: &[Culprit]) {
        for culprit in about {
            self.by_culprit.entry(culprit.clone()).or_default().insert(key.clone());
        }
    }

    pub(super) fn remove(&mut self, key: &Key, about: &[Culprit]) {
        for culprit in about {
            if let Some(keys) = self.by_culprit.get_mut(culprit) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_culprit.remove(culprit);
                }
            }
        }
    }

    pub(super) fn of(&self, culprit: &Culprit) -> impl Iterator<Item = &Key> {
        self.by_culprit.get(culprit).into_iter().flatten()
    }
}
