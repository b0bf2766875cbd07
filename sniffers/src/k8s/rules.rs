//! What the API server must allow, in the terms of a role. `deploy/manifests/tapio.yaml` grants exactly this.

use kube::Resource;
use kube::core::NamespaceResourceScope;

use super::Config;
use super::gap::Watched;
use super::node::Nodes;
use super::readers::{Survey, survey};
use super::watch::Reader;

/// A rule of a role. Besides these tapio reads `/version`, which Kubernetes allows everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `apiGroups`: `apps`; empty for the core group.
    pub group: &'static str,
    /// `resources`, plural: `replicasets`.
    pub resource: &'static str,
    /// `verbs`.
    pub verbs: &'static [&'static str],
}

/// What a sniffer with `config` asks for.
#[must_use]
pub fn rules(config: &Config) -> Vec<Rule> {
    let mut rules = Rules(Vec::new());
    survey(config, &mut rules);
    if config.elect.is_some() {
        rules.0.push(Rule {
            group: "coordination.k8s.io",
            resource: "leases",
            verbs: &["get", "create", "update"],
        });
    }
    rules.0
}

struct Rules(Vec<Rule>);

impl Rules {
    fn watch(&mut self, watched: Watched) {
        self.0.push(Rule {
            group: watched.group,
            resource: watched.plural,
            verbs: &["list", "watch"],
        });
    }
}

impl Survey for Rules {
    fn nodes(&mut self) {
        self.watch(Nodes::WATCHED);
    }

    fn within<R>(&mut self)
    where
        R: Reader + 'static,
        R::Object: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Sync,
    {
        self.watch(R::WATCHED);
    }
}
