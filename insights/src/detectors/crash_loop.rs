//! # A container ends again and again
//!
//! **Why it matters.** Kubernetes restarts it with growing pauses, up to five minutes; meanwhile the service is down or
//! degraded. The word `CrashLoopBackOff` names the symptom; this insight names the cause.
//!
//! **How it is seen.** The API server's restart counts, terminated states and last states, together with the kernel's exits of
//! the container's main process (pid 1 of its pid namespace). The same end told by both is one end. The waiting reason
//! `CrashLoopBackOff` alone is not relied on: since Kubernetes 1.36 it is hardly ever published.
//!
//! **Causes told apart.** OOM kill by the container's limit, its pod's, or the node; a child's OOM kill that the main process
//! gave up after; a liveness or startup probe; an eviction, a preemption, a shutdown, a changed definition; SIGKILL by
//! somebody else (the kernel saw the end and no OOM kill); a command that is not found, not executable or for another CPU,
//! with its words; success again and again (a job, not a service); other signals; the application's own error, with the
//! connect or the name lookup that failed just before it. Exit code 137 alone is never called an OOM kill: what is missing to
//! tell is named. A loop of OOM kills or probe kills is told with `oom-killed` or `liveness-kill`.
//!
//! **Thresholds.** Two ends within ten minutes of a container that is restarted, where SIGTERM (143) is no crash by itself; one
//! that the kubelet holds back (`CrashLoopBackOff` or a `BackOff` event); or, when tapio came in the middle, one end and a
//! restart count that means two in ten minutes over the pod's life. Init containers are told by `init-stuck`. While the API server has not named the containers of a pod,
//! three failed ends. Warning; critical from three ends on or in back-off.
//!
//! **What to do.** Read the log of the run that ended, then mend the cause.

use std::sync::Arc;
use std::time::Duration;

use correlator::{
    ContainerRole, ContainerState, ContainerStatus, ContainerView, Fact, Insight, Pod, PodIdentity, Severity, Source,
    Subject, TERMINATION_REACH, Tunable, Verdict, Window,
};

use crate::ends::{self, Cause, End, What};
use crate::phrase::{count, duration, escape};
use crate::rule::Rule;
use crate::{changes, peers, remedies, suspects};

const BACK_OFF: &str = "CrashLoopBackOff";
const LEAST: Tunable = Tunable {
    detector: "crash-loop",
    name: "leastEnds",
    default: 2.0,
    bounds: [2.0, 100.0],
    meaning: "failed ends within ten minutes that are a loop, of a container that is not held back",
};
/// Ends of containers without names that are a loop.
const NAMELESS: usize = 3;
const CRITICAL: Tunable = Tunable {
    detector: "crash-loop",
    name: "criticalRestarts",
    default: 3.0,
    bounds: [1.0, 1000.0],
    meaning: "restarts from which on it is critical; one in back-off always is",
};
/// What the kubelet gives when SIGTERM ended it.
const ASKED_TO_STOP: i32 = 143;
/// An OOM kill or a probe's kill that is younger has an insight of its own; the history reaches ten seconds farther.
const YOUNG: Duration = Duration::from_secs(290);

