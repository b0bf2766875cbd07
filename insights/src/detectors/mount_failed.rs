//! # A volume cannot be mounted or attached
//!
//! **Why it matters.** The pod waits in `ContainerCreating` for as long as it takes; the kubelet's summary only says that it
//! timed out.
//!
//! **How it is seen.** `FailedMount` and `FailedAttachVolume` Events about a pod none of whose containers was made yet, the
//! newest that says more than that it took too long. A claim that is not bound is told by `pvc-pending`. Told apart: the volume is attached to another node, with the pods that use it; the node lacks the CSI driver; no such storage
//! class, claim or provisioner; a path that does not exist; permission; a file system that is damaged; no more storage.
//! A missing `ConfigMap` or Secret is told by `config-missing`. Other words are quoted.
//!
//! **Thresholds.** A pod older than 30 seconds; a minute when the volume is attached elsewhere, which is usual while a pod
//! moves; five minutes while the kubelet only has not read a `ConfigMap` yet. Warning; critical when no pod of the workload is
//! available.
//!
//! **What to do.** Mend what is named: the class, the access mode, the stale attachment, the export.

use correlator::{Insight, ObjectRef, Pod, Remedy, Source, Tunable, Verdict, Window};

use crate::kubectl::{self, Target};
use crate::messages::mount::{self, MountFailure, Why};
use crate::phrase::{count, ending, escape};
use crate::rule::Rule;
use crate::standing::{self, Setup, Told};
use crate::{advice, suspects};

const GRACE: Tunable = Tunable {
    detector: "mount-failed",
    name: "patienceSeconds",
    default: 30.0,
    bounds: [0.0, 86400.0],
    meaning: "how old a pod may be that cannot get its volume for other reasons",
};
const MOVING: Tunable = Tunable {
    detector: "mount-failed",
    name: "movingSeconds",
    default: 60.0,
    bounds: [0.0, 86400.0],
    meaning: "how old a pod may be while its volume is attached elsewhere, as when it moves",
};
const SYNCING: Tunable = Tunable {
    detector: "mount-failed",
    name: "syncingSeconds",
    default: 300.0,
    bounds: [0.0, 86400.0],
    meaning: "how old a pod may be while the kubelet has not read a ConfigMap or Secret yet",
};

/// Characters of a message that a cause quotes.
const QUOTED: usize = 160;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events", "k8s/persistentvolumeclaims"],
    tunables: &[GRACE, MOVING, SYNCING],
    ..Rule::new("mount-failed", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::of(mounting(window).into_iter().collect())
}

fn mounting(window: &Window<'_>) -> Option<Insight> {
    let pod = window.pod()?;
    let Setup::Mount(told, failure) = standing::setup(window)? else {
        return None;
    };
    let grace = match failure.why {
        Why::Missing(_) => return None,
        Why::NotSynced => &SYNCING,
        Why::Attached { .. } => &MOVING,
        _ => &GRACE,
    };
    (standing::age(pod, window.now()) >= window.tuned_time(grace)).then(|| of_pod(window, pod, &told, &failure))
}

fn of_pod(window: &Window<'_>, pod: &Pod, told: &Told<'_>, failure: &MountFailure<'_>) -> Insight {
    let identity = &pod.identity;
    let volume = failure.volume.map_or_else(
        || "a volume".to_owned(),
        |name| format!("its volume {}", escape(name, 120)),
    );
    let title = format!(
        "{} cannot get {volume}: {}",
        identity.pod_label(),
        headline(&failure.why)
    );
    let severity = standing::severity(window.world(), identity);
    let mut insight = Insight::new(
        "mount-failed",
        window.subject(),
        severity,
        title,
        cause(&failure.why, told.message),
    );
    insight.revision = u64::from(told.times);
    let says = format!(
        "{}: \"{}\"",
        count(told.times as usize, "failure"),
        escape(told.message, 400)
    );
    insight = insight.because(told.at, Source::Kubernetes, says);
    insight.about = suspects::pod(identity);
    let claims = pod
        .state
        .claims
        .iter()
        .filter_map(|claim| suspects::claim(identity, claim));
    let node = suspects::node(identity).filter(|_| is_of_node(&failure.why));
    insight.suspects = claims.chain(node).chain(suspects::owner(identity)).collect();
    insight.remedies = remedies(pod, failure);
    insight
}

