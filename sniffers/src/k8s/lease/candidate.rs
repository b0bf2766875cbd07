//! What one candidate knows of the Lease, and when it may take it. The rules are those of client-go's leader election.

use std::time::Duration;

use correlator::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::core::ObjectMeta;
use tokio::time::Instant;

/// The times of the election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::k8s) struct Terms {
    /// Others may take the Lease when it was not renewed for this long.
    pub(in crate::k8s) duration: Duration,
    /// The holder gives up when it could not renew for this long; less than `duration`, so that there are never two.
    pub(in crate::k8s) deadline: Duration,
    /// How often the Lease is tried for and renewed.
    pub(in crate::k8s) retry: Duration,
    /// How long giving it back may take; the sniffers have two seconds to stop.
    pub(in crate::k8s) release: Duration,
}

impl Default for Terms {
    /// As kube-controller-manager and kube-scheduler have them, but for the release.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
            release: Duration::from_secs(1),
        }
    }
}

/// A candidate and the Lease as it last saw it.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    duration: Duration,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    lease: Lease,
    /// When it was first seen as it is, by the own clock: that of the holder may be wrong.
    since: Instant,
}

impl Candidate {
    pub(super) fn new(identity: String, duration: Duration) -> Self {
        Self {
            identity,
            duration,
            seen: None,
        }
    }

    /// The Lease was read or written.
    pub(super) fn observe(&mut self, lease: Lease, now: Instant) {
        let since = match &self.seen {
            Some(before) if before.lease.spec == lease.spec => before.since,
            _ => now,
        };
        self.seen = Some(Seen { lease, since });
    }

    /// The Lease does not exist.
    pub(super) fn observe_none(&mut self) {
        self.seen = None;
    }

    /// Who holds it.
    pub(super) fn holder(&self) -> Option<&str> {
        let holder = self.spec()?.holder_identity.as_deref()?;
        (!holder.is_empty()).then_some(holder)
    }

    /// Whether this candidate holds it.
    pub(super) fn holds(&self) -> bool {
        self.holder() == Some(self.identity.as_str())
    }

    /// Whether it may be taken: nobody holds it, or its holder did not renew it for as long as it said it would.
    pub(super) fn may_take(&self, now: Instant) -> bool {
        let Some(seen) = &self.seen else { return true };
        if self.holder().is_none() || self.holds() {
            return true;
        }
        let seconds = self.spec().and_then(|spec| spec.lease_duration_seconds);
        let lasts = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        now >= seen.since + lasts.map_or(self.duration, Duration::from_secs)
    }

    /// The Lease as this candidate would write it, to hold it from `now` on. Its version is the one that was seen, so
    /// that of two who write at once only one does.
    pub(super) fn claim(&self, name: &str, now: Timestamp) -> Lease {
        let before = self.spec().cloned().unwrap_or_default();
        let transitions = before.lease_transitions.unwrap_or_default();
        let now = micro_time(now);
        let (acquired, transitions) = match (self.holds(), &self.seen) {
            (true, _) => (before.acquire_time.clone().or_else(|| now.clone()), transitions),
            (false, Some(_)) => (now.clone(), transitions.saturating_add(1)),
            (false, None) => (now.clone(), 0),
        };
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
            acquire_time: acquired,
            renew_time: now,
            lease_transitions: Some(transitions),
            ..before
        };
        self.with_spec(name, spec)
    }

    /// The Lease without a holder, for the next one to take at once.
    pub(super) fn release(&self, name: &str, now: Timestamp) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: micro_time(now),
            ..self.spec().cloned().unwrap_or_default()
        };
        self.with_spec(name, spec)
    }

    fn with_spec(&self, name: &str, spec: LeaseSpec) -> Lease {
        let metadata = match &self.seen {
            Some(seen) => seen.lease.metadata.clone(),
            None => ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
        };
        Lease {
            metadata,
            spec: Some(spec),
        }
    }

    fn spec(&self) -> Option<&LeaseSpec> {
        self.seen.as_ref()?.lease.spec.as_ref()
    }
}

fn micro_time(at: Timestamp) -> Option<MicroTime> {
    jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()))
        .ok()
        .map(MicroTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(15);

    fn candidate(identity: &str) -> Candidate {
        Candidate::new(identity.to_owned(), LASTS)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_lease_that_does_not_exist_or_has_no_holder_is_taken() {
        let mut a = candidate("a");
        assert!(a.may_take(Instant::now()));
        let mut lease = a.claim("tapio", at(1));
        assert_eq!(lease.spec.as_ref().unwrap().lease_transitions, Some(0));
        lease.spec.as_mut().unwrap().holder_identity = Some(String::new());
        a.observe(lease.clone(), Instant::now());
        assert!(a.may_take(Instant::now()) && a.holder().is_none());
        lease.spec = None;
        a.observe(lease, Instant::now());
        assert!(a.may_take(Instant::now()));
    }

    #[test]
    fn a_held_lease_is_taken_when_it_was_not_renewed_for_its_time_by_the_own_clock() {
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        // The clock of a is a year ahead; that must not keep b from taking over.
        let held = a.claim("tapio", at(31_536_000));
        let now = Instant::now();
        a.observe(held.clone(), now);
        assert!(a.holds());
        b.observe(held.clone(), now);
        let half = now + LASTS / 2;
        b.observe(held, half);
        assert!(!b.may_take(half));
        assert!(b.may_take(now + LASTS));
        b.observe(a.claim("tapio", at(31_536_002)), half);
        assert!(!b.may_take(now + LASTS), "it was renewed");
        assert!(b.may_take(half + LASTS));
        let taken = b.claim("tapio", at(20)).spec.unwrap();
        assert_eq!(
            (taken.lease_transitions, taken.acquire_time),
            (Some(1), taken.renew_time)
        );
    }

    #[test]
    fn the_time_that_the_holder_promised_counts_and_not_the_own() {
        let mut a = Candidate::new("a".to_owned(), Duration::from_secs(60));
        let mut b = candidate("b");
        let now = Instant::now();
        b.observe(a.claim("tapio", at(1)), now);
        assert!(!b.may_take(now + LASTS) && b.may_take(now + Duration::from_secs(60)));
        a.observe(a.claim("tapio", at(1)), now);
        b.observe(a.release("tapio", at(2)), now);
        assert!(b.may_take(now), "it was released");
    }

    #[test]
    fn a_renewal_keeps_when_it_was_acquired_and_what_others_wrote_beside() {
        let mut a = candidate("a");
        let mut held = a.claim("tapio", at(1));
        held.metadata.resource_version = Some("7".to_owned());
        held.metadata.labels = Some([("team".to_owned(), "sre".to_owned())].into());
        a.observe(held.clone(), Instant::now());
        let renewed = a.claim("tapio", at(3));
        assert_eq!(renewed.metadata, held.metadata);
        let (before, after) = (held.spec.unwrap(), renewed.spec.unwrap());
        assert_eq!(after.acquire_time, before.acquire_time);
        assert_ne!(after.renew_time, before.renew_time);
        assert_eq!(after.lease_transitions, Some(0));
    }
}
