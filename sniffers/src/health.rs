//! How the sniffers fare, beside the events they send: read by whoever shows it, and no part of a recording.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use correlator::BreakerState;

/// What all sniffers of a run write to and anybody may read. Held for moments only.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

/// How the sniffers fare at this moment.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The breaker that holds back a sniffer that broke, by the sniffer's name.
    pub breakers: BTreeMap<&'static str, BreakerState>,
    /// The probes that were to be loaded, by name.
    pub probes: BTreeMap<&'static str, ProbeState>,
    /// Whether the watches of the API server have begun.
    pub lists_begun: bool,
    /// Resources whose first list is not complete yet, and that were not said to be blind: `k8s/pods`.
    pub listing: BTreeSet<String>,
    /// Another instance holds the Lease and watches the API server in place of this one.
    pub stands_by: bool,
}

/// How a probe fares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProbeState {
    /// What its programs attach to: `tp_btf`, `iter`, `cgroup_skb`, `cgroup`.
    pub kinds: BTreeSet<String>,
    /// Whether they are attached.
    pub attached: bool,
    /// Time in its programs since they were loaded; zero unless the kernel keeps statistics (`kernel.bpf_stats_enabled`).
    pub run_time: Duration,
    /// The largest part of its ring that one reading of the last second found filled, 0 to 1; `None` without a ring.
    pub ring_used: Option<f64>,
}

impl Health {
    /// How the sniffers fare now.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    pub(crate) fn breaker(&self, sniffer: &'static str, state: BreakerState) {
        self.lock().breakers.insert(sniffer, state);
    }

    /// A sniffer watches, so what held it back is over.
    pub(crate) fn sighted(&self, source: &str) {
        let mut state = self.lock();
        if let Some(breaker) = state.breakers.get_mut(source) {
            *breaker = BreakerState::Closed;
        }
        if source == "k8s" {
            state.stands_by = false;
        }
    }

    pub(crate) fn stands_by(&self) {
        self.lock().stands_by = true;
    }

    pub(crate) fn lists(&self, source: String) {
        let mut state = self.lock();
        state.lists_begun = true;
        state.listing.insert(source);
    }

    /// The first list of this resource is complete, or will not be for a while.
    pub(crate) fn listed(&self, source: &str) {
        self.lock().listing.remove(source);
    }

    pub(crate) fn probe(&self, name: &'static str, change: impl FnOnce(&mut ProbeState)) {
        change(self.lock().probes.entry(name).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sniffer_that_watches_has_a_closed_breaker_and_stands_by_no_longer() {
        let health = Health::default();
        health.breaker("k8s", BreakerState::HalfOpen);
        health.stands_by();
        health.sighted("k8s/pods");
        assert!(health.state().stands_by, "one resource is not the sniffer");
        health.sighted("k8s");
        let state = health.state();
        assert_eq!(state.breakers["k8s"], BreakerState::Closed);
        assert!(!state.stands_by);
    }

    #[test]
    fn a_resource_is_listing_until_its_list_is_complete() {
        let health = Health::default();
        assert!(!health.state().lists_begun);
        health.lists("k8s/pods".to_owned());
        health.lists("k8s/nodes".to_owned());
        health.listed("k8s/pods");
        health.listed("k8s/pods");
        assert_eq!(health.state().listing, BTreeSet::from(["k8s/nodes".to_owned()]));
        assert!(health.state().lists_begun);
    }
}
