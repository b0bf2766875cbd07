//! The causes of an end, as people read them.

use std::time::Duration;

use correlator::{ContainerView, Outcome, Window};

use super::{Cause, End, Fault, Lead, StartFailure, Stop, What};
use crate::exit_status::{meaning, signal_name};
use crate::memory_kills::Whose;
use crate::peers;
use crate::phrase::{bytes, duration, escape};
use crate::probes::label;

/// The longest name of a lookup that is shown, characters.
const NAME: usize = 120;

/// The cause in a few words.
pub(crate) fn headline(window: &Window<'_>, cause: &Cause) -> String {
    match cause {
        Cause::Oom {
            gave_up: Some(code), ..
        } => {
            format!("a child process was OOM-killed and it exits with code {code}")
        }
        Cause::Oom {
            whose: Whose::Node | Whose::AllPods,
            ..
        } => "OOM-killed because its node ran out of memory".to_owned(),
        Cause::Oom {
            limit: Some(limit),
            whose,
            ..
        } => {
            let of = if *whose == Whose::Pod { "its pod's" } else { "its" };
            format!("OOM-killed at {of} memory limit of {}", bytes(*limit))
        }
        Cause::Oom { .. } => "OOM-killed".to_owned(),
        Cause::Probe { kind, .. } => format!("its {} probe fails", label(*kind)),
        Cause::Stopped { by, .. } => stopped(*by).to_owned(),
        Cause::Foreign => "killed from outside with SIGKILL".to_owned(),
        Cause::Killed { .. } => "ended by SIGKILL, by whom is not known".to_owned(),
        Cause::Command(failure) => command_headline(failure),
        Cause::Finishes => "it finishes and is started again".to_owned(),
        Cause::Signal { signal } => format!("ended by {}", signal_name(*signal)),
        Cause::Dependency { code, lead } => format!("exits with code {code} after {}", failed(window, lead)),
        Cause::Error { code } => format!("exits with code {code}"),
        Cause::Unknown { .. } => "cause unknown".to_owned(),
    }
}

/// The cause in a sentence or two; `end` is the end that it is of.
pub(crate) fn explain(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    cause: &Cause,
    end: Option<&End<'_>>,
) -> String {
    let lived = end.and_then(|end| end.lived);
    let when = lived
        .map(|lived| format!(", {} after its start", duration(lived)))
        .unwrap_or_default();
    match cause {
        Cause::Oom { whose, gave_up, .. } => out_of_memory(*whose, *gave_up, &when),
        Cause::Probe { kind, grace_over } => {
            let how = if *grace_over {
                "; it did not end by itself after SIGTERM, so SIGKILL followed"
            } else {
                ""
            };
            format!(
                "the kubelet restarts it because its {} probe fails{when}{how}",
                label(*kind)
            )
        }
        Cause::Stopped { by, grace_over } => explain_stop(*by, *grace_over, &when),
        Cause::Foreign => format!(
            "somebody on the node or in the container sent SIGKILL{when}: the kernel saw its end and no OOM kill, and the \
             kubelet tells of no failed probe, no deletion and no eviction"
        ),
        Cause::Killed { missing } => format!(
            "SIGKILL{when}; whether by the OOM killer is unknown. What is missing to tell: {}",
            missing.join("; ")
        ),
        Cause::Command(failure) => command_explained(container, failure, &when),
        Cause::Finishes => {
            format!("its command succeeds{when}; a container that ends belongs in a Job, not in this workload")
        }
        Cause::Signal { signal: 15 } => format!(
            "its own process got {}{when}; nobody that tapio knows of asked it to stop, so the signal came from inside the \
             container or from somebody on the node",
            signal_name(15)
        ),
        Cause::Signal { signal } => format!("its own process got {}{when}", signal_name(*signal)),
        Cause::Dependency { code, lead } => format!(
            "{} and {} later it ended itself with code {code}{when}",
            failed_explained(window, lead),
            duration(lead.before)
        ),
        Cause::Error { code } => format!("the application ended itself with code {code}{when}{}", last_words(end)),
        Cause::Unknown { missing } if missing.is_empty() => {
            "the API server gives no exit code of the last ten minutes, and the kernel saw no end in the last five"
                .to_owned()
        }
        Cause::Unknown { missing } => format!(
            "the API server gives no exit code and the kernel's exits were not seen. What is missing to tell: {}",
            missing.join("; ")
        ),
    }
}

/// What the container left as its termination message, or the end of its log.
fn last_words(end: Option<&End<'_>>) -> String {
    let message = end.and_then(|end| end.stated).map(|stated| stated.message.trim());
    let message = message.filter(|message| !message.is_empty());
    message
        .map(|message| format!("; its last words: \"{}\"", escape(message, 200)))
        .unwrap_or_default()
}

