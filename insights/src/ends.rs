//! How the runs of a container ended, joined from what the kernel saw and what the API server said.

mod cause;
mod command;
mod kill;
mod lead;
mod roots;
mod words;

use std::time::Duration;

use correlator::{ContainerView, Exit, Fact, OomKill, RunView, Termination, Timestamp};

pub(crate) use cause::{Cause, cause};
pub(crate) use command::{Fault, StartFailure};
pub(crate) use kill::{Stop, probe_said};
pub(crate) use lead::{Lead, What};
pub(crate) use roots::roots;
pub(crate) use words::{explain, headline};

/// An OOM kill this long before the end ended it, or made the main process give up.
const OOM_BEFORE: Duration = Duration::from_secs(10);

/// One end of a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) at: Timestamp,
    /// As the kubelet gives it: 128 + signal when a signal ended it.
    pub(crate) code: i32,
    pub(crate) lived: Option<Duration>,
    /// What the kernel saw of it.
    pub(crate) exit: Option<&'a Exit>,
    /// The kernel killed a process of this run for want of memory, just before the end.
    pub(crate) oom: Option<&'a OomKill>,
    pub(crate) stated: Option<&'a Termination>,
    pub(crate) run: Option<RunView<'a>>,
}

impl End<'_> {
    /// The kubelet's word for it; empty when only the kernel tells.
    pub(crate) fn reason(&self) -> &str {
        self.stated.map_or("", |stated| &*stated.reason)
    }
}

/// The ends of a container within `reach`, oldest first. An end that kernel and API server both tell is one end.
pub(crate) fn of<'a>(now: Timestamp, container: &ContainerView<'a>, reach: Duration) -> Vec<End<'a>> {
    let mut ends: Vec<End<'a>> = container.runs.iter().filter_map(|run| seen(*run)).collect();
    for stated in &container.terminations {
        let is_it = |run: &RunView<'_>| *run.id == *stated.container_id;
        match ends.iter_mut().find(|end| end.run.as_ref().is_some_and(is_it)) {
            Some(end) => end.stated = Some(stated),
            None => ends.extend(told(stated, container.runs.iter().find(|run| is_it(run)).copied())),
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
    Some(End {
        at,
        code: code(exit),
        lived: Some(exit.lived),
        exit: Some(exit),
        oom: oom_kill(run, at),
        stated: None,
        run: Some(run),
    })
}

/// The end of a run by the API server's word.
fn told<'a>(stated: &'a Termination, run: Option<RunView<'a>>) -> Option<End<'a>> {
    let at = stated.finished?;
    Some(End {
        at,
        code: stated.exit_code,
        lived: stated.started.map(|started| at.since(started)),
        exit: None,
        oom: run.and_then(|run| oom_kill(run, at)),
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

/// The last kill before the end; the kubelet gives the time of the end in whole seconds.
fn oom_kill(run: RunView<'_>, end: Timestamp) -> Option<&OomKill> {
    run.history.facts().rev().find_map(|(at, fact)| match fact {
        Fact::OomKill(kill) if end.since(*at) < OOM_BEFORE => Some(kill),
        _ => None,
    })
}
