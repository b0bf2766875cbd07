//! # A pod does not get past an init container
//!
//! **Why it matters.** None of the pod's own containers is started. Init containers often wait for a dependency in a loop, in
//! silence, so that the pod looks busy rather than broken.
//!
//! **How it is seen.** An init container that has not completed runs for long, or ends with an error again and again. What it
//! waits for is what the kernel saw it ask for in vain within the last minute: the peer that refuses or does not answer its
//! connects, or the name that does not exist (steps of a walk through search suffixes do not count). How it ended is told
//! as for `crash-loop`, which leaves init containers to this insight.
//!
//! **Thresholds.** Running for five minutes; two failed ends within ten minutes, or back-off. Warning; critical when no pod of the
//! workload is available, or from three failed ends on.
//!
//! **What to do.** Bring the dependency up, or mend the init container.

use std::time::Duration;

use correlator::{
    ContainerState, ContainerStatus, ContainerView, Culprit, Insight, Pod, Severity, Source, TERMINATION_REACH,
    Tunable, Verdict, Window,
};

use crate::ends::{self, Cause, End};
use crate::kubectl::{self, Run, Target};
use crate::memory_kills::Whose;
use crate::phrase::{count, duration, escape};
use crate::rule::Rule;
use crate::waits_for;
use crate::{advice, remedies, standing, suspects};

const LONG: Tunable = Tunable {
    detector: "init-stuck",
    name: "runningSeconds",
    default: 300.0,
    bounds: [10.0, 86400.0],
    meaning: "how long an init container may run",
};
const CRITICAL: Tunable = Tunable {
    detector: "init-stuck",
    name: "criticalEnds",
    default: 3.0,
    bounds: [1.0, 100.0],
    meaning: "failed ends within ten minutes from which on it is critical",
};
const LEAST: Tunable = Tunable {
    detector: "init-stuck",
    name: "leastEnds",
    default: 2.0,
    bounds: [1.0, 100.0],
    meaning: "failed ends within ten minutes that are enough, of one that is not held back",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "ebpf/process", "ebpf/tcp_connect", "ebpf/dns"],
    tunables: &[LONG, LEAST, CRITICAL],
    ..Rule::new("init-stuck", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::of(find(window).into_iter().collect())
}

fn find(window: &Window<'_>) -> Option<Insight> {
    let pod = window.pod().filter(|pod| !standing::is_over(pod))?;
    let state = standing::init_under_way(pod)?;
    let container = window
        .containers()
        .iter()
        .find(|container| container.key() == &*state.name)?;
    let ends = ends::of(window.now(), container, TERMINATION_REACH);
    let failed: Vec<End<'_>> = ends.into_iter().filter(|end| end.code != 0).collect();
    let runs = running_for(window, state).filter(|runs| *runs >= window.tuned_time(&LONG));
    let backs_off =
        state.restarts >= 1 && standing::waiting(state).is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    let fails = failed.len() as f64 >= window.tuned(&LEAST) || backs_off;
    (runs.is_some() || fails).then(|| insight(window, pod, container, &failed, runs.filter(|_| !fails)))
}

fn running_for(window: &Window<'_>, state: &ContainerState) -> Option<Duration> {
    match state.status {
        ContainerStatus::Running { started: Some(started) } => Some(window.now().since(started)),
        _ => None,
    }
}

