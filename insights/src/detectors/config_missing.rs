//! # A container waits for a `ConfigMap` or Secret that is not there
//!
//! **Why it matters.** The container is not made until the object, or the key in it, exists. Nothing restarts and nothing is
//! logged, because nothing runs.
//!
//! **How it is seen.** The container waits with `CreateContainerConfigError` and the kubelet names the object or key; or a
//! `FailedMount` Event names it while the pod waits for its volumes. tapio reads neither Secrets nor the contents of
//! `ConfigMap`s, so it does not know which names are near: the command lists those that the namespace has.
//!
//! **Thresholds.** A pod older than 30 seconds, because whoever deploys may make the object a moment after the pod. Critical
//! when no pod of the workload is available, else a warning.
//!
//! **What to do.** Create the object, or mend the name or key in the pod template.

use correlator::{
    ContainerView, Insight, Pod, PodIdentity, Remedy, Source, Subject, Timestamp, Tunable, Verdict, Window,
};

use crate::kubectl::{self, Target};
use crate::messages::mount;
use crate::messages::reference::Reference;
use crate::messages::start::Why;
use crate::phrase::escape;
use crate::rule::Rule;
use crate::standing::{self, Setup};
use crate::{advice, changes, suspects};

const GRACE: Tunable = Tunable {
    detector: "config-missing",
    name: "patienceSeconds",
    default: 30.0,
    bounds: [0.0, 86400.0],
    meaning: "how old a pod may be that waits for what does not exist",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events"],
    tunables: &[GRACE],
    ..Rule::new("config-missing", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Some(pod) = window.pod().filter(|pod| !standing::is_over(pod)) else {
        return Verdict::Quiet;
    };
    if standing::age(pod, window.now()) < window.tuned_time(&GRACE) {
        return Verdict::Quiet;
    }
    let containers = window
        .containers()
        .iter()
        .filter_map(|container| of_container(window, pod, container));
    Verdict::of(containers.chain(of_volume(window, pod)).collect())
}

fn of_container(window: &Window<'_>, pod: &Pod, container: &ContainerView<'_>) -> Option<Insight> {
    let state = container.state?;
    let Some(Why::Missing(missing)) = standing::not_made(state) else {
        return None;
    };
    let (reason, message) = standing::waiting(state)?;
    let says = format!("{} waits with {reason}: \"{}\"", state.name, escape(message, 300));
    Some(insight(window, pod, container.subject(), &missing, window.now(), says))
}

fn of_volume(window: &Window<'_>, pod: &Pod) -> Option<Insight> {
    let Setup::Mount(told, failure) = standing::setup(window)? else {
        return None;
    };
    let mount::Why::Missing(missing) = failure.why else {
        return None;
    };
    let says = format!(
        "the kubelet cannot mount {}: \"{}\"",
        failure.volume.unwrap_or("a volume"),
        escape(told.message, 300)
    );
    Some(insight(window, pod, window.subject(), &missing, told.at, says))
}

fn insight(
    window: &Window<'_>,
    pod: &Pod,
    subject: Subject,
    missing: &Reference<'_>,
    at: Timestamp,
    says: String,
) -> Insight {
    let what = words(missing);
    let title = format!("{subject} waits for {what}, which does not exist");
    let namespace = pod.identity.namespace.as_deref().unwrap_or_default();
    let cause = format!("the pod template names {what}; the namespace {namespace} does not have it");
    let severity = standing::severity(window.world(), &pod.identity);
    let mut insight = Insight::new("config-missing", subject, severity, title, cause);
    insight.what = what;
    insight = insight.because(at, Source::Kubernetes, says);
    insight.about = suspects::pod(&pod.identity);
    let object = pod.identity.namespace.as_ref().filter(|_| !missing.name.is_empty());
    let object = object.and_then(|namespace| suspects::object(missing.kind.label(), namespace, &missing.name.into()));
    insight.suspects = object.into_iter().chain(suspects::owner(&pod.identity)).collect();
    insight.remedies.push(look(&pod.identity, missing));
    insight
        .remedies
        .extend(changes::undo(window.world(), &pod.identity, window.now()));
    insight
}

/// `the key "url" of ConfigMap app`, `Secret db`.
fn words(missing: &Reference<'_>) -> String {
    let (kind, name) = (missing.kind.label(), escape(missing.name, 253));
    match (missing.key, missing.name.is_empty()) {
        (Some(key), true) => format!("the key \"{}\" of a {kind}", escape(key, 253)),
        (Some(key), false) => format!("the key \"{}\" of {kind} {name}", escape(key, 253)),
        (None, _) => format!("{kind} {name}"),
    }
}

fn look(pod: &PodIdentity, missing: &Reference<'_>) -> Remedy {
    let namespace = pod.namespace.as_deref();
    let list = namespace.and_then(|namespace| kubectl::list(missing.kind.plural(), namespace));
    advice::look(
        "Compare the name with those that exist, then create the object or mend the name",
        "tapio does not read these objects, so it cannot tell which name was meant",
        [list, Target::pod(pod).as_ref().map(kubectl::describe)],
        "the kubelet makes the container at its next try, within a minute or so; no restart is needed",
    )
}
