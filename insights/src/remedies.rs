//! Remedies that several detectors offer.

mod requests;

use correlator::{PodIdentity, Remedy, Risk};
use serde_json::json;

use crate::ends::Cause;
use crate::kubectl::{self, Kubectl, Resources, Run, Target, is_label, on_pod};
use crate::phrase::{bytes, quantity};

pub(crate) use requests::request_for;

const MIB: f64 = 1024.0 * 1024.0;

/// Read-only: the pod's own account, and the log of the run that ended.
pub(crate) fn look(pod: &PodIdentity, why: &str) -> Remedy {
    let container = pod.container.as_deref().unwrap_or_default();
    let logs = on_pod(&["logs"], pod).and_then(|command| command.container(container));
    let commands = [
        on_pod(&["describe", "pod"], pod),
        logs.map(|command| command.flag("--previous")),
    ];
    Remedy::look(
        "Read what the container said before it ended".to_owned(),
        why.to_owned(),
        commands
            .into_iter()
            .flatten()
            .map(|command| command.to_string())
            .collect(),
        "the last lines before the end name the reason, or show that there was none".to_owned(),
    )
}

/// Read-only: what a node runs for all its pods. `None` without a node, or when that can be no node's name.
pub(crate) fn look_at_node(node: Option<&str>) -> Option<Remedy> {
    let node = node.filter(|node| node.split('.').all(is_label))?;
    let field = format!("--field-selector=spec.nodeName={node}");
    let pods = Kubectl::new(&["get", "pods", "--namespace=kube-system", "--output=wide"]).arg(field);
    Some(Remedy::look(
        format!("Look at what serves the pods of {node}"),
        "kube-proxy, the network plugin and the DNS cache of a node stand between its pods and everything else"
            .to_owned(),
        vec![
            Kubectl::new(&["describe", "node"]).arg(node).to_string(),
            pods.to_string(),
        ],
        "all of them are running and ready, and none was restarted lately".to_owned(),
    ))
}

/// Read-only: how a pod ended. `None` while its names are unknown.
pub(crate) fn look_at_end(pod: &PodIdentity) -> Option<Remedy> {
    let describe = on_pod(&["describe", "pod"], pod)?;
    Some(Remedy {
        title: format!("See how {} ended", pod.pod_label()),
        why: "what ends without closing its connections resets them".to_owned(),
        risk: Risk::None,
        impact: "none, read-only".to_owned(),
        needs: Some("that the pod is still there; one that was replaced is not".to_owned()),
        commands: vec![describe.to_string()],
        undo: None,
        verify: "it ends by itself within its grace period, after it closed its connections".to_owned(),
    })
}

/// Read-only: the log of a container that runs on.
pub(crate) fn look_at_log(pod: &PodIdentity, why: &str) -> Remedy {
    let container = pod.container.as_deref().unwrap_or_default();
    let logs = Target::pod(pod).and_then(|pod| kubectl::logs(&pod, container, Run::Current));
    Remedy::look(
        "Read what the container says".to_owned(),
        why.to_owned(),
        logs.iter().map(ToString::to_string).collect(),
        "the lines of that time name what failed".to_owned(),
    )
}

/// What a memory limit should be after `peak` bytes were needed under `limit`: max(peak x 1.2, peak + 100 MiB), rounded
/// up to 64 MiB, never below today's limit. A peak that was cut off by the limit counts as the limit at least.
pub(crate) fn new_memory_limit(peak: f64, limit: f64) -> u64 {
    let peak = peak.max(limit);
    let wanted = (peak * 1.2).max(peak + 100.0 * MIB);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, far below 2^63"
    )]
    let steps = (wanted / (64.0 * MIB)).ceil() as u64;
    steps * 64 * 1024 * 1024
}

/// Raises the memory limit of a container through its owner, with the value that the evidence supports.
/// `allocatable` is what the node offers pods, when known.
pub(crate) fn raise_memory_limit(pod: &PodIdentity, peak: f64, limit: f64, allocatable: Option<u64>) -> Remedy {
    let wanted = new_memory_limit(peak, limit);
    let too_big = allocatable.filter(|most| wanted > *most);
    let why = format!(
        "it fills its limit of {}; {} leaves 20 % or 100 MiB of room, whichever is more. If its memory grows without \
         end, this only puts the next kill off",
        bytes(limit),
        quantity(wanted)
    );
    Remedy {
        needs: too_big.map(|most| format!("a node with more than {} allocatable memory", bytes(most as f64))),
        ..set_memory_limit(pod, limit, wanted as f64, why)
    }
}

/// Sets the memory limit of a container through its owner; both limits in bytes.
pub(crate) fn set_memory_limit(pod: &PodIdentity, limit: f64, wanted: f64, why: String) -> Remedy {
    let wanted = whole(wanted);
    Remedy {
        title: format!("Raise the memory limit to {}", quantity(wanted)),
        why,
        risk: Risk::Low,
        impact: impact(pod),
        needs: None,
        commands: limit_command(pod, wanted).into_iter().collect(),
        undo: limit_command(pod, whole(limit)),
        verify: "the container's memory stays below the new limit at the load that ended it".to_owned(),
    }
}

/// Read-only: what the containers of a pod use now. `None` while its names are unknown.
pub(crate) fn look_at_memory(pod: &PodIdentity) -> Option<Remedy> {
    let top = on_pod(&["top", "pod"], pod)?.flag("--containers");
    Some(Remedy {
        needs: Some("the metrics server".to_owned()),
        ..Remedy::look(
            format!("Watch the memory of {}", pod.pod_label()),
            "its working set holds cache too, but shows whether the growth goes on".to_owned(),
            vec![top.to_string()],
            "it stops growing below the limit".to_owned(),
        )
    })
}

