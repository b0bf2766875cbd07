//! # A pod runs but is not ready
//!
//! **Why it matters.** It gets no traffic from any Service, and a rollout waits for it. Nothing restarts, so nothing else shows
//! it.
//!
//! **How it is seen.** A container that runs is not ready, or the pod's condition `Ready` is `False` because of a readiness
//! gate. Why the probe fails is read from the kubelet's `Unhealthy` Events: the HTTP status, a refused or slow connect, a
//! failing command, gRPC; the probe's port is compared with the ports that the container names; and what the kernel saw the
//! container itself ask for in vain within the last minute is named, since many probes fail because of a dependency.
//!
//! **Told by others.** Pods that are over or have no node, containers that wait for images or configuration, pods behind an
//! init container, and containers that ended within ten minutes (`crash-loop`) are not told here.
//!
//! **Thresholds.** Not ready for five minutes; or a readiness probe that failed at least three times and twice its own
//! threshold, of a container that has run for over a minute and past the probe's delay. A startup probe is given the whole
//! time that it grants itself. Warning; critical when no pod of the workload is available.
//!
//! **What to do.** Mend the probe's port or path, or the dependency.

use std::time::Duration;

use correlator::object::TargetPort;
use correlator::{
    Condition, ContainerRole, ContainerState, ContainerStatus, ContainerView, Insight, Pod, ProbeKind, ProbeSpec,
    Source, TERMINATION_REACH, Timestamp, Tunable, Verdict, Window,
};

use crate::kubectl::{self, Run, Target};
use crate::messages::probe::{self, ProbeFailure, Why};
use crate::phrase::{duration, escape};
use crate::rule::Rule;
use crate::{advice, ends, standing, suspects, waits_for};

const LONG: Tunable = Tunable {
    detector: "never-ready",
    name: "unreadySeconds",
    default: 300.0,
    bounds: [10.0, 86400.0],
    meaning: "how long a container may run without being ready",
};
const SETTLED: Duration = Duration::from_secs(60);
const LEAST: Tunable = Tunable {
    detector: "never-ready",
    name: "leastProbeFailures",
    default: 3.0,
    bounds: [1.0, 1000.0],
    meaning: "failures of a readiness probe that are enough, when they are also twice its own threshold",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events", "ebpf/tcp_connect", "ebpf/dns"],
    tunables: &[LONG, LEAST],
    ..Rule::new("never-ready", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Some(pod) = window.pod().filter(|pod| is_on_its_way(pod)) else {
        return Verdict::Quiet;
    };
    let mut found: Vec<Insight> = window
        .containers()
        .iter()
        .filter_map(|container| of_container(window, pod, container))
        .collect();
    if found.is_empty() {
        found.extend(gate(window, pod));
    }
    Verdict::of(found)
}

/// Whether nothing that comes before readiness holds the pod up.
fn is_on_its_way(pod: &Pod) -> bool {
    let waits =
        |container: &ContainerState| standing::waits_for_image(container) || standing::not_made(container).is_some();
    !standing::is_over(pod)
        && pod.identity.node.is_some()
        && standing::has_begun(pod)
        && standing::init_under_way(pod).is_none()
        && !pod.state.containers.iter().any(waits)
}

fn of_container(window: &Window<'_>, pod: &Pod, container: &ContainerView<'_>) -> Option<Insight> {
    let state = container.state.filter(|state| !state.ready)?;
    let ContainerStatus::Running { started: Some(started) } = state.status else {
        return None;
    };
    let has_ended = !ends::of(window.now(), container, TERMINATION_REACH).is_empty();
    if has_ended || !matches!(state.role, ContainerRole::Main | ContainerRole::Sidecar) {
        return None;
    }
    let (failed, unready) = (unhealthy(window, state), unready_for(window, pod, started));
    if is_starting(window, state, started, failed.as_ref())
        || (unready.as_secs_f64() < window.tuned(&LONG) && !is_failing(window, state, started, failed.as_ref()))
    {
        return None;
    }
    Some(insight(window, pod, container, state, failed.as_ref(), unready))
}

/// How long it has not been ready: since the pod's condition says so, at most since the container runs.
fn unready_for(window: &Window<'_>, pod: &Pod, started: Timestamp) -> Duration {
    let is_it = |condition: &&Condition| &*condition.kind == "ContainersReady" && &*condition.status == "False";
    let since = pod
        .state
        .conditions
        .iter()
        .find(is_it)
        .and_then(|condition| condition.since);
    window.now().since(since.map_or(started, |since| since.max(started)))
}

/// What the kubelet said last of this container's readiness or startup probe, and how often it failed.
struct Unhealthy<'a> {
    at: Timestamp,
    message: &'a str,
    failure: ProbeFailure<'a>,
    times: u32,
    is_news: bool,
}

