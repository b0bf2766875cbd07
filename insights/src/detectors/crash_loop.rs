//! # A container ends again and again
//!
//! **Why it matters.** Kubernetes restarts it with growing pauses, up to five minutes; meanwhile the service is down or
//! degraded. The word `CrashLoopBackOff` names the symptom; this insight names the cause.
//!
//! **How it is seen.** The API server's restart counts, terminated states and last states, together with the kernel's exits of
//! the container's main process (pid 1 of its pid namespace). The same end told by both is one end. The waiting reason
//! `CrashLoopBackOff` alone is not relied on: since Kubernetes 1.36 it is hardly ever published.
//!
//! **Causes told apart.** OOM kill by the kernel; SIGKILL without one; liveness probe; command not found, not executable or
//! for another CPU; success again and again (a job, not a service); other signals; the application's own error, with the
//! connect that failed just before it, if there was one. Exit code 137 alone is never called an OOM kill.
//!
//! **Thresholds.** Two ends within ten minutes of a container that is restarted; one that the kubelet holds back
//! (`CrashLoopBackOff` or a `BackOff` event); or, when tapio came in the middle, one end and a restart count that means two in ten
//! minutes over the pod's life. Init containers are told by `init-stuck`. While the API server has not named the containers of a pod, three failed ends. Warning; critical from three ends on or in back-off.
//!
//! **What to do.** Read the log of the run that ended, then mend the cause.

use std::sync::Arc;
use std::time::Duration;

use correlator::{
    ContainerRole, ContainerState, ContainerStatus, ContainerView, Detector, Fact, Insight, Pod, PodIdentity, Severity,
    Source, Subject, TERMINATION_REACH, Verdict, Window,
};

use crate::ends::{self, Cause, End};
use crate::phrase::{bytes, count, duration, escape};
use crate::remedies;
use crate::{changes, peers};

const BACK_OFF: &str = "CrashLoopBackOff";

/// The detector.
pub(crate) struct Rule;

impl Detector for Rule {
    fn id(&self) -> &'static str {
        "crash-loop"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["ebpf/process", "ebpf/memory", "ebpf/tcp_connect", "k8s/pods"]
    }

    fn hold(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
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
}