fn is_of_node(why: &Why<'_>) -> bool {
    matches!(
        why,
        Why::NoDriver(_) | Why::Path | Why::TimedOut | Why::Unknown | Why::NotSynced
    )
}

fn headline(why: &Why<'_>) -> String {
    match why {
        Why::Missing(_) | Why::NotSynced => "the kubelet has not read what is in it".to_owned(),
        Why::Attached { .. } => "it is attached to another node".to_owned(),
        Why::NoDriver(name) => format!("the node has no driver {}", escape(name, 120)),
        Why::NoClass(name) => format!("there is no storage class {}", escape(name, 120)),
        Why::NoClaim => "the claim or volume does not exist".to_owned(),
        Why::Path => "the path does not exist, or is of another type".to_owned(),
        Why::Permission => "permission denied".to_owned(),
        Why::Filesystem => "the file system cannot be used".to_owned(),
        Why::Exhausted => "no storage is left".to_owned(),
        Why::NoProvisioner => "nothing provisions it".to_owned(),
        Why::TimedOut => "it takes too long".to_owned(),
        Why::Unknown => "reason not known".to_owned(),
    }
}

fn cause(why: &Why<'_>, message: &str) -> String {
    match why {
        Why::Attached { pods: "" } => "it can be attached to one node at a time and is still attached to another: a pod there runs, is ending, or its node is lost".to_owned(),
        Why::Attached { pods } => format!("it can be attached to one node at a time, and these pods on another node use it: {}", escape(pods, 200)),
        Why::NoDriver(_) => "the driver's pod on this node is not running, or has not registered itself".to_owned(),
        Why::NoClass(_) => "the claim names a storage class that does not exist".to_owned(),
        Why::NoClaim => "what the pod names was deleted, or never made".to_owned(),
        Why::Path => format!("the node does not have what the volume names: {}", ending(message, QUOTED)),
        Why::Permission => match mount::server(message) {
            Some(server) => format!("the server does not let this node mount {}", escape(server, 200)),
            None => "the node or the driver lacks a right that the storage wants".to_owned(),
        },
        Why::Filesystem => "the file system is damaged, of another type than asked for, or the device fails".to_owned(),
        Why::Exhausted => "the storage, its quota, or the number of volumes is used up".to_owned(),
        Why::NoProvisioner => "no storage class is set or no provisioner is for it, and no volume that exists fits".to_owned(),
        Why::Missing(_) | Why::NotSynced => "the API server has not given the kubelet the object yet; the kubelet's connection or rights may be at fault".to_owned(),
        Why::TimedOut => "the kubelet only says that it waited; the attach/detach controller or the driver has the reason".to_owned(),
        Why::Unknown => format!("the kubelet says {}", ending(message, QUOTED)),
    }
}

fn remedies(pod: &Pod, failure: &MountFailure<'_>) -> Vec<Remedy> {
    let identity = &pod.identity;
    let describe = Target::pod(identity).as_ref().map(kubectl::describe);
    let claim = pod
        .state
        .claims
        .first()
        .zip(identity.namespace.clone())
        .and_then(|(claim, namespace)| {
            let name = ObjectRef {
                kind: "PersistentVolumeClaim".into(),
                namespace,
                name: claim.clone(),
            };
            Target::object(&name)
        });
    let claim = claim.as_ref().map(kubectl::describe);
    let look = match failure.why {
        Why::Attached { .. } => advice::look(
            "Find who holds the volume",
            "it is let go when the pod that uses it has ended and its node says so; a lost node keeps it for about six minutes",
            [describe, claim, kubectl::list_all("volumeattachments")],
            "the attachment names this pod's node",
        ),
        Why::NoDriver(_) => advice::look(
            "See which drivers the node has",
            "each driver registers itself on every node by a pod of its own",
            [
                identity
                    .node
                    .as_deref()
                    .and_then(|node| Target::node(node).and(Some(kubectl::Kubectl::new(&["get", "csinode", node])))),
                describe,
            ],
            "the node lists the driver",
        ),
        _ => advice::look(
            "Read what the kubelet and the claim say",
            "the claim, its volume and its class say what was asked for and what there is",
            [describe, claim],
            "the pod leaves ContainerCreating",
        ),
    };
    vec![look]
}
