//! # A container's image cannot be had
//!
//! **Why it matters.** The container never starts. During a rollout the old pods go on serving, so it often stays
//! unnoticed until they go too.
//!
//! **How it is seen.** The container waits with `ErrImagePull`, `ImagePullBackOff`, `InvalidImageName`, `ErrImageNeverPull`,
//! `ImageInspectError`, `RegistryUnavailable` or `SignatureValidationFailed`. The reason stands in its message or, while
//! the kubelet only says that it backs off, in the `Failed` Events about the pod; messages of containerd, CRI-O and
//! Docker are told apart: no such image or tag, credentials missing or wrong, access denied, the registry's name not
//! resolved, connection refused, no answer, certificate, plain HTTP, too many pulls, a registry that fails, another processor,
//! a name that is none, a full disk, a policy of never pulling, a signature. A message that is none of these is quoted.
//!
//! **Thresholds.** None for what cannot mend itself. What may pass (the network, the registry, unknown words) is told when
//! the pod is a minute old. Critical when no pod of the workload is available, else a warning. All containers of a pod
//! with the same image are one insight.
//!
//! **What to do.** Go back to the image that worked, if the last rollout changed it; else give the pod a pull secret, mend
//! the registry or the node's way there, or use a mirror.

use std::collections::BTreeMap;

use correlator::{ContainerView, Culprit, Insight, Pod, Remedy, Source, Tunable, Verdict, Window};
use serde_json::json;

use crate::kubectl::{self, PatchType, Target};
use crate::messages::image::{self, PullFailure, Why};
use crate::phrase::escape;
use crate::rule::Rule;
use crate::{advice, changes, standing, suspects};

const PASSING: Tunable = Tunable {
    detector: "image-pull",
    name: "patienceSeconds",
    default: 60.0,
    bounds: [0.0, 86400.0],
    meaning: "how old a pod may be whose image cannot be had for a reason that may pass",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events"],
    tunables: &[PASSING],
    ..Rule::new("image-pull", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Some(pod) = window.pod().filter(|pod| !standing::is_over(pod)) else {
        return Verdict::Quiet;
    };
    let mut by_image: BTreeMap<&str, Vec<&ContainerView<'_>>> = BTreeMap::new();
    for container in window.containers() {
        if let Some(state) = container.state.filter(|state| standing::waits_for_image(state)) {
            by_image.entry(&state.image).or_default().push(container);
        }
    }
    let found = by_image
        .into_iter()
        .filter_map(|(image, containers)| insight(window, pod, image, &containers));
    Verdict::of(found.collect())
}

fn insight(window: &Window<'_>, pod: &Pod, image: &str, containers: &[&ContainerView<'_>]) -> Option<Insight> {
    let first = containers.first()?;
    let (reason, message) = standing::waiting(first.state?)?;
    let message = message_with_cause(window, image, message);
    let failure = image::classify(message);
    if !failure.why.is_lasting() && standing::age(pod, window.now()) < window.tuned_time(&PASSING) {
        return None;
    }
    let shown = escape(image, 200);
    let title = format!(
        "{} cannot get its image {shown}: {}",
        first.subject(),
        headline(failure.why)
    );
    let severity = standing::severity(window.world(), &first.identity);
    let mut insight = Insight::new("image-pull", first.subject(), severity, title, cause(&failure, image));
    image.clone_into(&mut insight.what);
    let names: Vec<&str> = containers.iter().map(|container| container.key()).collect();
    let says = format!("{} waits with {reason}: \"{}\"", names.join(", "), escape(message, 300));
    insight = insight.because(window.now(), Source::Kubernetes, says);
    insight.about = suspects::pod(&pod.identity);
    insight.suspects = suspects(failure.why, first, image);
    insight.remedies = remedies(window, first, image, &failure);
    Some(insight)
}

/// The waiting message, or that of the newest Event that says more about this image.
fn message_with_cause<'a>(window: &Window<'a>, image: &str, waiting: &'a str) -> &'a str {
    let known = |message: &str| image::classify(message).why != Why::Unknown;
    if known(waiting) {
        return waiting;
    }
    let told = standing::told(window, &["Failed", "InspectFailed", "ErrImageNeverPull"]);
    let of_image = told
        .iter()
        .rev()
        .map(|told| told.message)
        .find(|message| message.contains(image) && known(message));
    of_image.unwrap_or(waiting)
}

fn headline(why: Why) -> &'static str {
    match why {
        Why::NotFound => "there is no such image or tag",
        Why::Unauthorised => "the registry does not take its credentials",
        Why::Denied => "the registry denies access, or has no such repository",
        Why::NameUnresolved => "the registry's name is not resolved",
        Why::Refused => "the registry refuses the connection",
        Why::TimedOut => "the registry is not reached",
        Why::Certificate => "the registry's certificate is not accepted",
        Why::PlainHttp => "the registry speaks HTTP, not HTTPS",
        Why::RateLimited => "too many pulls (HTTP 429)",
        Why::ServerError => "the registry fails",
        Why::WrongPlatform => "the image is not made for this node's platform",
        Why::InvalidName => "the image name is invalid",
        Why::ShortName => "the runtime does not complete short names",
        Why::DiskFull => "the node's disk is full",
        Why::NeverPull => "it is not on the node and may not be pulled",
        Why::Signature => "its signature is not accepted",
        Why::Unknown => "reason not known",
    }
}