pub(crate) const RULE: Rule = Rule {
    needs: &[
        "ebpf/process",
        "ebpf/memory",
        "ebpf/tcp_connect",
        "ebpf/dns",
        "k8s/pods",
        "k8s/events",
    ],
    hold: Duration::from_secs(300),
    tunables: &[LEAST, CRITICAL],
    ..Rule::new("crash-loop", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if window.pod().is_none() {
        return Verdict::of(nameless(window).into_iter().collect());
    }
    Verdict::of(
        window
            .containers()
            .iter()
            .filter_map(|container| named(window, container))
            .collect(),
    )
}

fn named(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let state = container.state?;
    let pod = window.pod()?;
    let is_over = pod.state.deleted.is_some() || matches!(&*pod.state.phase, "Failed" | "Succeeded");
    if &*pod.state.restart_policy == "Never" || is_over || state.role == ContainerRole::Init {
        return None;
    }
    let ends = ends::of(window.now(), container, TERMINATION_REACH);
    let restarts_always = &*pod.state.restart_policy == "Always";
    let restarts = restarts_always || state.role == ContainerRole::Sidecar;
    let is_failure = |end: &&End<'_>| end.code != ASKED_TO_STOP && (end.code != 0 || restarts);
    let failed = ends.iter().filter(is_failure).count();
    let waits = state.restarts >= 1 && (is_in_back_off(state) || backs_off(window, container));
    if (failed as f64) < window.tuned(&LEAST) && !waits && !(failed == 1 && began_before(window, pod, state)) {
        return None;
    }
    let cause = ends::cause(window, container, ends.last());
    if is_about_to_be_told(window, container, &cause) {
        return None;
    }
    Some(insight(window, container, &container.subject(), &ends, &cause))
}

/// Another insight tells of this very end and opens before the next look: then this one is a consequence of it.
fn is_about_to_be_told(window: &Window<'_>, container: &ContainerView<'_>, cause: &Cause) -> bool {
    let ids: &[&str] = match cause {
        Cause::Oom { .. } => &["oom-killed", "oom-killed-node", "oom-child-killed"],
        Cause::Probe { .. } => &["liveness-kill"],
        _ => return false,
    };
    let pod = Some(&container.identity.uid);
    let is_it = |open: &Insight| ids.contains(&open.id) && suspects::pod_of(&open.subject) == pod;
    !ends::of(window.now(), container, YOUNG).is_empty() && !window.found().any(is_it)
}

fn is_in_back_off(state: &ContainerState) -> bool {
    matches!(&state.status, ContainerStatus::Waiting { reason, .. } if &**reason == BACK_OFF)
}

/// The kubelet said of late that it holds the container back.
fn backs_off(window: &Window<'_>, container: &ContainerView<'_>) -> bool {
    window.own().facts().any(|(at, fact)| {
        matches!(fact, Fact::Event(event) if &*event.reason == "BackOff"
            && window.now().since(*at) <= TERMINATION_REACH
            && !event.history
            && event.message.contains("restarting failed container")
            && event.container.as_deref() == Some(container.key()))
    })
}

/// Tapio came in the middle: only the last end is told, but so many restarts in so short a life are a loop.
fn began_before(window: &Window<'_>, pod: &Pod, state: &ContainerState) -> bool {
    let age = pod
        .state
        .created
        .map_or(Duration::MAX, |created| window.now().since(created));
    state.restarts >= 2 && age < TERMINATION_REACH * state.restarts / 2
}

/// Without the API server the runs of one container cannot be told from its siblings: only the pod as a whole is judged.
fn nameless(window: &Window<'_>) -> Option<Insight> {
    let ended = |container: &&ContainerView<'_>| {
        ends::of(window.now(), container, TERMINATION_REACH)
            .last()
            .is_some_and(|end| end.code != 0)
    };
    let mut containers: Vec<_> = window.containers().iter().filter(ended).collect();
    if containers.len() < NAMELESS {
        return None;
    }
    containers.sort_by_key(|container| {
        ends::of(window.now(), container, TERMINATION_REACH)
            .last()
            .map(|end| end.at)
    });
    let mut all: Vec<End<'_>> = containers
        .iter()
        .flat_map(|container| ends::of(window.now(), container, TERMINATION_REACH))
        .collect();
    all.sort_by_key(|end| end.at);
    let last = containers.last()?;
    let pod = PodIdentity {
        container: None,
        container_id: None,
        ..(*last.identity).clone()
    };
    let cause = ends::cause(window, last, all.last());
    let mut insight = insight(window, last, &Subject::Pod(Arc::new(pod)), &all, &cause);
    insight.what = String::new();
    Some(insight)
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    subject: &Subject,
    ends: &[End<'_>],
    cause: &Cause,
) -> Insight {
    let state = container.state;
    let waits = state.is_some_and(is_in_back_off);
    let restarts = state.map_or(ends.len(), |state| ends.len().max(state.restarts as usize));
    let severity = if waits || restarts as f64 >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!("{subject} is in a crash loop: {}", ends::headline(window, cause));
    let explained = ends::explain(window, container, cause, ends.last());
    let mut insight = Insight::new("crash-loop", subject.clone(), severity, title, explained);
    container.key().clone_into(&mut insight.what);
    insight.revision = restarts as u64;
    (insight.about, insight.suspects) = ends::roots(window, container, cause, ends.last());
    insight = with_evidence(window, insight, ends, cause);
    if let Some(state) = state {
        let reason = match &state.status {
            ContainerStatus::Waiting { reason, .. } => format!(", waiting: {reason}"),
            _ => String::new(),
        };
        let says = format!("{} restarted so far{reason}", count(state.restarts as usize, "time"));
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    with_remedies(window, insight, container, ends, cause)
}

fn with_remedies(
    window: &Window<'_>,
    mut insight: Insight,
    container: &ContainerView<'_>,
    ends: &[End<'_>],
    cause: &Cause,
) -> Insight {
    let pod = &container.identity;
    insight.remedies.push(remedies::look(
        pod,
        "the log of the run that ended usually names the reason",
    ));
    match cause {
        Cause::Oom {
            limit: Some(limit),
            peak,
            whose,
            ..
        } if !whose.is_node() => {
            let node = pod.node.as_deref().and_then(|name| window.world().node(name));
            let allocatable = node.and_then(|node| node.state.allocatable_memory);
            insight
                .remedies
                .push(remedies::raise_memory_limit(pod, *peak, *limit, allocatable));
        }
        Cause::Dependency { lead, .. } => {
            if let What::Connect { peer, .. } = &lead.what {
                insight
                    .remedies
                    .extend(peers::look(window.world(), peer, lead.at, peers::REFUSAL));
            }
        }
        _ => {}
    }
    insight.remedies.extend(remedies::for_command(pod, cause));
    let began = ends.first().map_or(window.now(), |end| end.at);
    insight.remedies.extend(changes::undo(window.world(), pod, began));
    insight
}

fn with_evidence(window: &Window<'_>, mut insight: Insight, ends: &[End<'_>], cause: &Cause) -> Insight {
    const SHOWN: usize = 5;
    for end in ends.iter().skip(ends.len().saturating_sub(SHOWN)) {
        let lived = end
            .lived
            .map(|lived| format!(" after {}", duration(lived)))
            .unwrap_or_default();
        let reason = end
            .stated
            .map(|stated| format!(" ({})", stated.reason))
            .unwrap_or_default();
        let source = if end.exit.is_some() {
            Source::Kernel
        } else {
            Source::Kubernetes
        };
        let oom = if end.oom.is_some() {
            ", the kernel OOM-killed it"
        } else {
            ""
        };
        insight = insight.because(end.at, source, format!("ended with {}{reason}{lived}{oom}", end.code));
    }
    if let Some(stated) = ends
        .iter()
        .rev()
        .find_map(|end| end.stated.filter(|stated| !stated.message.is_empty()))
    {
        let says = format!("its termination message: \"{}\"", escape(&stated.message, 200));
        insight = insight.because(stated.finished.unwrap_or_default(), Source::Kubernetes, says);
    }
    if let Cause::Dependency { lead, .. } = cause {
        insight = insight.because(lead.at, Source::Kernel, lead.says(window));
    }
    insight
}