/// Starts the pods of a workload anew, one by one: a stop-gap. `None` for what is not rolled out.
pub(crate) fn restart(pod: &PodIdentity) -> Option<Remedy> {
    let owner = pod.owner.as_ref().filter(|owner| is_rolled_out(&owner.kind))?;
    let command = kubectl::rollout_restart(&Target::owner(pod)?)?;
    Some(Remedy {
        title: format!("Restart the pods of {} {} as a stop-gap", owner.kind, owner.name),
        why: "each begins with fresh memory, at a moment of your choice rather than the kernel's".to_owned(),
        risk: Risk::Medium,
        impact: format!(
            "{} {} replaces its pods one by one; work in memory is lost",
            owner.kind, owner.name
        ),
        needs: Some("replicas that can serve meanwhile".to_owned()),
        commands: vec![command.to_string()],
        undo: None,
        verify: "memory starts low and takes as long as before to grow".to_owned(),
    })
}

/// What helps when the command itself is at fault: showing what the template asks for.
pub(crate) fn for_command(pod: &PodIdentity, cause: &Cause) -> Option<Remedy> {
    let (title, verify) = match cause {
        Cause::Command(_) => (
            "Compare the command with what the image holds",
            "the file exists in the image and is executable",
        ),
        Cause::Finishes => (
            "Keep the process in the foreground, or make it a Job",
            "the main process does not end by itself",
        ),
        _ => return None,
    };
    let container = pod.container.as_deref().filter(|name| is_label(name))?;
    let path = format!(r#"jsonpath={{.spec.containers[?(@.name=="{container}")]['image','command','args']}}"#);
    let command = on_pod(&["get", "pod"], pod).map(|command| command.flag("--output").arg(path));
    Some(Remedy::look(
        title.to_owned(),
        "the container ends because of what it was told to run".to_owned(),
        command.iter().map(ToString::to_string).collect(),
        verify.to_owned(),
    ))
}

fn impact(pod: &PodIdentity) -> String {
    match pod.owner.as_ref() {
        Some(owner) if is_rolled_out(&owner.kind) => {
            format!("{} {} replaces its pods one by one", owner.kind, owner.name)
        }
        Some(owner) => format!(
            "change the template that {} {} was made from; it makes new pods",
            owner.kind, owner.name
        ),
        None if pod.pod.is_some() => "the running pod is resized in place (Kubernetes 1.33 and later)".to_owned(),
        None => "unknown: the API server has not told whose container this is".to_owned(),
    }
}

fn limit_command(pod: &PodIdentity, limit: u64) -> Option<String> {
    let container = pod.container.as_deref()?;
    let quantity = quantity(limit);
    let command = match pod.owner.as_ref() {
        Some(owner) if is_rolled_out(&owner.kind) => {
            let wanted = Resources {
                limits: vec![("memory".to_owned(), quantity)],
                ..Resources::default()
            };
            kubectl::set_resources(&Target::owner(pod)?, container, &wanted)
        }
        Some(_) => None,
        None => {
            let resources = json!({"limits": {"memory": quantity}});
            let body = json!({"spec": {"containers": [{"name": container, "resources": resources}]}});
            is_label(container).then_some(kubectl::resize(&Target::pod(pod)?, &body))
        }
    };
    command.map(|command| command.to_string())
}

fn is_rolled_out(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of bytes"
)]
fn whole(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use correlator::Owner;

    use super::*;

    fn pod(owner: Option<Owner>) -> PodIdentity {
        PodIdentity {
            namespace: Some("shop".into()),
            pod: Some("cart-1".into()),
            container: Some("app".into()),
            owner,
            ..Default::default()
        }
    }

    #[test]
    fn the_new_limit_leaves_room_and_never_shrinks() {
        for (peak, limit, wanted) in [(64.0, 64.0, 192), (1000.0, 1000.0, 1216), (10.0, 2048.0, 2496)] {
            assert_eq!(
                new_memory_limit(peak * MIB, limit * MIB),
                wanted * 1024 * 1024,
                "{peak} of {limit}"
            );
        }
    }

    #[test]
    fn the_owner_is_changed_and_can_be_changed_back() {
        let owner = Owner {
            kind: "Deployment".into(),
            name: "cart".into(),
        };
        let remedy = raise_memory_limit(&pod(Some(owner)), 64.0 * MIB, 64.0 * MIB, None);
        assert_eq!(
            remedy.commands,
            ["kubectl set resources deployment/cart -n shop -c app --limits=memory=192Mi"]
        );
        assert_eq!(
            remedy.undo.as_deref(),
            Some("kubectl set resources deployment/cart -n shop -c app --limits=memory=64Mi")
        );
    }

    #[test]
    fn a_bare_pod_is_resized_in_place_and_a_job_gets_no_command() {
        let bare = raise_memory_limit(&pod(None), MIB, 64.0 * MIB, None);
        assert!(
            bare.commands[0]
                .starts_with("kubectl patch pod/cart-1 -n shop --subresource=resize --type=strategic '--patch={")
        );
        let job = Owner {
            kind: "Job".into(),
            name: "import".into(),
        };
        assert!(raise_memory_limit(&pod(Some(job)), MIB, MIB, None).commands.is_empty());
    }

    #[test]
    fn a_limit_beyond_the_node_says_so() {
        let remedy = raise_memory_limit(&pod(None), 64.0 * MIB, 64.0 * MIB, Some(100 * 1024 * 1024));
        assert_eq!(
            remedy.needs.as_deref(),
            Some("a node with more than 100 MiB allocatable memory")
        );
    }
}
