//! Which pod had an address when. Addresses are used again, often within seconds, so each use has a beginning and an end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::pod::PodState;
use crate::time::Timestamp;

/// Uses of one address that are remembered.
const USES: usize = 8;

/// The uses of every address.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    uses: BTreeMap<IpAddr, Vec<Use>>,
}

#[derive(Debug, Clone)]
struct Use {
    pod: Arc<str>,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Addresses {
    /// The pod `uid` has changed from one state into another at `at`. hostNetwork pods use the node's addresses, and
    /// pods that ended have given theirs back.
    pub(super) fn moved(&mut self, uid: &Arc<str>, before: &PodState, now: &PodState, at: Timestamp) {
        for ip in used(before).iter().filter(|ip| !used(now).contains(ip)) {
            self.end(*ip, uid, at);
        }
        for ip in used(now) {
            self.begin(*ip, uid, now.created.unwrap_or(at), at);
        }
    }

    fn begin(&mut self, ip: IpAddr, uid: &Arc<str>, created: Timestamp, at: Timestamp) {
        let uses = self.uses.entry(ip).or_default();
        if uses.last().is_some_and(|last| last.pod == *uid && last.until.is_none()) {
            return;
        }
        let mut from = created.min(at);
        if let Some(last) = uses.last_mut() {
            from = from.max(*last.until.get_or_insert(at));
        }
        uses.push(Use {
            pod: uid.clone(),
            from,
            until: None,
        });
        if uses.len() > USES {
            uses.remove(0);
        }
    }

    fn end(&mut self, ip: IpAddr, uid: &Arc<str>, at: Timestamp) {
        let uses = self.uses.get_mut(&ip).into_iter().flatten();
        for open in uses.filter(|open| open.pod == *uid && open.until.is_none()) {
            open.until = Some(at);
        }
    }

    /// The pod is gone.
    pub(super) fn gone(&mut self, uid: &Arc<str>, state: &PodState, at: Timestamp) {
        for ip in used(state) {
            self.end(*ip, uid, at);
        }
    }

    /// The uid of the pod that had this address at that time.
    pub(super) fn at(&self, ip: IpAddr, at: Timestamp) -> Option<&Arc<str>> {
        let uses = self.uses.get(&ip)?;
        let had = |one: &&Use| one.from <= at && one.until.is_none_or(|until| at <= until);
        uses.iter().rev().find(had).map(|one| &one.pod)
    }

    /// Forgets uses that ended before `cutoff`.
    pub(super) fn forget(&mut self, cutoff: Timestamp) {
        self.uses.retain(|_, uses| {
            uses.retain(|one| one.until.is_none_or(|until| until >= cutoff));
            !uses.is_empty()
        });
    }
}

fn used(state: &PodState) -> &[IpAddr] {
    if state.host_network || matches!(&*state.phase, "Succeeded" | "Failed") {
        return &[];
    }
    &state.ips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn ip() -> IpAddr {
        [10, 0, 0, 1].into()
    }

    fn running(created: u64) -> PodState {
        PodState {
            ips: vec![ip()],
            created: Some(at(created)),
            ..PodState::default()
        }
    }

    fn who(addresses: &Addresses, seconds: u64) -> Option<&str> {
        addresses.at(ip(), at(seconds)).map(|uid| &**uid)
    }

    #[test]
    fn an_address_that_is_used_again_is_whose_it_was_at_the_time() {
        let mut addresses = Addresses::default();
        let (old, new): (Arc<str>, Arc<str>) = ("old".into(), "new".into());
        addresses.moved(&old, &PodState::default(), &running(5), at(10));
        addresses.gone(&old, &running(5), at(20));
        addresses.moved(&new, &PodState::default(), &running(15), at(30));
        let seen = [4, 5, 19, 21, 30, 90].map(|seconds| who(&addresses, seconds));
        assert_eq!(
            seen,
            [None, Some("old"), Some("old"), Some("new"), Some("new"), Some("new")]
        );
    }

    #[test]
    fn who_takes_an_address_over_ends_the_use_before() {
        let mut addresses = Addresses::default();
        addresses.moved(&"old".into(), &PodState::default(), &running(5), at(10));
        addresses.moved(&"new".into(), &PodState::default(), &running(5), at(20));
        assert_eq!(
            [19, 21].map(|seconds| who(&addresses, seconds)),
            [Some("old"), Some("new")]
        );
    }

    #[test]
    fn a_pod_that_ended_or_shares_the_nodes_network_has_none() {
        let mut addresses = Addresses::default();
        let uid: Arc<str> = "u".into();
        addresses.moved(&uid, &PodState::default(), &running(5), at(10));
        let ended = PodState {
            phase: "Succeeded".into(),
            ..running(5)
        };
        addresses.moved(&uid, &running(5), &ended, at(20));
        assert_eq!([15, 25].map(|seconds| who(&addresses, seconds)), [Some("u"), None]);
        let shared = PodState {
            host_network: true,
            ..running(5)
        };
        addresses.moved(&uid, &ended, &shared, at(30));
        assert_eq!(who(&addresses, 35), None);
        addresses.forget(at(21));
        assert_eq!(who(&addresses, 15), None);
    }
}
