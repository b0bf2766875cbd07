//! How often the containers of each workload were killed before: what is likely of the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::recalibration::USUAL;
use crate::identity::PodIdentity;
use crate::time::Timestamp;

/// Most workloads remembered; the one that was not seen for longest goes first.
pub(crate) const MAX_WORKLOADS: usize = 4_096;
/// Longest name of a workload, bytes: namespace, kind, name and container of at most 253 bytes each.
const MAX_NAME: usize = 1_024;
const DAY: f64 = 86_400.0;

/// The kills and the time under watch of each workload's containers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Workloads(BTreeMap<String, Workload>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Workload {
    kills: u64,
    days: f64,
    seen: Timestamp,
}

/// What the containers of one name in the pods of one workload are remembered under. `None` until the API server named them.
pub(crate) fn name(identity: &PodIdentity, container: &str) -> Option<String> {
    let (namespace, owner) = (identity.namespace.as_ref()?, identity.owner.as_ref()?);
    let name = format!("{namespace}/{}/{}/{container}", owner.kind, owner.name);
    (name.len() <= MAX_NAME).then_some(name)
}

impl Workloads {
    /// A container of this workload was watched for this long until `at`.
    pub(crate) fn watched(&mut self, name: &str, took: Duration, at: Timestamp) {
        let workload = self.entry(name);
        workload.days += took.as_secs_f64() / DAY;
        workload.seen = workload.seen.max(at);
    }

    /// A container of this workload was OOM-killed.
    pub(crate) fn killed(&mut self, name: &str, at: Timestamp) {
        let workload = self.entry(name);
        workload.kills = workload.kills.saturating_add(1);
        workload.seen = workload.seen.max(at);
    }

    /// The share of container-days that end in a kill: the mean of a Beta(1, 19) prior with what was seen.
    pub(crate) fn prior(&self, name: Option<&str>) -> f64 {
        let seen = name.and_then(|name| self.0.get(name));
        seen.map_or(USUAL, |workload| {
            let kills = workload.kills as f64;
            // More kills than days is a crash loop; as a share it is close to one, never one.
            ((1.0 + kills) / (20.0 + workload.days).max(kills + 2.0)).clamp(1e-4, 0.95)
        })
    }

    fn entry(&mut self, name: &str) -> &mut Workload {
        if self.0.len() >= MAX_WORKLOADS && !self.0.contains_key(name) {
            let stalest = self.0.iter().min_by_key(|(_, workload)| workload.seen);
            let stalest = stalest.map(|(name, _)| name.clone());
            stalest.map(|name| self.0.remove(&name));
        }
        self.0.entry(name.to_owned()).or_default()
    }

    /// What is wrong with workloads that came from outside.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_sound = |(name, workload): (&String, &Workload)| {
            name.len() <= MAX_NAME && workload.days.is_finite() && workload.days >= 0.0
        };
        match self {
            _ if self.0.len() > MAX_WORKLOADS => Some("more workloads than are ever kept"),
            _ if !self.0.iter().all(is_sound) => Some("a workload that cannot be"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_that_was_killed_is_expected_to_be_killed_and_quiet_days_calm_down() {
        let mut workloads = Workloads::default();
        let usual = workloads.prior(Some("shop/Deployment/cart/app"));
        assert!((usual - 0.05).abs() < 1e-12);
        workloads.killed("shop/Deployment/cart/app", Timestamp::from_secs(1));
        let after = workloads.prior(Some("shop/Deployment/cart/app"));
        assert!((after - 0.1).abs() < 1e-12, "{after}");
        workloads.watched(
            "shop/Deployment/cart/app",
            Duration::from_secs(80 * 86_400),
            Timestamp::from_secs(2),
        );
        assert!(workloads.prior(Some("shop/Deployment/cart/app")) < 0.021);
    }

    #[test]
    fn the_workload_not_seen_for_longest_is_forgotten_first() {
        let mut workloads = Workloads::default();
        for second in 0..=MAX_WORKLOADS as u64 {
            workloads.killed(&format!("w{second}"), Timestamp::from_secs(second + 1));
        }
        assert_eq!(workloads.0.len(), MAX_WORKLOADS);
        assert!(!workloads.0.contains_key("w0"));
    }

    #[test]
    fn a_crash_loop_is_no_certainty() {
        let mut workloads = Workloads::default();
        (0..10_000).for_each(|second| workloads.killed("w", Timestamp::from_secs(second)));
        assert!((0.9..1.0).contains(&workloads.prior(Some("w"))));
    }
}