fn unhealthy<'a>(window: &Window<'a>, state: &ContainerState) -> Option<Unhealthy<'a>> {
    let mut found: Option<Unhealthy<'a>> = None;
    for (at, event) in standing::events(window).filter(|(_, event)| &*event.reason == "Unhealthy") {
        let of_it = event.container.as_deref().is_none_or(|name| name == &*state.name);
        let failure = probe::classify(&event.message).filter(|failure| of_it && failure.kind != ProbeKind::Liveness);
        let Some(failure) = failure else { continue };
        let before = found.as_ref().map_or(0, |before| before.times);
        let times = event.count.max(before + 1);
        found = Some(Unhealthy {
            at,
            message: &event.message,
            failure,
            times,
            is_news: !event.history,
        });
    }
    found
}

/// A readiness probe that goes on failing after the container had time to start.
fn is_failing(window: &Window<'_>, state: &ContainerState, started: Timestamp, failed: Option<&Unhealthy<'_>>) -> bool {
    let Some(failed) = failed.filter(|failed| failed.is_news && failed.failure.kind == ProbeKind::Readiness) else {
        return false;
    };
    let probe = state.probes.get(&ProbeKind::Readiness);
    let delay = Duration::from_secs(probe.map_or(0, |probe| probe.delay).into());
    let runs = window.now().since(started);
    let least = probe.map_or(1, |probe| probe.failures).saturating_mul(2);
    f64::from(failed.times) >= f64::from(least).max(window.tuned(&LEAST))
        && runs > SETTLED + delay
        && window.now().since(failed.at) < SETTLED
}

/// Whether the startup probe still grants it time.
fn is_starting(
    window: &Window<'_>,
    state: &ContainerState,
    started: Timestamp,
    failed: Option<&Unhealthy<'_>>,
) -> bool {
    let Some(probe) = state.probes.get(&ProbeKind::Startup) else {
        return false;
    };
    let granted = u64::from(probe.delay) + u64::from(probe.period) * u64::from(probe.failures);
    let is_at_startup = failed.is_none_or(|failed| failed.failure.kind == ProbeKind::Startup);
    is_at_startup && window.now().since(started) < Duration::from_secs(granted)
}

fn insight(
    window: &Window<'_>,
    pod: &Pod,
    container: &ContainerView<'_>,
    state: &ContainerState,
    failed: Option<&Unhealthy<'_>>,
    unready: Duration,
) -> Insight {
    let world = window.world();
    let wait = waits_for::newest(window.now(), container);
    let spec = failed
        .and_then(|failed| state.probes.get(&failed.failure.kind))
        .or_else(|| state.probes.get(&ProbeKind::Readiness));
    let asked = spec
        .map(|spec| format!(" ({})", escape(&spec.action, 120)))
        .unwrap_or_default();
    let title = match failed {
        Some(failed) => format!(
            "{} is not ready: its {} probe{asked} {}",
            container.subject(),
            kind(failed.failure.kind),
            headline(&failed.failure.why)
        ),
        None => format!("{} has not been ready for {}", container.subject(), duration(unready)),
    };
    let mut causes: Vec<String> = failed
        .and_then(|failed| why(state, spec, &failed.failure))
        .into_iter()
        .collect();
    causes.extend(wait.as_ref().map(|(_, wait)| format!("meanwhile {}", wait.says(world))));
    if causes.is_empty() {
        let words = if failed.is_some() {
            "the kubelet's words are below; the container's log may say what it does instead"
        } else {
            "the kubelet has not told of a failing probe within five minutes; the container's log may say what it does"
        };
        causes.push(words.to_owned());
    }
    let severity = standing::severity(world, &pod.identity);
    let mut insight = Insight::new("never-ready", container.subject(), severity, title, causes.join("; "));
    container.key().clone_into(&mut insight.what);
    let says = format!(
        "{} has been running and not ready for {}",
        state.name,
        duration(unready)
    );
    insight = insight.because(window.now(), Source::Kubernetes, says);
    if let Some(failed) = failed {
        let says = format!(
            "the kubelet says: \"{}\" ({} times)",
            escape(failed.message, 300),
            failed.times
        );
        insight = insight.because(failed.at, Source::Kubernetes, says);
    }
    insight.about = suspects::pod(&pod.identity);
    if let Some((at, wait)) = &wait {
        insight = insight.because(*at, Source::Kernel, wait.says(world));
        insight.suspects = wait.suspects(world);
    }
    insight.suspects.extend(suspects::owner(&pod.identity));
    insight.suspects.extend(suspects::node(&pod.identity));
    let target = Target::pod(&pod.identity);
    insight.remedies.push(advice::look(
        "Read the probe and what the container says",
        "the probe has to ask for what the container really serves",
        [
            target.as_ref().map(kubectl::describe),
            target
                .as_ref()
                .and_then(|target| kubectl::logs(target, container.key(), Run::Current)),
        ],
        "the container is ready",
    ));
    insight.evidence.sort_by_key(|evidence| evidence.at);
    insight.remedies.extend(wait.and_then(|(_, wait)| wait.look(world)));
    insight
}

