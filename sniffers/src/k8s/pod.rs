//! The watch of pods: who is who, and how its containers fare.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use correlator::{Body, Condition, Event, Fact, PodIdentity, PodState, Subject, signals};
use kube::core::ObjectMeta;

use super::container::containers;
use super::gap::Watched;
use super::prune::{Pruner, tell_left_out};
use super::roster::{Controller, News, Roster, Sighting};
use super::text::{NAME, bounded, bounded_or_empty, timestamp};
use super::watch::Reader;
use super::wire::{CONFIG_HASH, CONFIG_MIRROR, Pod, PodStatus, Volume};
use crate::clock;
use crate::sniffer::Context;

/// Addresses kept of a pod; dual stack has two.
const ADDRESSES: usize = 8;
/// Bytes kept of `status.message`.
const MESSAGE: usize = 512;
/// Volumes that are looked through for claims.
const VOLUMES: usize = 128;

/// Reads pods.
pub(super) struct Pods {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
    pruner: Pruner,
}

impl Pods {
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>) -> Self {
        Self {
            cx,
            roster,
            pruner: Pruner::default(),
        }
    }
}

impl Reader for Pods {
    type Object = Pod;
    const WATCHED: Watched = Watched {
        group: "",
        plural: "pods",
        what: "pod states, restarts and container names",
    };

    fn apply(&mut self, pod: Pod) {
        let sighting = sighting(pod, &mut self.pruner);
        let left_out = self.pruner.take_left_out();
        let Some(sighting) = sighting else {
            let (now, source) = (clock::now(), Self::WATCHED.source());
            return self.cx.events.lost(now, &source, "malformed pod: no uid or name", 1);
        };
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(news) = roster.learn_pod(sighting) else {
            return;
        };
        tell_left_out(&self.cx, Self::WATCHED, left_out);
        tell(&self.cx, news);
    }

    fn gone(&mut self, key: &str) {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gone) = roster.forget_pod(key) else { return };
        for uid in gone.uids() {
            self.cx.pods.forget_pod(uid);
        }
        send(&self.cx, gone.identity, Fact::PodDeleted);
    }
}

/// Names the pod to the map first, so that whoever reacts to the event finds it there.
pub(super) fn tell(cx: &Context, news: News) {
    cx.pods.learn_pod(news.names());
    send(cx, news.identity, Fact::Pod(Box::new(news.state)));
}

fn send(cx: &Context, identity: Arc<PodIdentity>, fact: Fact) {
    cx.events.send(Event {
        at: clock::now(),
        subject: Subject::Pod(identity),
        signal: signals::KUBE_POD,
        body: Body::Fact(fact),
    });
}

/// What a pod object says.
fn sighting(pod: Pod, pruner: &mut Pruner) -> Option<Sighting> {
    let uid = pod.metadata.uid.as_deref().filter(|uid| !uid.is_empty())?;
    let name = pod.metadata.name.as_deref()?;
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let identity = PodIdentity {
        uid: bounded(uid, NAME),
        namespace: Some(pruner.name(pod.metadata.namespace.as_deref())),
        pod: Some(bounded(name, NAME)),
        node: pruner.named(node),
        ..PodIdentity::default()
    };
    Some(Sighting {
        aliases: aliases(&pod.metadata, uid),
        controller: controller(&pod.metadata),
        state: state(pod, pruner),
        identity,
    })
}

/// A static pod runs under the hash of its file, and its mirror says so.
fn aliases(metadata: &ObjectMeta, uid: &str) -> Vec<Arc<str>> {
    let annotations = metadata.annotations.iter().flatten();
    let ties =
        annotations.filter(|(key, value)| [CONFIG_HASH, CONFIG_MIRROR].contains(&key.as_str()) && !value.is_empty());
    let mut aliases = Vec::new();
    for (_, tie) in ties {
        let tie = bounded(tie, NAME);
        if &*tie != uid && !aliases.contains(&tie) {
            aliases.push(tie);
        }
    }
    aliases
}

/// The owner that manages the object, of which there is at most one.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<Controller> {
    let owner = metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))?;
    Some(Controller {
        kind: bounded(&owner.kind, NAME),
        name: bounded(&owner.name, NAME),
        uid: bounded(&owner.uid, NAME),
    })
}

fn state(pod: Pod, pruner: &mut Pruner) -> PodState {
    let Pod { metadata, spec, status } = pod;
    let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
    let volumes = pruner.first(spec.volumes.as_deref(), VOLUMES);
    let claims = volumes
        .iter()
        .filter_map(|volume| claim(volume, metadata.name.as_deref()));
    PodState {
        phase: pruner.name(status.phase.as_deref()),
        reason: pruner.name(status.reason.as_deref()),
        message: bounded_or_empty(status.message.as_deref(), MESSAGE),
        restart_policy: pruner.name(spec.restart_policy.as_deref()),
        ips: addresses(&status),
        host_network: spec.host_network.unwrap_or(false),
        created: timestamp(metadata.creation_timestamp.as_ref()),
        deleted: timestamp(metadata.deletion_timestamp.as_ref()),
        labels: pruner.shared_labels(metadata.labels.as_ref()),
        qos: pruner.name(status.qos_class.as_deref()),
        grace: spec
            .termination_grace_period_seconds
            .and_then(|seconds| seconds.try_into().ok()),
        conditions: notable(pruner.conditions(status.conditions.as_deref())),
        claims: claims.collect(),
        containers: containers(&spec, &status, pruner),
    }
}

fn addresses(status: &PodStatus) -> Vec<IpAddr> {
    let listed = status.pod_ips.iter().flatten().filter_map(|entry| entry.ip.as_deref());
    let mut ips: Vec<IpAddr> = listed.take(ADDRESSES).filter_map(|ip| ip.parse().ok()).collect();
    if ips.is_empty() {
        ips.extend(status.pod_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()));
    }
    ips
}

/// What all is well with need not be kept. That a pod is disrupted is the one condition that is bad when it is true.
fn notable(mut conditions: Vec<Condition>) -> Vec<Condition> {
    conditions.retain(|condition| &*condition.status != "True" || &*condition.kind == "DisruptionTarget");
    conditions
}

/// The claim behind a volume; that of an ephemeral volume is named after pod and volume.
fn claim(volume: &Volume, pod: Option<&str>) -> Option<Arc<str>> {
    if let Some(source) = &volume.persistent_volume_claim {
        return Some(bounded(source.claim_name.as_deref()?, NAME));
    }
    volume.ephemeral.as_ref()?;
    Some(bounded(&format!("{}-{}", pod?, volume.name.as_deref()?), NAME))
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
