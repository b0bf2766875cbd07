//! Why a run ended: exit code, kernel facts, Events and the pod's own state, weighed together.

use std::time::Duration;

use correlator::{ContainerView, ProbeKind, Window};

use super::End;
use super::command::{self, StartFailure};
use super::kill::{self, Stop};
use super::lead::{self, Lead};
use crate::memory_kills::{self, Whose};

/// Why a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cause {
    /// The kernel OOM-killed it.
    Oom {
        whose: Whose,
        /// The limit that ran out, bytes.
        limit: Option<f64>,
        /// The most it used, bytes; zero when that was not measured.
        peak: f64,
        /// A child was killed, and the main process ended itself with this code.
        gave_up: Option<i32>,
    },
    /// The kubelet killed it because of its liveness or startup probe.
    Probe {
        kind: ProbeKind,
        /// It did not end by itself in the time it was given after SIGTERM.
        grace_over: bool,
    },
    /// It was told to stop.
    Stopped {
        by: Stop,
        /// As for `Probe`: the grace period that ran out.
        grace_over: Option<Duration>,
    },
    /// SIGKILL, and none of those who could have sent it did as far as all sources tell.
    Foreign,
    /// SIGKILL, and what is not watched could say by whom: what that is, and what would mend it.
    Killed { missing: Vec<String> },
    /// Its command could not be started.
    Command(StartFailure),
    /// It succeeds and is started again.
    Finishes,
    /// Another signal.
    Signal { signal: i32 },
    /// It gave up after a connect or a lookup had failed.
    Dependency { code: i32, lead: Lead },
    /// Its own error.
    Error { code: i32 },
    /// No end is known: what is not watched, and what would mend it.
    Unknown { missing: Vec<String> },
}

/// Why the last of these ends came about.
pub(crate) fn cause(window: &Window<'_>, container: &ContainerView<'_>, last: Option<&End<'_>>) -> Cause {
    let Some(end) = last else {
        let missing = kill::unseen(window, container, &["ebpf/process", "k8s/pods"]);
        return Cause::Unknown { missing };
    };
    oom(window, container, end)
        .or_else(|| command::start_failure(container, end).map(Cause::Command))
        .or_else(|| kill::by_probe(window, container, end))
        .or_else(|| kill::stopped(window, container, end))
        .unwrap_or_else(|| by_code(window, container, end))
}

fn by_code(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Cause {
    match end.code {
        137 => kill::unexplained(window, container, end),
        0 => Cause::Finishes,
        129..=192 => Cause::Signal { signal: end.code - 128 },
        code => match lead::of(end) {
            Some(lead) => Cause::Dependency { code, lead },
            None => Cause::Error { code },
        },
    }
}

/// The kernel's word, or the runtime's: `OOMKilled` is given to a container in which any process was killed so.
fn oom(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Option<Cause> {
    let counted = end.code == 137 && end.run.is_some_and(|run| memory_kills::counted(run).next().is_some());
    if end.oom.is_none() && end.reason() != "OOMKilled" && !counted {
        return None;
    }
    let is_child = end.oom.is_some_and(|kill| kill.ns_pid > 1);
    Some(Cause::Oom {
        whose: end
            .oom
            .map_or(Whose::Own, |kill| memory_kills::whose(window, container, kill)),
        limit: memory_kills::limit(container, end.run, end.oom),
        peak: end.run.map_or(0.0, memory_kills::peak),
        gave_up: (is_child && end.code != 137).then_some(end.code),
    })
}
