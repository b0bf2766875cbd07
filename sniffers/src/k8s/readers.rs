//! Every resource that is watched, for whoever goes through all of them.

use kube::Resource;
use kube::core::NamespaceResourceScope;

use super::Config;
use super::deployment::Deployments;
use super::event::Events;
use super::job::Jobs;
use super::kinds::{Kind, Visit, visit_all};
use super::object::Objects;
use super::pod::Pods;
use super::replicaset::ReplicaSets;
use super::watch::Reader;

/// Something that is done with each resource.
pub(super) trait Survey {
    /// The nodes, which have no namespace.
    fn nodes(&mut self);

    /// A resource that has namespaces.
    fn within<R>(&mut self)
    where
        R: Reader + 'static,
        R::Object: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Sync;
}

/// Goes through the resources that a sniffer with `config` watches, in the order of its watches.
pub(super) fn survey(config: &Config, by: &mut impl Survey) {
    by.within::<Pods>();
    by.nodes();
    by.within::<ReplicaSets>();
    by.within::<Jobs>();
    by.within::<Events>();
    if config.node.is_none() {
        by.within::<Deployments>();
        visit_all(&mut Each(by));
    }
}

struct Each<'a, S>(&'a mut S);

impl<S: Survey> Visit for Each<'_, S> {
    fn visit<K: Kind>(&mut self) {
        self.0.within::<Objects<K>>();
    }
}
