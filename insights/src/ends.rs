//! How the runs of a container ended, joined from what the kernel saw and what the API server said, and why.

use std::time::Duration;

use correlator::{
    ContainerView, Exit, Fact, OomKill, Outcome, Peer, RunView, Series, Termination, Timestamp, Window, signals,
};

/// A connect that failed this long before the end may have caused it.
const JUST_BEFORE: Duration = Duration::from_secs(10);
/// Probe failures this long before the end may have caused it.
const PROBE_BEFORE: Duration = Duration::from_secs(120);

/// One end of a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) at: Timestamp,
    /// As the kubelet gives it: 128 + signal when a signal ended it.
    pub(crate) code: i32,
    pub(crate) lived: Option<Duration>,
    /// The kernel saw it.
    pub(crate) seen: bool,
    /// The kernel killed a process of this run for want of memory.
    pub(crate) oom: Option<&'a OomKill>,
    pub(crate) stated: Option<&'a Termination>,
    run: Option<RunView<'a>>,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cause {
    /// The kernel OOM-killed it.
    Oom { limit: Option<f64>, peak: f64 },
    /// The kubelet killed it because of its liveness probe.
    Liveness,
    /// SIGKILL; `seen` when the kernel's OOM kills were watched and there was none.
    Killed { seen: bool },
    /// Its command could not be started.
    Command { code: i32 },
    /// It succeeds and is started again.
    Finishes,
    /// Another signal.
    Signal { signal: i32 },
    /// It gave up after a connect had failed.
    Dependency {
        code: i32,
        peer: Peer,
        outcome: &'static str,
        before: Duration,
        /// When it failed.
        at: Timestamp,
    },
    /// Its own error.
    Error { code: i32 },
    /// No exit code.
    Unknown,
}

/// The ends of a container within `reach`, oldest first. An end that kernel and API server both tell is one end.
pub(crate) fn of<'a>(now: Timestamp, container: &ContainerView<'a>, reach: Duration) -> Vec<End<'a>> {
    let mut ends: Vec<End<'a>> = container.runs.iter().filter_map(|run| seen(*run)).collect();
    for stated in &container.terminations {
        let run = container
            .runs
            .iter()
            .find(|run| *run.id == *stated.container_id)
            .copied();
        match ends
            .iter_mut()
            .find(|end| end.run.is_some_and(|run| *run.id == *stated.container_id))
        {
            Some(end) => end.stated = Some(stated),
            None => ends.extend(told(stated, run)),
        }
    }
    ends.retain(|end| now.since(end.at) < reach);
    ends.sort_by_key(|end| end.at);
    ends
}

/// The end of a run by the kernel's word: the exit of pid 1.
fn seen(run: RunView<'_>) -> Option<End<'_>> {
    let (at, exit) = run.history.facts().rev().find_map(|(at, fact)| match fact {
        Fact::Exit(exit) if exit.ns_pid == 1 => Some((*at, exit)),
        _ => None,
    })?;
    let (oom, lived) = (oom_kill(run), Some(exit.lived));
    Some(End {
        at,
        code: code(exit),
        lived,
        seen: true,
        oom,
        stated: None,
        run: Some(run),
    })
}

/// The end of a run by the API server's word.
fn told<'a>(stated: &'a Termination, run: Option<RunView<'a>>) -> Option<End<'a>> {
    let at = stated.finished?;
    let lived = stated.started.map(|started| at.since(started));
    let oom = run.and_then(oom_kill);
    Some(End {
        at,
        code: stated.exit_code,
        lived,
        seen: false,
        oom,
        stated: Some(stated),
        run,
    })
}

fn code(exit: &Exit) -> i32 {
    if exit.signal == 0 {
        i32::from(exit.code)
    } else {
        128 + i32::from(exit.signal)
    }
}

fn oom_kill(run: RunView<'_>) -> Option<&OomKill> {
    run.history.facts().rev().find_map(|(_, fact)| match fact {
        Fact::OomKill(kill) => Some(kill),
        _ => None,
    })
}

/// Why this run ended.
pub(crate) fn cause(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Cause {
    let reason = end.stated.map_or("", |stated| &*stated.reason);
    match end.code {
        137 if end.oom.is_some() => oom(container, end),
        _ if reason == "OOMKilled" => oom(container, end),
        126 | 127 => Cause::Command { code: end.code },
        128 if matches!(reason, "StartError" | "ContainerCannotRun" | "RunContainerError") => {
            Cause::Command { code: 128 }
        }
        137 | 143 if probe_failed(window, container, end) => Cause::Liveness,
        137 => Cause::Killed {
            seen: !window.world().gaps().any(|(_, gap)| covers_oom_kills(&gap.source)) && end.seen,
        },
        0 => Cause::Finishes,
        129..=192 => Cause::Signal { signal: end.code - 128 },
        code => dependency(end, code).unwrap_or(Cause::Error { code }),
    }
}

fn covers_oom_kills(source: &str) -> bool {
    matches!(source, "ebpf" | "ebpf/memory")
}

fn oom(container: &ContainerView<'_>, end: &End<'_>) -> Cause {
    let last = |series: &Series| series.last().map(|bucket| bucket.last);
    let from_files = end
        .run
        .and_then(|run| run.history.series(&signals::MEMORY_LIMIT).and_then(last));
    let from_spec = container
        .state
        .and_then(|state| state.memory_limit)
        .map(|limit| limit as f64);
    let from_kernel = end.oom.map(|kill| kill.limit.map(|limit| limit as f64));
    let limit = from_kernel.unwrap_or_else(|| from_files.or(from_spec));
    let peak = end
        .run
        .and_then(|run| run.history.series(&signals::MEMORY_USAGE)?.max())
        .unwrap_or(0.0);
    Cause::Oom { limit, peak }
}

/// The kubelet said that the liveness (or startup) probe of this container failed, shortly before the end.
fn probe_failed(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> bool {
    window.own().facts().any(|(at, fact)| match fact {
        Fact::Event(event) => {
            let of_it = event.container.as_deref().is_none_or(|name| name == container.key());
            let probe = event.message.contains("iveness probe") || event.message.contains("tartup probe");
            let near = end.at.since(*at) < PROBE_BEFORE && at.since(end.at) < JUST_BEFORE;
            of_it && near && probe && matches!(&*event.reason, "Unhealthy" | "Killing")
        }
        _ => false,
    })
}

/// The last connect that failed just before the end.
fn dependency(end: &End<'_>, code: i32) -> Option<Cause> {
    let failed = &end.run?.history.spans(&signals::TCP_CONNECT)?.failed;
    let is_near = |at: Timestamp| at <= end.at && end.at.since(at) < JUST_BEFORE;
    let failure = failed
        .iter()
        .rev()
        .find(|failure| is_near(failure.at) && failure.outcome != Outcome::Aborted)?;
    let peer = failure.peer.clone()?;
    Some(Cause::Dependency {
        code,
        peer,
        outcome: failure.outcome.label(),
        before: end.at.since(failure.at),
        at: failure.at,
    })
}
