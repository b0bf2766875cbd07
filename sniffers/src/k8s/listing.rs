//! Which objects of a resource exist, so that a relist tells what vanished while nobody watched.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The objects of one resource, by key.
#[derive(Debug, Default)]
pub(super) struct Listing {
    present: BTreeSet<Arc<str>>,
    /// What the list that is under way has shown; `None` between lists.
    shown: Option<BTreeSet<Arc<str>>>,
}

impl Listing {
    /// A list begins; one that did not end is forgotten.
    pub(super) fn begin(&mut self) {
        self.shown = Some(BTreeSet::new());
    }

    /// An object exists.
    pub(super) fn saw(&mut self, key: &Arc<str>) {
        self.present.insert(key.clone());
        if let Some(shown) = &mut self.shown {
            shown.insert(key.clone());
        }
    }

    /// An object was deleted.
    pub(super) fn gone(&mut self, key: &str) {
        self.present.remove(key);
    }

    /// The list is complete; returns what existed and was not in it.
    pub(super) fn end(&mut self) -> Vec<Arc<str>> {
        let Some(shown) = self.shown.take() else {
            return Vec::new();
        };
        let vanished = self.present.difference(&shown).cloned().collect();
        self.present = shown;
        vanished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(listing: &mut Listing, keys: &[&str]) -> Vec<Arc<str>> {
        listing.begin();
        for key in keys {
            listing.saw(&Arc::from(*key));
        }
        listing.end()
    }

    #[test]
    fn a_relist_tells_what_vanished() {
        let mut listing = Listing::default();
        assert!(after(&mut listing, &["a", "b", "c"]).is_empty());
        listing.gone("c");
        assert_eq!(after(&mut listing, &["a"]), ["b".into()]);
        assert!(after(&mut listing, &["a"]).is_empty());
    }

    #[test]
    fn a_list_that_broke_off_makes_nothing_vanish() {
        let mut listing = Listing::default();
        after(&mut listing, &["a", "b"]);
        listing.begin();
        listing.saw(&Arc::from("a"));
        assert!(after(&mut listing, &["a", "b"]).is_empty());
    }
}
