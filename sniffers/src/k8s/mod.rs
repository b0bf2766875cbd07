//! The Kubernetes API: pods, nodes, Events, who owns what, and the objects that pods depend on, as facts.
//!
//! Each resource has its own task and is optional: what the server forbids or breaks is said as a gap, and the others go
//! on. Objects are decoded into slim types that hold only what tapio keeps.

mod access;
mod client;
mod connect;
mod container;
mod deployment;
pub mod dump;
mod event;
mod examine;
mod gap;
mod job;
mod kinds;
mod lease;
mod listing;
mod node;
mod object;
mod pod;
mod probe;
mod prune;
mod quantity;
mod readers;
mod replicaset;
mod rollout;
mod roster;
mod rules;
mod selector;
mod sight;
mod story;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod watch;
mod wire;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use correlator::Timestamp;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use tokio::task::JoinSet;

use crate::clock;
use crate::sniffer::{Context, SniffError, Sniffer};

pub use examine::{Access, Examined, examine};
pub use lease::LeaseName;
pub use rules::{Rule, rules};

use client::Pace;
use connect::Connected;
use deployment::{Deployments, SharedRollouts};
use event::Events;
use job::Jobs;
use kinds::{Kind, Visit, visit_all};
use lease::{Elector, Terms};
use node::Nodes;
use object::Objects;
use pod::Pods;
use replicaset::ReplicaSets;
use roster::Roster;
use watch::{Reader, watch};

/// Which cluster, and which part of it. The default takes `KUBECONFIG`, `~/.kube/config` or the pod's service account,
/// in this order, and watches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// A kubeconfig file; wins over `KUBECONFIG` and the home folder.
    pub kubeconfig: Option<PathBuf>,
    /// The context to use in place of the current one.
    pub context: Option<String>,
    /// Watches one namespace only (nodes have none and are watched all the same).
    pub namespace: Option<String>,
    /// Watches one node and its pods only.
    pub node: Option<String>,
    /// Watches only while this instance holds the Lease; of several with the same one watches.
    pub elect: Option<LeaseName>,
}

/// Watches the API server.
#[derive(Debug)]
pub struct KubeSniffer {
    config: Config,
    /// When it was first run.
    began: Option<Timestamp>,
    pace: Pace,
    terms: Terms,
}

impl KubeSniffer {
    /// A sniffer that will connect as `config` says when it is run.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            began: None,
            pace: Pace::default(),
            terms: Terms::default(),
        }
    }

    /// Starts the watches: at once, or when this instance is elected.
    async fn start(&self, connected: &Connected, cx: &Context) -> JoinSet<()> {
        let Some(lease) = &self.config.elect else {
            let tasks = self.spawn(&connected.steady.client(None), cx);
            cx.events.sighted(clock::now(), self.name());
            return tasks;
        };
        let client = connected.steady.client_for_election();
        let what = self.watches().into();
        let (mut elector, turn) = Elector::new(client, lease.clone(), self.terms, cx.clone(), what);
        if !elector.acquire().await {
            return JoinSet::new();
        }
        let mut tasks = self.spawn(&connected.steady.client(Some(turn)), cx);
        tasks.spawn(elector.stay());
        tasks
    }

    fn spawn(&self, client: &Client, cx: &Context) -> JoinSet<()> {
        let roster = Arc::new(Mutex::new(Roster::default()));
        let node = self.config.node.as_deref();
        let on_node = node.map(|node| format!("spec.nodeName={node}"));
        let this_node = node.map(|node| format!("metadata.name={node}"));
        let mut watches = Watches {
            sniffer: self,
            client,
            cx,
            tasks: JoinSet::new(),
        };
        watches.within(Pods::new(cx.clone(), roster.clone()), on_node);
        cx.events.health().lists(Nodes::WATCHED.source());
        let nodes = watch(
            Api::all(client.clone()),
            this_node,
            Nodes::new(cx.clone()),
            cx.clone(),
            None,
        );
        watches.tasks.spawn(nodes);
        let is_cluster_wide = node.is_none();
        let rollouts = is_cluster_wide.then(SharedRollouts::default);
        let sets = ReplicaSets::new(cx.clone(), roster.clone(), rollouts.clone());
        watches.within(sets, None);
        watches.within(Jobs::new(cx.clone(), roster.clone(), is_cluster_wide), None);
        let began = self.began.unwrap_or_else(clock::now);
        let events = Events::new(cx.clone(), roster, self.config.node.clone(), began);
        watches.within(events, None);
        if let Some(rollouts) = rollouts {
            watches.within(Deployments::new(cx.clone(), rollouts), None);
            visit_all(&mut watches);
        }
        watches.tasks
    }

    fn within<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.config.namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }
}

/// Starts watches.
struct Watches<'a> {
    sniffer: &'a KubeSniffer,
    client: &'a Client,
    cx: &'a Context,
    tasks: JoinSet<()>,
}

impl Watches<'_> {
    /// Of a resource that has namespaces.
    fn within<R>(&mut self, reader: R, fields: Option<String>)
    where
        R: Reader + 'static,
        R::Object: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Sync,
    {
        let api = self.sniffer.within(self.client);
        let namespace = self.sniffer.config.namespace.clone();
        self.cx.events.health().lists(R::WATCHED.source());
        self.tasks.spawn(watch(api, fields, reader, self.cx.clone(), namespace));
    }
}

impl Visit for Watches<'_> {
    fn visit<K: Kind>(&mut self) {
        self.within(Objects::<K>::new(self.cx.clone()), None);
    }
}

#[async_trait]
impl Sniffer for KubeSniffer {
    fn name(&self) -> &'static str {
        "k8s"
    }

    fn watches(&self) -> Cow<'static, str> {
        "pods, nodes, events, workloads, Services and policies at the API server".into()
    }

    async fn run(&mut self, cx: &Context) -> Result<(), SniffError> {
        self.began.get_or_insert_with(clock::now);
        let connected = tokio::select! {
            connected = connect::connect(&self.config, self.pace) => connected?,
            () = cx.stop.cancelled() => return Ok(()),
        };
        tracing::info!(
            url = connected.url,
            version = connected.version,
            "Watching the API server."
        );
        let mut tasks = self.start(&connected, cx).await;
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                return Err(SniffError::Failed {
                    why: format!("a watch of {} ended: {error}", connected.url),
                    fix: "report this as a bug of tapio".to_owned(),
                });
            }
        }
        Ok(())
    }
}
