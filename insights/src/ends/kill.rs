//! Who ended a container from outside: the kubelet because of a probe, a deletion or an eviction, or somebody else; and
//! what is not watched when that cannot be told.

use std::time::Duration;

use correlator::{ContainerView, Fact, Gap, KubeEvent, ProbeKind, Timestamp, Window};

use super::End;
use super::cause::Cause;
use crate::disruption::{self, Disruption};

/// Probe failures this long before the end may have caused it.
const PROBE_BEFORE: Duration = Duration::from_secs(120);
/// The kubelet gives times in whole seconds, and Events come after the fact.
const SLACK: Duration = Duration::from_secs(2);
/// `terminationGracePeriodSeconds` where the pod does not say (`v1` `PodSpec`).
const USUAL_GRACE: u32 = 30;

/// Why the kubelet stopped a container without a probe that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The pod was deleted.
    Deletion,
    /// The pod was put off its node.
    Disruption(Disruption),
    /// The container's definition in the pod changed.
    Definition,
    /// Its `postStart` hook failed.
    Hook,
    /// The pod ran for longer than it may (`activeDeadlineSeconds`).
    Deadline,
}

/// The kubelet said that it kills this container because of its liveness or startup probe, or, of a container that a signal
/// ended, that such a probe failed shortly before.
pub(super) fn by_probe(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Option<Cause> {
    let grace = grace(window);
    let killing = killing(window, container, end).find_map(|(at, event)| Some((at, killed_for(&event.message)?)));
    let signalled = matches!(end.code, 137 | 143);
    let failed = || {
        probe_said(window, container, end.at)
            .filter(|_| signalled)
            .map(|(at, _, kind)| (at, kind))
    };
    let (at, kind) = killing.or_else(failed)?;
    let grace_over = end.code == 137 && end.at.since(at) + SLACK >= grace;
    Some(Cause::Probe { kind, grace_over })
}

/// The last account of a failed liveness or startup probe of this container in the two minutes before `end`.
pub(crate) fn probe_said<'a>(
    window: &Window<'a>,
    container: &ContainerView<'_>,
    end: Timestamp,
) -> Option<(Timestamp, &'a KubeEvent, ProbeKind)> {
    events(window, container).find_map(|(at, event)| {
        let is_near = end.since(at) < PROBE_BEFORE && at.since(end) < SLACK;
        let kind = kind_of(&event.message)?;
        (is_near && &*event.reason == "Unhealthy").then_some((at, event, kind))
    })
}

fn kind_of(message: &str) -> Option<ProbeKind> {
    let message = message.to_ascii_lowercase();
    match message.split_once(" probe")?.0 {
        "liveness" => Some(ProbeKind::Liveness),
        "startup" => Some(ProbeKind::Startup),
        _ => None,
    }
}

/// `Container app failed liveness probe, will be restarted`.
fn killed_for(message: &str) -> Option<ProbeKind> {
    match message.split_once(" failed ")?.1.split_once(" probe")?.0 {
        "liveness" => Some(ProbeKind::Liveness),
        "startup" => Some(ProbeKind::Startup),
        _ => None,
    }
}

