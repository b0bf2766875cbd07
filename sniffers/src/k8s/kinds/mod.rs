//! The kinds of objects that are told as they stand, one file each: what is decoded of it, and what is kept.

mod autoscaler;
mod budget;
mod claim;
mod cronjob;
mod daemonset;
mod deployment;
mod endpointslice;
mod job;
mod networkpolicy;
mod quota;
mod service;
mod statefulset;
mod workload;

use std::fmt::Debug;

use correlator::ObjectState;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::gap::Watched;
use super::prune::Pruner;
use super::wire::Template;

pub(super) use autoscaler::Autoscaler;
pub(super) use budget::DisruptionBudget;
pub(super) use claim::Claim;
pub(super) use cronjob::CronJob;
pub(super) use daemonset::DaemonSet;
pub(super) use deployment::Deployment;
pub(super) use endpointslice::EndpointSlice;
pub(super) use job::Job;
pub(super) use networkpolicy::NetworkPolicy;
pub(super) use quota::Quota;
pub(super) use service::Service;
pub(super) use statefulset::StatefulSet;

/// A slim object whose state is told.
pub(super) trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    /// Its name and what it is for.
    const WATCHED: Watched;

    /// What is kept of it.
    fn state(&self, pruner: &mut Pruner) -> ObjectState;

    /// Its pod template, where a change of that is a rollout and nothing else numbers them.
    fn template(&self) -> Option<&Template> {
        None
    }
}

/// Something that is done with each kind.
pub(super) trait Visit {
    fn visit<K: Kind>(&mut self);
}

/// Visits the kinds that are told as they stand and nothing more.
pub(super) fn visit_all(visitor: &mut impl Visit) {
    visitor.visit::<StatefulSet>();
    visitor.visit::<DaemonSet>();
    visitor.visit::<CronJob>();
    visitor.visit::<Service>();
    visitor.visit::<EndpointSlice>();
    visitor.visit::<NetworkPolicy>();
    visitor.visit::<Autoscaler>();
    visitor.visit::<Claim>();
    visitor.visit::<Quota>();
    visitor.visit::<DisruptionBudget>();
}

/// A count of the API; a negative one is none.
fn count(number: Option<i64>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
