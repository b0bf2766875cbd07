//! # A pod gets no sandbox or no network
//!
//! **Why it matters.** None of its containers can start. The cause is nearly always the node or its network plugin, so
//! that every new pod of that node meets it.
//!
//! **How it is seen.** `FailedCreatePodSandBox` and `NetworkNotReady` Events about a pod none of whose containers was made
//! yet. Told apart: no network plugin configured; its program missing; its own pod not running on the node; no address left
//! to give out; the plugin does not reach the API server, or is not let in; another failure of the plugin, which is named;
//! the pause image; an unknown runtime class; a runtime that does not answer; a name still held; a node out of disk, tasks,
//! files or memory. Other words are quoted.
//!
//! **Thresholds.** Two failures of a pod older than 30 seconds: single ones are usual while a node starts. Warning; critical
//! when no pod of the workload is available.
//!
//! **What to do.** Look at the network plugin's pod on that node; keep new pods away from the node meanwhile.

use correlator::{Insight, Pod, PodIdentity, Remedy, Risk, Source, Tunable, Verdict, Window};

use crate::kubectl::{self, Kubectl, Target};
use crate::messages::sandbox::{self, SandboxFailure, Why};
use crate::phrase::{count, ending, escape};
use crate::rule::Rule;
use crate::standing::{self, Setup, Told};
use crate::{advice, suspects};

const GRACE: Tunable = Tunable {
    detector: "sandbox-failed",
    name: "patienceSeconds",
    default: 30.0,
    bounds: [0.0, 86400.0],
    meaning: "how old a pod may be that gets no sandbox",
};
const LEAST: Tunable = Tunable {
    detector: "sandbox-failed",
    name: "leastFailures",
    default: 2.0,
    bounds: [1.0, 100.0],
    meaning: "failures to make a pod's sandbox that are enough",
};

/// Characters of a message that a cause quotes.
const QUOTED: usize = 160;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events"],
    tunables: &[GRACE, LEAST],
    ..Rule::new("sandbox-failed", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let (Some(pod), Some(Setup::Sandbox(told))) = (window.pod(), standing::setup(window)) else {
        return Verdict::Quiet;
    };
    let all: u32 = standing::told(window, &["FailedCreatePodSandBox", "NetworkNotReady"])
        .iter()
        .map(|told| told.times)
        .sum();
    if f64::from(all) < window.tuned(&LEAST) || standing::age(pod, window.now()) < window.tuned_time(&GRACE) {
        return Verdict::Quiet;
    }
    Verdict::Found(vec![insight(window, pod, &told, all)])
}

fn insight(window: &Window<'_>, pod: &Pod, told: &Told<'_>, all: u32) -> Insight {
    let failure = sandbox::classify(told.message);
    let identity = &pod.identity;
    let title = format!("{} gets no sandbox: {}", identity.pod_label(), headline(&failure));
    let severity = standing::severity(window.world(), identity);
    let mut insight = Insight::new(
        "sandbox-failed",
        window.subject(),
        severity,
        title,
        cause(&failure, identity, told.message),
    );
    insight.revision = u64::from(all);
    let says = format!(
        "{}, the last: \"{}\"",
        count(all as usize, "failure"),
        escape(told.message, 400)
    );
    insight = insight.because(told.at, Source::Kubernetes, says);
    insight.about = suspects::pod(identity);
    let node = suspects::node(identity).filter(|_| failure.why.is_of_node());
    insight.suspects = node.into_iter().chain(suspects::owner(identity)).collect();
    insight.remedies = remedies(identity, &failure);
    insight
}

