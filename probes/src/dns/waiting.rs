//! The queries that wait for an answer: who asked what, until the answer or the timeout.

use std::collections::{HashMap, VecDeque};

use correlator::{Peer, Transport};

use super::QueryKey;
use crate::record::TaskIds;

/// A query unanswered for this long has timed out, nanoseconds; `dns.bpf.c` says the same.
pub(super) const TIMEOUT_NS: u64 = 5_000_000_000;
/// Waited on top before the end is told, so that an answer of the last moment has come out of the ring.
const GRACE_NS: u64 = 100_000_000;
/// Queries that wait at most; half as many as the kernel side has room for.
const WAITING_MAX: usize = 16_384;

/// A query that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    /// When it was sent first, nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) ktime_ns: u64,
    pub(super) task: TaskIds,
    /// Where the kernel side notes it.
    pub(super) set: u32,
    /// The name as on the wire; empty for the root.
    pub(super) name: Box<[u8]>,
    pub(super) kind: u16,
    pub(super) resolver: Peer,
    pub(super) transport: Transport,
}

/// All that wait, and the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_key: HashMap<QueryKey, Waiting>,
    /// Those that were answered stay here until their time is over.
    order: VecDeque<(u64, QueryKey)>,
}

impl Queue {
    /// Adds a query; one with the same key before it has had its time. False when there is no room.
    pub(super) fn add(&mut self, key: QueryKey, waiting: Waiting) -> bool {
        if self.order.len() >= 2 * WAITING_MAX {
            self.forget_answered();
        }
        if self.by_key.len() >= WAITING_MAX {
            return false;
        }
        self.order.push_back((waiting.ktime_ns, key));
        self.by_key.insert(key, waiting);
        true
    }

    /// The query that was answered.
    pub(super) fn take(&mut self, key: &QueryKey) -> Option<Waiting> {
        self.by_key.remove(key)
    }

    /// The next query whose time is over at `now`, in the order in which they were sent.
    pub(super) fn take_due(&mut self, now: u64) -> Option<(QueryKey, Waiting)> {
        while let Some(&(ktime_ns, key)) = self.order.front() {
            if now < ktime_ns.saturating_add(TIMEOUT_NS + GRACE_NS) {
                return None;
            }
            self.order.pop_front();
            if self.is_waiting(ktime_ns, &key) {
                return self.by_key.remove(&key).map(|waiting| (key, waiting));
            }
        }
        None
    }

    fn is_waiting(&self, ktime_ns: u64, key: &QueryKey) -> bool {
        let waiting = self.by_key.get(key);
        waiting.is_some_and(|waiting| waiting.ktime_ns == ktime_ns)
    }

    fn forget_answered(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        order.retain(|(ktime_ns, key)| self.is_waiting(*ktime_ns, key));
        self.order = order;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cookie: u64) -> QueryKey {
        QueryKey {
            cookie,
            ..QueryKey::default()
        }
    }

    fn sent_at(ktime_ns: u64) -> Waiting {
        Waiting {
            ktime_ns,
            task: TaskIds {
                unified: 5,
                memory: 0,
                pid: 1,
                comm: "dig".into(),
            },
            set: 0,
            name: Box::default(),
            kind: 1,
            resolver: Peer {
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                port: 53,
            },
            transport: Transport::Udp,
        }
    }

    const DUE: u64 = TIMEOUT_NS + GRACE_NS;

    #[test]
    fn queries_come_due_in_order_when_their_time_is_over_and_not_before() {
        let mut queue = Queue::default();
        queue.add(key(1), sent_at(10));
        queue.add(key(2), sent_at(20));
        assert_eq!(queue.take_due(DUE + 9), None);
        assert_eq!(queue.take_due(DUE + 10), Some((key(1), sent_at(10))));
        assert_eq!(queue.take_due(DUE + 10), None);
        assert_eq!(queue.take_due(u64::MAX), Some((key(2), sent_at(20))));
    }

    #[test]
    fn an_answered_query_never_comes_due() {
        let mut queue = Queue::default();
        queue.add(key(1), sent_at(10));
        assert_eq!(queue.take(&key(1)), Some(sent_at(10)));
        assert_eq!(queue.take(&key(1)), None);
        assert_eq!(queue.take_due(u64::MAX), None);
    }

    #[test]
    fn fault_5_an_id_used_again_after_the_answer_waits_for_itself() {
        let mut queue = Queue::default();
        queue.add(key(1), sent_at(10));
        queue.take(&key(1));
        queue.add(key(1), sent_at(1_000));
        assert_eq!(queue.take_due(DUE + 999), None);
        assert_eq!(queue.take_due(DUE + 1_000), Some((key(1), sent_at(1_000))));
    }

    #[test]
    fn there_is_an_end_to_those_that_wait_and_answered_ones_make_room() {
        let mut queue = Queue::default();
        let most = u64::try_from(WAITING_MAX).unwrap();
        assert!((0..most).all(|cookie| queue.add(key(cookie), sent_at(cookie))));
        assert!(!queue.add(key(most), sent_at(most)));
        for cookie in 0..10 * most {
            queue.take(&key(cookie % most));
            assert!(queue.add(key(cookie % most), sent_at(cookie)));
        }
        assert!(queue.order.len() <= 2 * WAITING_MAX);
    }
}