/// The pod was deleted or put off its node, or the kubelet said why it stops the container.
pub(super) fn stopped(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Option<Cause> {
    let pod = window.pod().filter(|_| matches!(end.code, 0 | 137 | 143))?;
    let grace = grace(window);
    let event = killing(window, container, end).next();
    let because = event.and_then(|(_, event)| stopped_for(&event.message));
    // The deletion time of a pod is that of the request plus the grace period.
    let deadline = pod
        .state
        .deleted
        .filter(|deadline| end.at.plus(SLACK) >= deadline.minus(grace));
    let by = match disruption::of(&pod.state) {
        Some(disruption) => Stop::Disruption(disruption),
        None if &*pod.state.reason == "DeadlineExceeded" => Stop::Deadline,
        None if deadline.is_some() => Stop::Deletion,
        None => because?,
    };
    let asked = event.map(|(at, _)| at.plus(grace));
    let is_over = deadline.or(asked).is_some_and(|over| end.at.plus(SLACK) >= over);
    Some(Cause::Stopped {
        by,
        grace_over: (end.code == 137 && is_over).then_some(grace),
    })
}

fn stopped_for(message: &str) -> Option<Stop> {
    if message.contains("definition changed") || message.contains("resize requires restart") {
        return Some(Stop::Definition);
    }
    message.contains("PostStartHook").then_some(Stop::Hook)
}

fn grace(window: &Window<'_>) -> Duration {
    let grace = window.pod().and_then(|pod| pod.state.grace).unwrap_or(USUAL_GRACE);
    Duration::from_secs(grace.into())
}

/// The kubelet's words, newest first, on stopping this container, as far as they can be about this end.
fn killing<'a>(
    window: &Window<'a>,
    container: &ContainerView<'_>,
    end: &End<'_>,
) -> impl Iterator<Item = (Timestamp, &'a KubeEvent)> {
    let (first, last) = (end.at.minus(grace(window)).minus(SLACK), end.at.plus(SLACK));
    let began = end.lived.map_or(first, |lived| end.at.minus(lived).minus(SLACK));
    events(window, container)
        .filter(move |(at, event)| &*event.reason == "Killing" && *at >= first.max(began) && *at <= last)
}

/// The Events about a container, or about its pod without naming one, newest first.
fn events<'a>(window: &Window<'a>, container: &ContainerView<'_>) -> impl Iterator<Item = (Timestamp, &'a KubeEvent)> {
    let name = container.key().to_owned();
    window.own().facts().rev().filter_map(move |(at, fact)| match fact {
        Fact::Event(event) if event.container.as_deref().is_none_or(|of| of == name) => Some((*at, event)),
        _ => None,
    })
}

/// SIGKILL that nobody owned up to: foreign when everything was watched that could tell otherwise.
pub(super) fn unexplained(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Cause {
    let mut missing = unseen(
        window,
        container,
        &["ebpf/process", "ebpf/memory", "k8s/events", "k8s/pods"],
    );
    if end.exit.is_none() && missing.is_empty() {
        missing
            .push("the kernel's own account of this end, which came before tapio watched or was forgotten".to_owned());
    }
    if missing.is_empty() {
        Cause::Foreign
    } else {
        Cause::Killed { missing }
    }
}

/// What of these sources is not watched where this container runs, why, and what would mend it.
pub(super) fn unseen(window: &Window<'_>, container: &ContainerView<'_>, sources: &[&str]) -> Vec<String> {
    let is_needed = |gap: &&Gap| {
        sources
            .iter()
            .any(|need| *need == &*gap.source || need.starts_with(&format!("{}/", gap.source)))
    };
    let gaps = window.world().gaps().map(|(_, gap)| gap).filter(is_needed);
    let mut missing: Vec<String> = gaps
        .map(|gap| format!("{} ({}: {}; to mend it: {})", gap.what, gap.source, gap.why, gap.fix))
        .collect();
    let by_kernel = missing.iter().any(|line| line.contains("ebpf"));
    if container.runs.is_empty() && !by_kernel {
        let node = container.identity.node.as_deref().unwrap_or("the node it runs on");
        missing.push(format!(
            "the kernel of {node}, of which tapio hears nothing about this container; run it there"
        ));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_words_on_probes_are_understood() {
        let unhealthy = [
            (
                "Liveness probe failed: HTTP probe failed with statuscode: 500",
                Some(ProbeKind::Liveness),
            ),
            ("Startup probe errored: rpc error", Some(ProbeKind::Startup)),
            ("Readiness probe failed: dial tcp", None),
            ("no probe", None),
        ];
        for (message, kind) in unhealthy {
            assert_eq!(kind_of(message), kind, "{message}");
        }
        let killing = [
            (
                "Container app failed liveness probe, will be restarted",
                Some(ProbeKind::Liveness),
            ),
            (
                "Container app failed startup probe, will be restarted",
                Some(ProbeKind::Startup),
            ),
            ("Stopping container app", None),
        ];
        for (message, kind) in killing {
            assert_eq!(killed_for(message), kind, "{message}");
        }
        assert_eq!(
            stopped_for("Container app definition changed, will be restarted"),
            Some(Stop::Definition)
        );
        assert_eq!(stopped_for("Stopping container app"), None);
    }
}