fn cause(failure: &PullFailure<'_>, image: &str) -> String {
    let registry = image::registry(image);
    let host = failure.host.unwrap_or(registry);
    match failure.why {
        Why::NotFound => format!(
            "{registry} answers that it has no such repository, tag or digest: a wrong name, or an image that was not pushed"
        ),
        Why::Unauthorised => format!(
            "{registry} wants credentials and got none that are valid: a pull secret is missing, expired or for another registry"
        ),
        Why::Denied => format!(
            "{registry} does not say which: either the repository does not exist, or these credentials may not read it"
        ),
        Why::NameUnresolved => format!("the node's resolver has no address for {host}"),
        Why::Refused => format!("nothing listens at {host}"),
        Why::TimedOut => {
            format!("the node gets no answer from {host} in time: a firewall, a proxy or the network between")
        }
        Why::Certificate => format!(
            "the node does not trust the certificate of {host}: unknown authority, expired, or for another name"
        ),
        Why::PlainHttp => format!("the runtime wants HTTPS of {registry} and was answered in plain HTTP"),
        Why::RateLimited => {
            format!("{registry} limits how often one address or account may pull, and the limit is reached")
        }
        Why::ServerError => format!("{host} answers with an error of its own"),
        Why::WrongPlatform => "the image has no variant for the operating system and processor of the node".to_owned(),
        Why::InvalidName => "the name breaks the rules for image references, such as lower case".to_owned(),
        Why::ShortName => "the name has no registry, and the runtime is not configured to add one".to_owned(),
        Why::DiskFull => "the node has no room left to unpack it".to_owned(),
        Why::NeverPull => "imagePullPolicy is Never and the node does not have the image".to_owned(),
        Why::Signature => "the node's policy wants a signature that the image does not have".to_owned(),
        Why::Unknown => "the kubelet and the runtime give no reason that tapio knows; their words are below".to_owned(),
    }
}

fn suspects(why: Why, container: &ContainerView<'_>, image: &str) -> Vec<Culprit> {
    let pod = &container.identity;
    let image = Some(Culprit::Image(image.into()));
    let all = match why {
        Why::NameUnresolved | Why::Refused | Why::TimedOut | Why::DiskFull | Why::WrongPlatform | Why::Unknown => {
            [suspects::node(pod), image, suspects::owner(pod)]
        }
        _ => [suspects::owner(pod), image, None],
    };
    all.into_iter().flatten().collect()
}

fn remedies(window: &Window<'_>, container: &ContainerView<'_>, image: &str, failure: &PullFailure<'_>) -> Vec<Remedy> {
    let pod = &container.identity;
    let mut all = vec![look(container, failure.why)];
    let is_of_image = matches!(
        failure.why,
        Why::NotFound | Why::Denied | Why::WrongPlatform | Why::InvalidName | Why::ShortName | Why::Signature
    );
    if is_of_image {
        all.extend(changes::image_before(window.world(), pod, container.key(), image));
    }
    if failure.why == Why::NeverPull {
        all.extend(pull_when_missing(container));
    }
    all
}

fn look(container: &ContainerView<'_>, why: Why) -> Remedy {
    let pod = &container.identity;
    let (target, node) = (Target::pod(pod), pod.node.as_deref().and_then(Target::node));
    let describe = target.as_ref().map(kubectl::describe);
    match why {
        Why::Unauthorised | Why::Denied | Why::RateLimited => advice::look(
            "Give the pod a pull secret for this registry",
            "these are the pull secrets that the pod names and those its namespace has; an account of one's own also has a higher limit",
            [
                target
                    .as_ref()
                    .map(|pod| kubectl::get(pod, "jsonpath={.spec.imagePullSecrets}")),
                pod.namespace
                    .as_deref()
                    .and_then(|namespace| kubectl::list("secrets", namespace))
                    .map(|list| list.arg("--field-selector=type=kubernetes.io/dockerconfigjson")),
            ],
            "the next try (at most five minutes later) pulls the image",
        ),
        Why::NameUnresolved
        | Why::Refused
        | Why::TimedOut
        | Why::Certificate
        | Why::PlainHttp
        | Why::ServerError
        | Why::DiskFull => advice::look(
            "Look at the node's way to the registry, or use a mirror",
            "images are pulled by the node, with its resolver, its proxy, its trusted authorities and its disk, not with the pod's",
            [describe, node.as_ref().map(kubectl::describe)],
            "another pod on the same node pulls from the same registry",
        ),
        Why::WrongPlatform => advice::look(
            "Compare the image with the node's platform",
            "the image has to be built for it, or the pod has to go to nodes that fit it (nodeSelector kubernetes.io/arch)",
            [node.as_ref().map(|node| {
                kubectl::get(
                    node,
                    "jsonpath={.status.nodeInfo.operatingSystem}/{.status.nodeInfo.architecture}",
                )
            })],
            "the image's index lists that platform",
        ),
        _ => advice::look(
            "Read what the kubelet says, and what the workload asks for",
            "the name is to be compared with what the registry holds",
            [
                describe,
                Target::owner(pod).and_then(|owner| kubectl::rollout_history(&owner, None)),
            ],
            "the same name is found in the registry",
        ),
    }
}

fn pull_when_missing(container: &ContainerView<'_>) -> Option<Remedy> {
    let target = Target::owner(&container.identity)?;
    let policy = |policy: &str| {
        let body = json!({"spec": {"template": {"spec": {"containers": [{"name": container.key(), "imagePullPolicy": policy}]}}}});
        Some(kubectl::patch(&target, PatchType::Strategic, &body))
    };
    let is_rolled_out = kubectl::rollout_status(&target).is_some();
    advice::change(
        "Let the image be pulled where it is missing",
        "imagePullPolicy Never is for images that are put on every node by hand",
        is_rolled_out.then(|| policy("IfNotPresent")).flatten(),
        policy("Never"),
        "the container starts on every node",
    )
}