fn headline(failure: &SandboxFailure<'_>) -> String {
    let plugin = failure.plugin.map_or_else(
        || "the network plugin".to_owned(),
        |name| format!("the network plugin {}", escape(name, 60)),
    );
    match failure.why {
        Why::NotInitialised => "the node has no working network plugin".to_owned(),
        Why::PluginMissing => format!("{plugin} is not installed on the node"),
        Why::PluginNotRunning => format!("{plugin} is not running on the node"),
        Why::NoAddresses => "no pod address is left".to_owned(),
        Why::ApiUnreachable => format!("{plugin} does not reach the API server"),
        Why::PluginUnauthorised => format!("the API server does not let {plugin} in"),
        Why::Plugin => format!("{plugin} fails"),
        Why::PauseImage => "the pause image cannot be had".to_owned(),
        Why::RuntimeClass => "the node has no such container runtime".to_owned(),
        Why::RuntimeDown => "the container runtime does not answer".to_owned(),
        Why::NameReserved => "an earlier try still holds its name".to_owned(),
        Why::NodeExhausted => "the node is out of disk, tasks, files or memory".to_owned(),
        Why::Oci => "the low-level runtime fails".to_owned(),
        Why::TimedOut => "it takes too long".to_owned(),
        Why::Unknown => "reason not known".to_owned(),
    }
}

fn cause(failure: &SandboxFailure<'_>, pod: &PodIdentity, message: &str) -> String {
    let node = pod.node.as_deref().unwrap_or("the node");
    let detail = failure.detail.map(|detail| escape(detail, 120));
    let named = |before: &str, after: &str| {
        detail
            .as_ref()
            .map_or_else(String::new, |detail| format!("{before}{detail}{after}"))
    };
    match failure.why {
        Why::NotInitialised => format!("no network configuration is in place on {node}: its network plugin was not installed, or its pod there has not started"),
        Why::PluginMissing => format!("the configuration on {node} names a plugin whose program is not there"),
        Why::PluginNotRunning => format!("what the plugin's own pod on {node} puts in place is missing{}", named(" (", ")")),
        Why::NoAddresses => format!("every address that {node} may give out{} is taken, or is not given back", named(" (", ")")),
        Why::ApiUnreachable => format!("from {node} the API server{} is not reached", named(" at ", "")),
        Why::PluginUnauthorised => "the plugin's token or role is not valid any more".to_owned(),
        Why::PauseImage => format!("{node} cannot pull{}, which every pod needs", named(" ", "")),
        Why::RuntimeClass => format!("the pod's runtime class wants a runtime{} that {node} does not have", named(" ", "")),
        Why::RuntimeDown => format!("the kubelet on {node} gets no answer from the container runtime"),
        Why::NameReserved => "the runtime has not finished an earlier try to make the same sandbox; that often means that it is overloaded".to_owned(),
        Why::NodeExhausted => format!("{node} has run out of something that every new pod needs"),
        Why::Plugin | Why::Oci | Why::TimedOut | Why::Unknown => format!("the runtime says {}", ending(message, QUOTED)),
    }
}

fn remedies(pod: &PodIdentity, failure: &SandboxFailure<'_>) -> Vec<Remedy> {
    let node = pod.node.as_deref().and_then(Target::node);
    let system = node.as_ref().and(pod.node.as_deref()).and_then(|node| {
        let on_node = format!("--field-selector=spec.nodeName={node}");
        Some(kubectl::list("pods", "kube-system")?.arg(on_node).flag("--output=wide"))
    });
    let look = advice::look(
        "Look at the node and at its network plugin's pod",
        "what every pod of a node needs is set up by pods of the system and by the runtime there",
        [
            Target::pod(pod).as_ref().map(kubectl::describe),
            node.as_ref().map(kubectl::describe),
            system,
        ],
        "the plugin's pod is running and ready, and new pods on the node start",
    );
    let cordon = node
        .as_ref()
        .filter(|_| failure.why.is_of_node())
        .and_then(kubectl::cordon);
    let keep_off = cordon.map(|command| Remedy {
        risk: Risk::Low,
        impact: "no new pods go to this node; those that run there stay".to_owned(),
        needs: Some("room for new pods on other nodes".to_owned()),
        undo: node
            .as_ref()
            .and_then(kubectl::uncordon)
            .as_ref()
            .map(Kubectl::to_string),
        ..advice::look(
            "Keep new pods away from the node until it is mended",
            "each new pod there would meet the same",
            [Some(command)],
            "new pods start on other nodes",
        )
    });
    [Some(look), keep_off].into_iter().flatten().collect()
}
