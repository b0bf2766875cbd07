//! # A volume claim is not bound, and a pod waits for it
//!
//! **Why it matters.** The pod cannot start without its volume.
//!
//! **How it is seen.** The claim's phase, its events (`ProvisioningFailed`, `FailedBinding`, `ExternalProvisioning`), and the
//! pods that mount it. A claim of a class that binds when the first pod comes (`WaitForFirstConsumer`) is pending by design
//! until then.
//!
//! **Thresholds.** One minute, while a pod that mounts it is pending. `Lost` at once. Warning; critical when it is lost.
//!
//! **What to do.** Look at the claim, its storage class and the provisioner.

use std::time::Duration;

use correlator::object::ClaimState;
use correlator::{
    Culprit, Fact, Insight, KubeEvent, ObjectRef, ObjectState, Pod, Scope, Severity, Source, Subject, Timestamp,
    Tunable, Verdict, Window,
};

use crate::kubectl::list_all;
use crate::phrase::{bytes, ending, escape};
use crate::rule::Rule;
use crate::workloads::look_at;

const PATIENCE: Tunable = Tunable {
    detector: "pvc-pending",
    name: "patienceSeconds",
    default: 60.0,
    bounds: [0.0, 86400.0],
    meaning: "how long a claim that a pod waits for may be unbound",
};

/// Characters of a message that a cause quotes.
const QUOTED: usize = 160;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/persistentvolumeclaims", "k8s/pods", "k8s/events"],
    tunables: &[PATIENCE],
    ..Rule::new("pvc-pending", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Claim(claim)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    let is_lost = &*claim.phase == "Lost";
    if &*claim.phase != "Pending" && !is_lost {
        return Verdict::Quiet;
    }
    let waiting: Vec<&Pod> = window.world().pods().filter(|pod| waits_for(pod, name)).collect();
    let age = claim
        .created
        .map_or(Duration::ZERO, |created| window.now().since(created));
    if !is_lost && (waiting.is_empty() || age < window.tuned_time(&PATIENCE)) {
        return Verdict::Quiet;
    }
    Verdict::of(vec![insight(window, name, claim, &waiting)])
}

fn waits_for(pod: &Pod, claim: &ObjectRef) -> bool {
    let mounts = pod.state.claims.contains(&claim.name) && pod.identity.namespace.as_ref() == Some(&claim.namespace);
    mounts && pod.exists() && &*pod.state.phase == "Pending"
}

fn insight(window: &Window<'_>, name: &ObjectRef, claim: &ClaimState, waiting: &[&Pod]) -> Insight {
    let is_lost = &*claim.phase == "Lost";
    let severity = if is_lost { Severity::Critical } else { Severity::Warning };
    let title = match (is_lost, waiting.first()) {
        (true, _) => format!("{name} has lost its volume {}", claim.volume.as_deref().unwrap_or("")),
        (false, Some(pod)) => format!("{name} is not bound and {} waits for it", pod.identity.pod_label()),
        (false, None) => format!("{name} is not bound"),
    };
    let class = claim.class.as_deref().map_or_else(
        || "the default storage class".to_owned(),
        |class| format!("storage class {class:?}"),
    );
    let complaint = complaint(window);
    let cause = match &complaint {
        _ if is_lost => "the volume it was bound to does not exist any more".to_owned(),
        Some((_, event)) if event.message.contains("not found") => format!("{class} does not exist"),
        Some((_, event)) if &*event.reason == "ProvisioningFailed" => {
            format!("the provisioner of {class} failed: {}", ending(&event.message, QUOTED))
        }
        Some((_, event)) if event.message.contains("no persistent volumes available") => {
            format!("no volume fits it, and {class} makes none")
        }
        Some((_, event)) => format!("it waits ({}): {}", event.reason, ending(&event.message, QUOTED)),
        None => format!("{class} has not made a volume, and no event tells why"),
    };
    let mut insight = Insight::new(
        "pvc-pending",
        Subject::Object(name.clone().into()),
        severity,
        title,
        cause,
    );
    insight.about = vec![Culprit::Object(name.clone().into())];
    let size = claim
        .requested
        .map(|size| format!(" of {}", bytes(size as f64)))
        .unwrap_or_default();
    let says = format!(
        "{} since it was made, {class}{size}, {}",
        claim.phase,
        claim.access_modes.join(", ")
    );
    insight = insight.because(claim.created.unwrap_or(window.now()), Source::Kubernetes, says);
    if let Some((at, event)) = complaint {
        insight = insight.because(
            at,
            Source::Kubernetes,
            format!("{}: \"{}\"", event.reason, escape(&event.message, 300)),
        );
    }
    insight.remedies.extend(look_at(
        name,
        "its events name the provisioner and what it says",
        list_all("storageclasses"),
    ));
    insight
}

/// The last event about the claim that is a complaint; that somebody outside is to provision it only where nothing else is
/// said.
fn complaint<'a>(window: &Window<'a>) -> Option<(Timestamp, &'a KubeEvent)> {
    let last = |reasons: &[&str]| {
        window.own().facts().rev().find_map(|(at, fact)| match fact {
            Fact::Event(event) if reasons.contains(&&*event.reason) => Some((*at, event)),
            _ => None,
        })
    };
    last(&["ProvisioningFailed", "FailedBinding"]).or_else(|| last(&["ExternalProvisioning"]))
}