fn insight(
    window: &Window<'_>,
    pod: &Pod,
    container: &ContainerView<'_>,
    failed: &[End<'_>],
    runs: Option<Duration>,
) -> Insight {
    let world = window.world();
    let wait = waits_for::newest(window.now(), container);
    let cause = failed
        .last()
        .filter(|_| runs.is_none())
        .map(|end| ends::cause(window, container, Some(end)));
    let does = match (runs, &cause) {
        (Some(runs), _) => format!("has been running for {}", duration(runs)),
        (None, Some(cause)) => format!("fails again and again: {}", ends::headline(window, cause)),
        (None, None) => "fails again and again".to_owned(),
    };
    let title = format!(
        "{} waits for its init container {}, which {does}",
        pod.identity.pod_label(),
        container.key()
    );
    let explained = wait.as_ref().map(|(_, wait)| wait.says(world));
    let explained = explained.unwrap_or_else(|| match &cause {
        Some(cause) => ends::headline(window, cause),
        None => {
            "the kernel saw no connect and no lookup of it fail within the last minute; its log may say what it does"
                .to_owned()
        }
    });
    let is_critical = failed.len() as f64 >= window.tuned(&CRITICAL) && runs.is_none();
    let severity = if is_critical {
        Severity::Critical
    } else {
        standing::severity(world, &pod.identity)
    };
    let mut insight = Insight::new("init-stuck", container.subject(), severity, title, explained);
    container.key().clone_into(&mut insight.what);
    insight.revision = failed.len().max(1) as u64;
    insight = with_evidence(window, insight, container, failed, runs);
    insight.about = suspects::pod(&pod.identity);
    if let Some((at, wait)) = &wait {
        insight = insight.because(*at, Source::Kernel, wait.says(world));
        insight.suspects = wait.suspects(world);
        insight.remedies.extend(wait.look(world));
    }
    insight.evidence.sort_by_key(|evidence| evidence.at);
    let image = container.state.map(|state| Culprit::Image(state.image.clone()));
    insight
        .suspects
        .extend([suspects::owner(&pod.identity), image].into_iter().flatten());
    let run = if runs.is_some() { Run::Current } else { Run::Previous };
    let logs = Target::pod(&pod.identity).and_then(|target| kubectl::logs(&target, container.key(), run));
    insight.remedies.insert(
        0,
        advice::look(
            "Read what the init container says",
            "what it waits for, or why it fails, usually stands in its last lines",
            [logs, Target::pod(&pod.identity).as_ref().map(kubectl::describe)],
            "the init container completes and the pod's own containers start",
        ),
    );
    if let Some(Cause::Oom {
        limit: Some(limit),
        peak,
        whose: Whose::Own,
        ..
    }) = cause
    {
        let node = pod.identity.node.as_deref().and_then(|name| world.node(name));
        let allocatable = node.and_then(|node| node.state.allocatable_memory);
        insight.remedies.push(remedies::raise_memory_limit(
            &container.identity,
            peak,
            limit,
            allocatable,
        ));
    }
    insight
}

fn with_evidence(
    window: &Window<'_>,
    mut insight: Insight,
    container: &ContainerView<'_>,
    failed: &[End<'_>],
    runs: Option<Duration>,
) -> Insight {
    const SHOWN: usize = 3;
    if let Some(runs) = runs {
        let says = format!(
            "{} has been running since {} and has not completed",
            container.key(),
            window.now().minus(runs)
        );
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    for end in failed
        .iter()
        .skip(failed.len().saturating_sub(SHOWN))
        .filter(|_| runs.is_none())
    {
        let lived = end
            .lived
            .map(|lived| format!(" after {}", duration(lived)))
            .unwrap_or_default();
        let message = end
            .stated
            .map(|stated| &*stated.message)
            .filter(|message| !message.is_empty());
        let said = message
            .map(|message| format!(": \"{}\"", escape(message, 200)))
            .unwrap_or_default();
        let source = if end.exit.is_some() {
            Source::Kernel
        } else {
            Source::Kubernetes
        };
        insight = insight.because(end.at, source, format!("ended with {}{lived}{said}", end.code));
    }
    let waiting = window.containers().iter().filter(|other| {
        other
            .state
            .is_some_and(|state| standing::waiting(state).is_some_and(|(reason, _)| reason == "PodInitializing"))
    });
    let waiting: Vec<&str> = waiting.map(ContainerView::key).collect();
    if waiting.is_empty() {
        return insight;
    }
    let says = format!(
        "{} waiting behind it: {}",
        count(waiting.len(), "container"),
        waiting.join(", ")
    );
    insight.because(window.now(), Source::Kubernetes, says)
}