fn out_of_memory(whose: Whose, gave_up: Option<i32>, when: &str) -> String {
    let over = match whose {
        Whose::Own => "each run needs more memory than its limit",
        Whose::Pod => "the containers of its pod together need more memory than the pod's limit",
        Whose::AllPods => "the pods of its node together need more memory than the node gives them",
        Whose::Node => "its node ran out of memory, no cgroup was at its limit,",
    };
    match gave_up {
        None => format!("{over} and the kernel kills it{when}"),
        Some(code) => format!(
            "{over} and the kernel killed one of its child processes; the main process then ended itself with code {code}{when}"
        ),
    }
}

fn stopped(by: Stop) -> &'static str {
    match by {
        Stop::Deletion => "stopped because its pod was deleted",
        Stop::Disruption(_) => "stopped because its pod was put off its node",
        Stop::Definition => "restarted because its definition in the pod changed",
        Stop::Hook => "its postStart hook fails",
        Stop::Deadline => "stopped because its pod ran for longer than it may (activeDeadlineSeconds)",
    }
}

fn explain_stop(by: Stop, grace_over: Option<Duration>, when: &str) -> String {
    let why = match by {
        Stop::Disruption(disruption) => format!("its pod was put off its node by {}", disruption.by()),
        other => stopped(other).to_owned(),
    };
    match grace_over {
        None => format!("{why}{when}"),
        Some(grace) => format!(
            "{why}{when}; it did not end by itself in the {} after SIGTERM, so SIGKILL followed",
            duration(grace)
        ),
    }
}

fn command_headline(failure: &StartFailure) -> String {
    let what = failure
        .word
        .as_deref()
        .map_or_else(|| "the command".to_owned(), |word| format!("{word:?}"));
    match failure.fault {
        Fault::NotFound if failure.shell.is_some() => meaning(127),
        Fault::NotFound => format!("{what} was not found in the image"),
        Fault::NotExecutable => format!("{what} was found but may not be executed"),
        Fault::WrongFormat => format!("{what} is no program for this node's CPU (exec format error)"),
        Fault::WorkingDirectory => "its working directory is not in the image".to_owned(),
        Fault::Other => meaning(128),
    }
}

fn command_explained(container: &ContainerView<'_>, failure: &StartFailure, when: &str) -> String {
    let asked = match failure.command.as_str() {
        "" => "the pod gives no command, so the image's own entrypoint was run".to_owned(),
        command => format!("the pod asks for: {command}"),
    };
    let image = container
        .state
        .map(|state| format!(" in image {}", escape(&state.image, NAME)))
        .unwrap_or_default();
    let how = match (failure.fault, &failure.shell) {
        (Fault::NotFound, Some(shell)) => format!("{shell} ran and did not find a command it was told to run{when}"),
        (Fault::NotExecutable, Some(shell)) => {
            format!("{shell} ran and may not execute a command it was told to run{when}")
        }
        (Fault::NotFound, None) => {
            format!("there is no such file{image}, or the interpreter or loader that the file names is missing")
        }
        (Fault::NotExecutable, None) => {
            format!("the file{image} has no execute permission for its user, or is a directory")
        }
        (Fault::WrongFormat, _) => {
            format!("the program{image} is for another CPU, or a script whose first line does not say what runs it")
        }
        (Fault::WorkingDirectory, _) => format!("workingDir does not exist{image}"),
        (Fault::Other, _) => {
            let account = failure.account.as_deref().unwrap_or("the runtime gives no reason");
            format!("the runtime could not start it{image}: {account}")
        }
    };
    format!("{how}; {asked}")
}

fn failed(window: &Window<'_>, lead: &Lead) -> String {
    match &lead.what {
        What::Connect { peer, .. } => format!("a failed connect to {}", peers::name(window.world(), peer, lead.at)),
        What::Lookup {
            name,
            rcode: Some(rcode),
            ..
        } => format!("the name {} got {rcode}", escape(name, NAME)),
        What::Lookup { name, rcode: None, .. } => format!("the name {} got no answer", escape(name, NAME)),
    }
}

/// What failed, as a sentence.
fn failed_explained(window: &Window<'_>, lead: &Lead) -> String {
    match &lead.what {
        What::Connect { peer, outcome, took } => {
            let how = match outcome {
                Outcome::Aborted => format!("given up after {} without an answer", duration(*took)),
                other => other.label().to_owned(),
            };
            format!(
                "its connect to {} failed ({how})",
                peers::name(window.world(), peer, lead.at)
            )
        }
        What::Lookup { name, rcode, resolver } => {
            let answer = rcode
                .as_deref()
                .map_or_else(|| "nothing".to_owned(), |rcode| escape(rcode, NAME));
            format!("it asked {resolver} for {} and got {answer}", escape(name, NAME))
        }
    }
}

impl Lead {
    /// What failed, as evidence.
    pub(crate) fn says(&self, window: &Window<'_>) -> String {
        match &self.what {
            What::Connect { peer, outcome, .. } => {
                format!(
                    "connect to {}: {}",
                    peers::name(window.world(), peer, self.at),
                    outcome.label()
                )
            }
            What::Lookup { .. } => failed_explained(window, self),
        }
    }
}
