//! Commands that only read.

use super::change::has_revisions;
use super::command::Kubectl;
use super::name::is_label;
use super::target::Target;

/// Which log of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Of the run that goes on.
    Current,
    /// Of the run that ended before it.
    Previous,
}

/// `describe`.
pub fn describe(target: &Target) -> Kubectl {
    target.command(&["describe"])
}

/// `get` with an output format such as `wide`, `yaml`, or `jsonpath=...`.
pub fn get(target: &Target, output: &str) -> Kubectl {
    target.command(&["get"]).arg(format!("--output={output}"))
}

/// `get` of all objects of a kind in a namespace. `None` when that can be no namespace.
pub fn list(kind: &str, namespace: &str) -> Option<Kubectl> {
    is_label(kind)
        .then(|| Kubectl::new(&["get", kind]))?
        .namespace(namespace)
}

/// `get` of all objects of a kind that is not namespaced.
pub fn list_all(kind: &str) -> Option<Kubectl> {
    is_label(kind).then(|| Kubectl::new(&["get", kind]))
}

/// `logs` of one container, its last 50 lines. `None` when that can be no container.
pub fn logs(pod: &Target, container: &str, run: Run) -> Option<Kubectl> {
    let command = pod
        .within(Kubectl::new(&["logs"]).arg(pod.name()))
        .container(container)?;
    let command = command.flag("--tail=50");
    Some(match run {
        Run::Current => command,
        Run::Previous => command.flag("--previous"),
    })
}

/// `rollout status`, which waits for the end of the rollout. `None` for a kind that is not rolled out.
pub fn rollout_status(target: &Target) -> Option<Kubectl> {
    has_revisions(target).then(|| target.command(&["rollout", "status"]))
}

/// `rollout history`, of all revisions or of one in full. `None` for a kind that has no revisions.
pub fn rollout_history(target: &Target, revision: Option<u64>) -> Option<Kubectl> {
    let command = has_revisions(target).then(|| target.command(&["rollout", "history"]))?;
    Some(match revision {
        Some(revision) => command.arg(format!("--revision={revision}")),
        None => command,
    })
}
