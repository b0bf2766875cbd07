//! The watch of pods: who is who, and how its containers fare.

use std::sync::{Arc, Mutex, PoisonError};

use correlator::{Body, Event, Fact, PodIdentity, PodState, Subject, signals};
use kube::core::ObjectMeta;

use super::container::containers;
use super::gap::Watched;
use super::roster::{Controller, News, Roster, Sighting};
use super::text::{NAME, bounded, bounded_or_empty, timestamp};
use super::watch::Reader;
use super::wire::{CONFIG_HASH, CONFIG_MIRROR, Pod};
use crate::clock;
use crate::sniffer::Context;

/// Addresses kept of a pod; dual stack has two.
const ADDRESSES: usize = 8;

/// Reads pods.
pub(super) struct Pods {
    cx: Context,
    roster: Arc<Mutex<Roster>>,
}

impl Pods {
    pub(super) fn new(cx: Context, roster: Arc<Mutex<Roster>>) -> Self {
        Self { cx, roster }
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
        let Some((sighting, left_out)) = sighting(&pod) else {
            return self
                .cx
                .events
                .lost(clock::now(), "k8s/pods", "pod without uid or name", 1);
        };
        if left_out > 0 {
            let count = u64::try_from(left_out).unwrap_or(u64::MAX);
            self.cx
                .events
                .lost(clock::now(), "k8s/pods", "too many containers in one pod", count);
        }
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = roster.learn_pod(sighting) {
            tell(&self.cx, news);
        }
    }

    fn gone(&mut self, key: &str) {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gone) = roster.forget_pod(key) else { return };
        for uid in &gone.uids {
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

/// What a pod object says, and how many containers were left out of it.
fn sighting(pod: &Pod) -> Option<(Sighting, usize)> {
    let uid = pod.metadata.uid.as_deref().filter(|uid| !uid.is_empty())?;
    let name = pod.metadata.name.as_deref()?;
    let node = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .filter(|node| !node.is_empty());
    let identity = PodIdentity {
        uid: bounded(uid, NAME),
        namespace: Some(bounded_or_empty(pod.metadata.namespace.as_deref(), NAME)),
        pod: Some(bounded(name, NAME)),
        node: node.map(|node| bounded(node, NAME)),
        ..PodIdentity::default()
    };
    let (state, left_out) = state(pod);
    let sighting = Sighting {
        identity,
        uids: uids(&pod.metadata, uid),
        controller: controller(&pod.metadata),
        state,
    };
    Some((sighting, left_out))
}

/// The uid of the object first; a static pod runs under the hash of its file, and its mirror says so.
fn uids(metadata: &ObjectMeta, uid: &str) -> Vec<String> {
    let annotations = metadata.annotations.iter().flatten();
    let ties =
        annotations.filter(|(key, value)| [CONFIG_HASH, CONFIG_MIRROR].contains(&key.as_str()) && !value.is_empty());
    let mut uids = vec![bounded(uid, NAME).to_string()];
    for (_, tie) in ties {
        let tie = bounded(tie, NAME).to_string();
        if !uids.contains(&tie) {
            uids.push(tie);
        }
    }
    uids
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

fn state(pod: &Pod) -> (PodState, usize) {
    let (spec, status) = (
        pod.spec.clone().unwrap_or_default(),
        pod.status.clone().unwrap_or_default(),
    );
    let (containers, left_out) = containers(&spec, &status);
    let listed = status.pod_ips.iter().flatten().filter_map(|entry| entry.ip.as_deref());
    let mut ips: Vec<_> = listed.take(ADDRESSES).filter_map(|ip| ip.parse().ok()).collect();
    if ips.is_empty() {
        ips.extend(
            status
                .pod_ip
                .as_deref()
                .and_then(|ip| ip.parse::<std::net::IpAddr>().ok()),
        );
    }
    let state = PodState {
        phase: bounded_or_empty(status.phase.as_deref(), NAME),
        reason: bounded_or_empty(status.reason.as_deref(), NAME),
        restart_policy: bounded_or_empty(spec.restart_policy.as_deref(), NAME),
        ips,
        host_network: spec.host_network.unwrap_or(false),
        created: timestamp(pod.metadata.creation_timestamp.as_ref()),
        deleted: timestamp(pod.metadata.deletion_timestamp.as_ref()),
        containers,
        ..PodState::default()
    };
    (state, left_out)
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
