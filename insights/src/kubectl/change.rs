//! Commands that change something. Each is about a checked target, takes checked values and says how it is called.

use serde_json::Value;

use super::command::Kubectl;
use super::name::{is_image, is_label, is_quantity, is_resource};
use super::target::Target;

/// What a container may use and is promised: resource and quantity, such as `("memory", "256Mi")`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// `resources.limits`.
    pub limits: Vec<(String, String)>,
    /// `resources.requests`.
    pub requests: Vec<(String, String)>,
}

/// How a patch is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchType {
    /// Lists are merged by their key (`containers` by `name`). Built-in kinds only.
    Strategic,
    /// RFC 7386: lists are replaced, `null` removes.
    Merge,
    /// RFC 6902: a list of operations.
    Json,
}

impl PatchType {
    const fn label(self) -> &'static str {
        match self {
            Self::Strategic => "strategic",
            Self::Merge => "merge",
            Self::Json => "json",
        }
    }
}

/// `set image`. `None` when container or image can be none.
pub fn set_image(target: &Target, container: &str, image: &str) -> Option<Kubectl> {
    (is_label(container) && is_image(image))
        .then(|| target.command(&["set", "image"]).arg(format!("{container}={image}")))
}

/// `set resources` of one container. `None` when nothing is to be set, or a name or quantity can be none.
pub fn set_resources(target: &Target, container: &str, wanted: &Resources) -> Option<Kubectl> {
    let command = target.command(&["set", "resources"]).container(container)?;
    let command = with_amounts(command, "--limits", &wanted.limits)?;
    let command = with_amounts(command, "--requests", &wanted.requests)?;
    let is_something = !wanted.limits.is_empty() || !wanted.requests.is_empty();
    is_something.then_some(command)
}

fn with_amounts(command: Kubectl, flag: &str, amounts: &[(String, String)]) -> Option<Kubectl> {
    if amounts.is_empty() {
        return Some(command);
    }
    let are_valid = amounts
        .iter()
        .all(|(name, amount)| is_resource(name) && is_quantity(amount));
    let pairs: Vec<String> = amounts
        .iter()
        .map(|(name, amount)| format!("{name}={amount}"))
        .collect();
    are_valid.then(|| command.arg(format!("{flag}={}", pairs.join(","))))
}

/// `rollout undo`, to the revision before or to this one. `None` for a kind that has no revisions.
pub fn rollout_undo(target: &Target, revision: Option<u64>) -> Option<Kubectl> {
    let command = has_revisions(target).then(|| target.command(&["rollout", "undo"]))?;
    Some(match revision {
        Some(revision) => command.arg(format!("--to-revision={revision}")),
        None => command,
    })
}

/// `rollout restart`: new pods from the same template, one by one. `None` for a kind that is not rolled out.
pub fn rollout_restart(target: &Target) -> Option<Kubectl> {
    has_revisions(target).then(|| target.command(&["rollout", "restart"]))
}

/// Whether it is rolled out revision by revision.
pub(super) fn has_revisions(target: &Target) -> bool {
    matches!(target.kind(), "deployment" | "statefulset" | "daemonset")
}

/// `patch` with this body.
pub fn patch(target: &Target, how: PatchType, body: &Value) -> Kubectl {
    patching(target.command(&["patch"]), how, body)
}

/// `patch --subresource=resize` of a pod, which changes its resources in place (Kubernetes 1.33 and later).
pub fn resize(pod: &Target, body: &Value) -> Kubectl {
    patching(
        pod.command(&["patch"]).flag("--subresource=resize"),
        PatchType::Strategic,
        body,
    )
}

fn patching(command: Kubectl, how: PatchType, body: &Value) -> Kubectl {
    command
        .arg(format!("--type={}", how.label()))
        .arg(format!("--patch={body}"))
}

/// `scale` to this many pods. `None` for a kind that has no replicas.
pub fn scale(target: &Target, replicas: u32) -> Option<Kubectl> {
    let has_replicas = matches!(target.kind(), "deployment" | "statefulset" | "replicaset");
    has_replicas.then(|| target.command(&["scale"]).arg(format!("--replicas={replicas}")))
}

/// `cordon`: no new pods on this node. `None` for what is no node.
pub fn cordon(node: &Target) -> Option<Kubectl> {
    on_node(&["cordon"], node)
}

/// `uncordon`: new pods again.
pub fn uncordon(node: &Target) -> Option<Kubectl> {
    on_node(&["uncordon"], node)
}

/// `drain`: evicts all pods but those of `DaemonSets`. It stops at pods with emptyDir volumes and at those nobody would
/// make anew, so that nothing is lost without being asked.
pub fn drain(node: &Target) -> Option<Kubectl> {
    on_node(&["drain"], node).map(|command| command.flag("--ignore-daemonsets"))
}

fn on_node(verb: &[&str], node: &Target) -> Option<Kubectl> {
    (node.kind() == "node").then(|| Kubectl::new(verb).arg(node.name()))
}

/// `delete`.
pub fn delete(target: &Target) -> Kubectl {
    target.command(&["delete"])
}