fn kind(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Liveness => "liveness",
        ProbeKind::Readiness => "readiness",
        ProbeKind::Startup => "startup",
    }
}

fn headline(why: &Why<'_>) -> String {
    match why {
        Why::Status(code) => format!("is answered with HTTP {code}"),
        Why::Refused => "is refused".to_owned(),
        Why::TimedOut => "gets no answer in time".to_owned(),
        Why::Unreachable => "does not reach the pod".to_owned(),
        Why::Broken => "is broken off".to_owned(),
        Why::WrongScheme => "and the container disagree about HTTP and HTTPS".to_owned(),
        Why::NotServing => "is told that it does not serve".to_owned(),
        Why::NoHealthService => "finds no gRPC health service".to_owned(),
        Why::CommandMissing => "has a command that is not in the image".to_owned(),
        Why::Command(_) => "fails".to_owned(),
    }
}

/// What explains the failure, where more is known than the words of the kubelet.
fn why(state: &ContainerState, spec: Option<&ProbeSpec>, failure: &ProbeFailure<'_>) -> Option<String> {
    let port = spec.and_then(|spec| port(state, spec.port.as_ref()?));
    match failure.why {
        Why::Refused => Some(match port {
            Some(port) if !state.ports.is_empty() && !state.ports.contains(&port) => {
                let named: Vec<String> = state.ports.iter().map(ToString::to_string).collect();
                format!(
                    "nothing listens on port {port}, which the probe asks; the container names port {}",
                    named.join(", ")
                )
            }
            Some(port) => format!(
                "nothing listens on port {port} of the pod: the application does not listen yet, listens on another port, or only on localhost"
            ),
            None => format!(
                "nothing listens at {}",
                failure.address.unwrap_or("the port that the probe asks")
            ),
        }),
        Why::Status(404) => {
            Some("the application answers, and has nothing at the path that the probe asks for".to_owned())
        }
        Why::Status(401 | 403) => {
            Some("the application answers, and wants credentials that the kubelet does not have".to_owned())
        }
        Why::Status(code @ 500..) => Some(format!(
            "the application answers itself that it is not well (HTTP {code})"
        )),
        Why::TimedOut => spec.map(|spec| format!("no answer within the probe's timeout of {} s", spec.timeout)),
        Why::Unreachable => Some("the node has no way to the pod's address: its network, or a policy".to_owned()),
        Why::Command(said) if !said.is_empty() => Some(format!("the probe's command says: {}", escape(said, 200))),
        _ => None,
    }
}

fn port(state: &ContainerState, port: &TargetPort) -> Option<u16> {
    match port {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => state.port_names.get(name).copied(),
    }
}

/// All containers are ready and the pod is not: a readiness gate.
fn gate(window: &Window<'_>, pod: &Pod) -> Option<Insight> {
    let is_it = |condition: &&Condition| &*condition.kind == "Ready" && &*condition.reason == "ReadinessGatesNotReady";
    let condition = pod.state.conditions.iter().find(is_it)?;
    let since = condition.since?;
    if window.now().since(since).as_secs_f64() < window.tuned(&LONG) {
        return None;
    }
    let label = pod.identity.pod_label();
    let title = format!(
        "{label} is not ready: a readiness gate has been closed for {}",
        duration(window.now().since(since))
    );
    let cause = "all its containers are ready; whoever sets the gate's condition, such as a load balancer's controller, has not";
    let severity = standing::severity(window.world(), &pod.identity);
    let mut insight = Insight::new("never-ready", window.subject(), severity, title, cause.to_owned());
    insight = insight.because(
        since,
        Source::Kubernetes,
        format!("\"{}\"", escape(&condition.message, 300)),
    );
    insight.about = suspects::pod(&pod.identity);
    insight.suspects = suspects::owner(&pod.identity).into_iter().collect();
    insight.remedies.push(advice::look(
        "See which gate is closed",
        "the gates stand in the pod's spec, what was set in its conditions",
        [Target::pod(&pod.identity).as_ref().map(kubectl::describe)],
        "the pod is ready",
    ));
    Some(insight)
}
