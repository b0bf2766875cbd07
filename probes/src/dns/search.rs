//! Tells which good answers matter to those who look at bad ones: the resolver of a container asks for a name with each
//! search domain in turn, and for its A and AAAA records side by side (resolv.conf(5)). That some of it failed means
//! something only where nothing of it was answered.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::name::Name;
use super::tally::owner;
use crate::record::TaskIds;

/// What is remembered is forgotten after one to two times this, nanoseconds.
const AGE_NS: u64 = 5_000_000_000;
/// Names remembered of each kind within that time; what comes on top is counted as lost.
const NAMES_MAX: usize = 4096;

/// A good answer, as far as it may be told later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Good {
    pub(super) kind: u16,
    pub(super) took_ns: u64,
}

/// The names that were missing and those that were answered of late.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// By owner and first label: all candidates of a search begin with it.
    missed: Recent<()>,
    /// By owner and name.
    answered: Recent<Good>,
    /// When what is old was last forgotten, nanoseconds of `CLOCK_MONOTONIC`.
    aged: u64,
    /// What found no room.
    lost: u64,
}

/// What came within the current age, and within the one before.
#[derive(Debug)]
struct Recent<T> {
    young: HashMap<u64, T>,
    old: HashMap<u64, T>,
}

impl Search {
    /// Notes that a name does not exist. Gives back the answer for another type that says that it does.
    pub(super) fn missed(&mut self, task: &TaskIds, name: &Name) -> Option<Good> {
        self.lost += u64::from(!self.missed.note(first_label(task, name), ()));
        self.answered.get(whole(task, name))
    }

    /// Notes a good answer. True when a name that may be of the same search was missing before.
    pub(super) fn answered(&mut self, task: &TaskIds, name: &Name, good: Good) -> bool {
        self.lost += u64::from(!self.answered.note(whole(task, name), good));
        self.missed.get(first_label(task, name)).is_some()
    }

    /// Forgets what is old.
    pub(super) fn tick(&mut self, ktime_ns: u64) {
        if ktime_ns.saturating_sub(self.aged) >= AGE_NS {
            self.aged = ktime_ns;
            self.missed.age();
            self.answered.age();
        }
    }

    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<T: Copy> Recent<T> {
    fn note(&mut self, key: u64, value: T) -> bool {
        let room = self.young.len() < NAMES_MAX || self.young.contains_key(&key);
        if room {
            self.young.insert(key, value);
        }
        room
    }

    fn get(&self, key: u64) -> Option<T> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    fn age(&mut self) {
        self.old = std::mem::take(&mut self.young);
    }
}

fn first_label(task: &TaskIds, name: &Name) -> u64 {
    key(task, name.labels().next().unwrap_or_default())
}

fn whole(task: &TaskIds, name: &Name) -> u64 {
    key(task, name.wire())
}

/// Names are the same in upper and lower case (RFC 4343).
fn key(task: &TaskIds, name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    owner(task).hash(&mut hasher);
    for byte in name {
        byte.to_ascii_lowercase().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(unified: u64) -> TaskIds {
        TaskIds {
            unified,
            memory: 0,
            pid: 1,
            comm: "app".into(),
        }
    }

    const GOOD: Good = Good { kind: 1, took_ns: 7 };

    #[test]
    fn an_answer_after_a_miss_of_the_same_search_matters_and_no_other() {
        let (mut search, name) = (Search::default(), Name::from_wire(b"\x03api\x03com"));
        assert!(!search.answered(&task(5), &name, GOOD));
        assert_eq!(search.missed(&task(5), &Name::from_wire(b"\x03API\x03com\x04shop\x03svc")), None);
        assert!(search.answered(&task(5), &name, GOOD));
        assert!(!search.answered(&task(6), &name, GOOD));
        assert!(!search.answered(&task(5), &Name::from_wire(b"\x03www\x03com"), GOOD));
    }

    #[test]
    fn a_miss_after_an_answer_for_the_same_name_is_told_of_it() {
        let (mut search, name) = (Search::default(), Name::from_wire(b"\x03api"));
        search.answered(&task(5), &name, GOOD);
        assert_eq!(search.missed(&task(5), &Name::from_wire(b"\x03Api")), Some(GOOD));
        assert_eq!(search.missed(&task(6), &name), None);
    }

    #[test]
    fn what_is_old_is_forgotten_and_there_is_an_end_to_what_is_remembered() {
        let (mut search, name) = (Search::default(), Name::from_wire(b"\x03api"));
        search.answered(&task(5), &name, GOOD);
        search.tick(AGE_NS);
        search.tick(2 * AGE_NS - 1);
        assert_eq!(search.missed(&task(5), &name), Some(GOOD));
        search.tick(2 * AGE_NS);
        search.tick(3 * AGE_NS);
        assert_eq!(search.missed(&task(5), &name), None);
        for unified in 0..u64::try_from(NAMES_MAX).unwrap() + 3 {
            search.answered(&task(unified), &name, GOOD);
        }
        assert_eq!((search.take_lost(), search.take_lost()), (3, 0));
    }
}
