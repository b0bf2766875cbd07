//! Counts by owner and label, told once a second; and the limit of one fact a name and second.

use std::collections::{BTreeMap, BTreeSet};

use correlator::{Body, Signal};

use super::code::{rcode_label, type_label};
use super::name::{Malformed, Name};
use crate::record::{Sighting, TaskIds};
use crate::table::labelled;

/// Counters kept within one second; what comes on top is counted as lost.
const COUNTERS_MAX: usize = 4096;
/// Names kept within one second for the limit on facts.
const NAMES_MAX: usize = 1024;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// A query of this type was sent.
    Query(u16),
    /// A query was sent again, with the same id from the same socket, before there was an answer.
    Retry,
    /// A query was answered, with this code.
    Response(u16),
    /// A query was not answered in time.
    Timeout,
    /// An answer came after the timeout.
    Late,
    /// An answer came to no query that was seen, or a second one.
    Unmatched,
    /// An answer said that it does not fit (TC).
    Truncated,
    /// The answer to a query came in a stream in a form that is not read.
    Unread,
    /// A message was not well formed.
    Malformed(Malformed),
    /// A fact was not told, as one on the same name was within the second.
    Limited,
}

impl Label {
    fn signal(self) -> Signal {
        match self {
            Self::Query(kind) => labelled("dns.queries", &[type_label(kind)]),
            Self::Response(rcode) => labelled("dns.responses", &[rcode_label(rcode)]),
            Self::Malformed(reason) => labelled("dns.malformed", &[reason.label()]),
            Self::Retry => Signal::new("dns.retries"),
            Self::Timeout => Signal::new("dns.timeouts"),
            Self::Late => Signal::new("dns.responses_late"),
            Self::Unmatched => Signal::new("dns.responses_unmatched"),
            Self::Truncated => Signal::new("dns.responses_truncated"),
            Self::Unread => Signal::new("dns.responses_unread"),
            Self::Limited => Signal::new("dns.answers_limited"),
        }
    }
}

/// The cgroups, and the process where these say nothing, as both are the root.
pub(super) type Owner = (u64, u64, u32);

pub(super) fn owner(task: &TaskIds) -> Owner {
    let rooted = task.unified <= 1 && task.memory <= 1;
    (task.unified, task.memory, if rooted { task.pid } else { 0 })
}

/// Whose query of which name and type failed with which code.
type Failure = (Owner, Box<[u8]>, u16, Option<u16>);

/// The counts of the current second.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<(Owner, Label), (u64, TaskIds)>,
    names: BTreeSet<Failure>,
    /// What found no room.
    lost: u64,
}

impl Tally {
    pub(super) fn count(&mut self, task: &TaskIds, label: Label) {
        let key = (owner(task), label);
        if let Some((count, _)) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < COUNTERS_MAX {
            self.counts.insert(key, (1, task.clone()));
        } else {
            self.lost += 1;
        }
    }

    /// True for the first end of this name, type and code of an owner within the second; else it is counted.
    pub(super) fn is_first(&mut self, task: &TaskIds, name: &Name, kind: u16, rcode: Option<u16>) -> bool {
        let name = name.wire().to_ascii_lowercase().into_boxed_slice();
        let is_first = self.names.len() < NAMES_MAX && self.names.insert((owner(task), name, kind, rcode));
        if !is_first {
            self.count(task, Label::Limited);
        }
        is_first
    }

    /// Hands over the counts, ordered by owner and label, and begins the next second.
    pub(super) fn tell(&mut self, ktime_ns: u64, see: &mut dyn FnMut(Sighting)) {
        self.names.clear();
        for ((_, label), (count, task)) in std::mem::take(&mut self.counts) {
            see(Sighting {
                ktime_ns,
                task,
                signal: label.signal(),
                body: Body::Count(count),
            });
        }
    }

    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(unified: u64, pid: u32) -> TaskIds {
        TaskIds {
            unified,
            memory: 0,
            pid,
            comm: "dig".into(),
        }
    }

    fn told(tally: &mut Tally) -> Vec<(u32, String, u64)> {
        let mut told = Vec::new();
        tally.tell(9, &mut |sighting| match sighting.body {
            Body::Count(count) => told.push((sighting.task.pid, sighting.signal.name().to_owned(), count)),
            other => panic!("{other:?}"),
        });
        told
    }

    #[test]
    fn counts_are_by_cgroup_and_label_and_begin_anew_every_second() {
        let mut tally = Tally::default();
        tally.count(&task(5, 1), Label::Query(1));
        tally.count(&task(5, 2), Label::Query(1));
        tally.count(&task(5, 2), Label::Response(3));
        let a = (1, "dns.queries:A".to_owned(), 2);
        let b = (2, "dns.responses:NXDOMAIN".to_owned(), 1);
        assert_eq!(told(&mut tally), [a, b]);
        assert_eq!(told(&mut tally), []);
    }

    #[test]
    fn processes_in_the_root_are_counted_each_for_itself() {
        let mut tally = Tally::default();
        tally.count(&task(1, 1), Label::Timeout);
        tally.count(&task(1, 2), Label::Timeout);
        assert_eq!(told(&mut tally).len(), 2);
    }

    #[test]
    fn a_name_fails_aloud_once_a_second_whatever_its_case_and_the_rest_is_counted() {
        let mut tally = Tally::default();
        let (lower, upper) = (Name::from_wire(b"\x01a"), Name::from_wire(b"\x01A"));
        assert!(tally.is_first(&task(5, 1), &lower, 1, Some(3)));
        assert!(!tally.is_first(&task(5, 1), &upper, 1, Some(3)));
        assert!(tally.is_first(&task(5, 1), &lower, 28, Some(3)));
        assert!(tally.is_first(&task(6, 1), &lower, 1, Some(3)));
        assert_eq!(told(&mut tally), [(1, "dns.answers_limited".to_owned(), 1)]);
        assert!(tally.is_first(&task(5, 1), &lower, 1, Some(3)));
    }

    #[test]
    fn fault_34_there_is_an_end_to_the_counters_and_what_is_beyond_is_counted() {
        let mut tally = Tally::default();
        for unified in 0..u64::try_from(COUNTERS_MAX).unwrap() + 3 {
            tally.count(&task(unified + 2, 1), Label::Retry);
        }
        assert_eq!(told(&mut tally).len(), COUNTERS_MAX);
        assert_eq!((tally.take_lost(), tally.take_lost()), (3, 0));
    }
}
