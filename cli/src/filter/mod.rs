//! Which pods the user wants to hear of: insights are said and series exported of these alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use correlator::{Engine, Insight, LabelSelector, PodIdentity, Scope, Status, Subject, World};

/// What is let through. Nodes and the cluster concern everybody.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    namespaces: BTreeSet<String>,
    excluded: BTreeSet<String>,
    selector: LabelSelector,
}

impl Filter {
    /// Lets through pods of these namespaces (all when there are none) but not of the excluded ones, with these labels.
    pub(crate) fn new(namespaces: BTreeSet<String>, excluded: BTreeSet<String>, selector: LabelSelector) -> Self {
        Self {
            namespaces,
            excluded,
            selector,
        }
    }

    /// Whether everything is let through.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an insight is let through.
    pub(crate) fn covers(&self, insight: &Insight, world: &World) -> bool {
        match &insight.subject {
            Subject::Container(pod) | Subject::Pod(pod) => self.covers_pod(pod, world),
            Subject::Object(object) => object.namespace.is_empty() || self.covers_namespace(Some(&object.namespace)),
            Subject::Process(_) => self.namespaces.is_empty() && self.selects_all(),
            Subject::Node(_) | Subject::Cluster => true,
        }
    }

    /// Whether a pod is let through. One whose namespace or labels are not known is not where these matter.
    pub(crate) fn covers_pod(&self, pod: &PodIdentity, world: &World) -> bool {
        if self.is_open() {
            return true;
        }
        let known = world.pod(&pod.uid);
        let namespace = pod.namespace.as_ref().or_else(|| known?.identity.namespace.as_ref());
        let is_selected = || known.is_some_and(|known| self.selector.selects(&known.state.labels));
        self.covers_namespace(namespace) && (self.selects_all() || is_selected())
    }

    fn covers_namespace(&self, namespace: Option<&Arc<str>>) -> bool {
        let is_in = |names: &BTreeSet<String>| namespace.is_some_and(|namespace| names.contains(&**namespace));
        (self.namespaces.is_empty() || is_in(&self.namespaces)) && !is_in(&self.excluded)
    }

    fn selects_all(&self) -> bool {
        self.selector == LabelSelector::default()
    }
}

/// Said insights beyond those that are open, after which the others are forgotten.
const SPARE: usize = 1_024;

/// Insights that were said: their end is said too, whatever the filter is by then and though the pod be gone.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeSet<(Scope, &'static str, String)>);

impl Told {
    /// Whether this is to be said.
    pub(crate) fn is_due(&mut self, insight: &Insight, filter: &Filter, engine: &Engine) -> bool {
        let is_covered = filter.covers(insight, engine.world());
        let key = key(insight);
        if insight.status == Status::Resolved {
            return self.0.remove(&key) || is_covered;
        }
        if is_covered && self.0.insert(key) {
            self.forget(engine);
        }
        is_covered
    }

    /// An insight may have got another name meanwhile.
    fn forget(&mut self, engine: &Engine) {
        if self.0.len() > engine.open().count() + SPARE {
            let open: BTreeSet<_> = engine.open().map(key).collect();
            self.0.retain(|key| open.contains(key));
        }
    }
}

fn key(insight: &Insight) -> (Scope, &'static str, String) {
    (insight.subject.scope(), insight.id, insight.what.clone())
}

#[cfg(test)]
mod tests;
