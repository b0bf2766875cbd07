//! # A Service that is being called has no ready endpoint
//!
//! **Why it matters.** Every call to it fails, whoever makes it. The callers' own insights are counted with this one: their
//! trouble ends when the Service has an endpoint again.
//!
//! **How it is seen.** The Service's `EndpointSlices`, and somebody whose connects to it fail (kernel). A Service that nobody
//! calls is not reported.
//!
//! **Thresholds.** No ready endpoint, and an open insight of a caller. Critical.
//!
//! **What to do.** Depending on what is missing: mend the selector, or the pods that should be ready.

use correlator::object::{Endpoint, ServiceState};
use correlator::{Culprit, Insight, ObjectRef, ObjectState, Scope, Severity, Source, Subject, Verdict, Window};

use crate::destination::why_nothing_is_ready;
use crate::kubectl::Kubectl;
use crate::rule::Rule;
use crate::workloads::look_at;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/services", "k8s/endpointslices", "k8s/pods", "ebpf/tcp_connect"],
    ..Rule::new("no-endpoints", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Service(service)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    let mut endpoints = window.world().endpoints_of(name).flat_map(|slice| &slice.endpoints);
    if &*service.kind == "ExternalName" || endpoints.any(|endpoint| endpoint.ready) {
        return Verdict::Quiet;
    }
    let culprit = Culprit::Object(name.clone());
    let callers: Vec<String> = window
        .found()
        .filter(|insight| insight.id.starts_with("connect-") && insight.suspects.contains(&culprit))
        .map(|insight| insight.subject.to_string())
        .collect();
    if callers.is_empty() {
        return Verdict::Quiet;
    }
    Verdict::of(vec![insight(window, name, service, &callers)])
}

fn insight(window: &Window<'_>, name: &ObjectRef, service: &ServiceState, callers: &[String]) -> Insight {
    let world = window.world();
    let endpoints: Vec<&Endpoint> = world.endpoints_of(name).flat_map(|slice| &slice.endpoints).collect();
    let title = format!("{name} has no ready endpoint and is being called");
    let cause = why_nothing_is_ready(world, name, service, &endpoints);
    let mut insight = Insight::new(
        "no-endpoints",
        Subject::Object(name.clone().into()),
        Severity::Critical,
        title,
        cause,
    );
    insight.about = vec![Culprit::Object(name.clone().into())];
    insight.suspects = endpoints
        .iter()
        .filter_map(|endpoint| endpoint.pod.clone())
        .map(Culprit::Pod)
        .collect();
    insight.revision = callers.len() as u64;
    let says = format!("none of its {} endpoints is ready", endpoints.len());
    insight = insight.because(window.now(), Source::Kubernetes, says);
    let says = format!(
        "connects to it fail in {}",
        callers.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
    );
    insight = insight.because(window.now(), Source::Kernel, says);
    let selector: Vec<String> = service
        .selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let pods = Kubectl::new(&["get", "pods", "--output=wide"]).namespace(&name.namespace);
    let pods = pods.map(|get| get.arg(format!("--selector={}", selector.join(","))));
    insight.remedies.extend(look_at(
        name,
        "its selector and the pods it should match",
        pods.filter(|_| !selector.is_empty()),
    ));
    insight
}