fn named(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let state = container.state?;
    let pod = window.pod()?;
    let is_init = state.role == ContainerRole::Init;
    if &*pod.state.restart_policy == "Never" || pod.state.deleted.is_some() || is_init {
        return None;
    }
    let ends = ends::of(window.now(), container, TERMINATION_REACH);
    let restarts_always = &*pod.state.restart_policy == "Always";
    let is_failure = |end: &&End<'_>| end.code != 0 || restarts_always || state.role == ContainerRole::Sidecar;
    let failed = ends.iter().filter(is_failure).count();
    let waits = state.restarts >= 1 && (is_in_back_off(state) || backs_off(window, container));
    if failed < 2 && !waits && !(failed == 1 && began_before(window, pod, state)) {
        return None;
    }
    Some(insight(window, container, &container.subject(), &ends, Some(state)))
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
    if containers.len() < 3 {
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
    let mut insight = insight(window, last, &Subject::Pod(Arc::new(pod)), &all, None);
    insight.what = String::new();
    Some(insight)
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    subject: &Subject,
    ends: &[End<'_>],
    state: Option<&ContainerState>,
) -> Insight {
    let waits = state.is_some_and(is_in_back_off);
    let restarts = state.map_or(ends.len(), |state| ends.len().max(state.restarts as usize));
    let severity = if waits || restarts >= 3 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let cause = ends
        .last()
        .map_or(Cause::Unknown, |end| ends::cause(window, container, end));
    let title = format!("{subject} is in a crash loop: {}", headline(window, &cause));
    let mut insight = Insight::new(
        "crash-loop",
        subject.clone(),
        severity,
        title,
        explain(window, &cause, ends),
    );
    container.key().clone_into(&mut insight.what);
    insight.revision = restarts as u64;
    insight = with_evidence(window, insight, ends, &cause);
    if let Some(state) = state {
        let reason = match &state.status {
            ContainerStatus::Waiting { reason, .. } => format!(", waiting: {reason}"),
            _ => String::new(),
        };
        let says = format!("{} restarted so far{reason}", count(state.restarts as usize, "time"));
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    insight.remedies.push(remedies::look(
        &container.identity,
        "the log of the run that ended usually names the reason",
    ));
    if let Cause::Oom {
        limit: Some(limit),
        peak,
    } = &cause
    {
        let node = container
            .identity
            .node
            .as_deref()
            .and_then(|name| window.world().node(name));
        let allocatable = node.and_then(|node| node.state.allocatable_memory);
        insight.remedies.push(remedies::raise_memory_limit(
            &container.identity,
            *peak,
            *limit,
            allocatable,
        ));
    }
    if let Cause::Dependency { peer, at, .. } = &cause {
        insight.remedies.extend(peers::look(window.world(), peer, *at, peers::REFUSAL));
    }
    insight
        .remedies
        .extend(remedies::for_command(&container.identity, &cause));
    let began = ends.first().map_or(window.now(), |end| end.at);
    insight
        .remedies
        .extend(changes::undo(window.world(), &container.identity, began));
    insight
}

fn headline(window: &Window<'_>, cause: &Cause) -> String {
    match cause {
        Cause::Oom { limit: Some(limit), .. } => format!("OOM-killed at its memory limit of {}", bytes(*limit)),
        Cause::Oom { limit: None, .. } => "OOM-killed".to_owned(),
        Cause::Liveness => "its liveness probe fails".to_owned(),
        Cause::Killed { .. } => "killed from outside with SIGKILL".to_owned(),
        Cause::Command { code } => crate::exit_status::meaning(*code),
        Cause::Finishes => "it finishes and is started again".to_owned(),
        Cause::Signal { signal } => format!("ended by {}", crate::exit_status::signal_name(*signal)),
        Cause::Dependency { code, peer, at, .. } => {
            format!(
                "exits with code {code} after a failed connect to {}",
                peers::name(window.world(), peer, *at)
            )
        }
        Cause::Error { code } => format!("exits with code {code}"),
        Cause::Unknown => "cause unknown".to_owned(),
    }
}

fn explain(window: &Window<'_>, cause: &Cause, ends: &[End<'_>]) -> String {
    let last = ends.last();
    let lived = last
        .and_then(|end| end.lived)
        .map(|lived| format!(", {} after its start", duration(lived)));
    let when = lived.unwrap_or_default();
    match cause {
        Cause::Oom { .. } => format!("each run needs more memory than its limit and the kernel kills it{when}"),
        Cause::Liveness => format!("the kubelet restarts it because its liveness probe fails{when}"),
        Cause::Killed { seen: true } => {
            format!("somebody sent SIGKILL{when}; the kernel reports no OOM kill in it, so it is not short of memory")
        }
        Cause::Killed { seen: false } => {
            format!(
                "SIGKILL{when}; whether by the OOM killer is unknown, because the kernel was not watched there and then"
            )
        }
        Cause::Command { code } => format!("exit code {code}: {}", crate::exit_status::meaning(*code)),
        Cause::Finishes => {
            format!("its command succeeds{when}; a container that ends belongs in a Job, not in this workload")
        }
        Cause::Signal { signal } => format!("its own process got {}{when}", crate::exit_status::signal_name(*signal)),
        Cause::Dependency {
            code,
            peer,
            outcome,
            before,
            at,
        } => format!(
            "its connect to {} failed ({outcome}) and {} later it ended itself with code {code}{when}",
            peers::name(window.world(), peer, *at),
            duration(*before)
        ),
        Cause::Error { code } => format!("the application ended itself with code {code}{when}"),
        Cause::Unknown => "the API server gives no exit code and the kernel's exits were not seen".to_owned(),
    }
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
        let source = if end.seen { Source::Kernel } else { Source::Kubernetes };
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
    if let Cause::Dependency { peer, outcome, at, .. } = cause {
        let says = format!("connect to {}: {outcome}", peers::name(window.world(), peer, *at));
        insight = insight.because(*at, Source::Kernel, says);
    }
    insight
}
