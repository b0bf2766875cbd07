//! Commands that could not be started: what the runtime, the shell and the kernel say of them.

use correlator::{ContainerView, Fact};

use super::End;
use crate::messages::start::{self, Why};
use crate::phrase::escape;

/// The most that is shown of a command, characters.
const SHOWN: usize = 160;

/// Why a command was not started.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StartFailure {
    pub(crate) fault: Fault,
    /// The word that failed, as the runtime quotes it.
    pub(crate) word: Option<String>,
    /// `command` and `args` of the pod spec; empty when the image decides.
    pub(crate) command: String,
    /// What the container's main process had executed: a shell, whose own command then failed.
    pub(crate) shell: Option<String>,
    /// The runtime's account, when it is none of the known ones.
    pub(crate) account: Option<String>,
}

/// What was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No such file, or not in `$PATH`.
    NotFound,
    /// It may not be executed.
    NotExecutable,
    /// It is a program for another CPU, or a script without a first line that says what runs it.
    WrongFormat,
    /// The working directory is not there.
    WorkingDirectory,
    /// Something else.
    Other,
}

/// The command of this run was not started.
pub(super) fn start_failure(container: &ContainerView<'_>, end: &End<'_>) -> Option<StartFailure> {
    let message = end.stated.map_or("", |stated| &*stated.message);
    let refused = matches!(end.reason(), "StartError" | "ContainerCannotRun" | "RunContainerError");
    let (told, word) = told(message).map_or((None, None), |(fault, word)| (Some(fault), word));
    let fault = match end.code {
        _ if refused => told.unwrap_or(Fault::Other),
        126 => told.unwrap_or(Fault::NotExecutable),
        127 => told.unwrap_or(Fault::NotFound),
        0 => return None,
        _ if never_executed(end) => told.unwrap_or(Fault::WrongFormat),
        _ => return None,
    };
    let words = container.state.map_or(&[][..], |state| &state.command);
    Some(StartFailure {
        fault,
        word: word.map(|word| escape(word, SHOWN)),
        command: escape(&words.join(" "), SHOWN),
        shell: executed(end).filter(|_| !refused).map(|file| escape(file, SHOWN)),
        account: (fault == Fault::Other && !message.is_empty()).then(|| escape(message, 2 * SHOWN)),
    })
}

/// What the runtime's account says, and the program it names.
fn told(message: &str) -> Option<(Fault, Option<&str>)> {
    match start::classify(message) {
        Why::NoProgram(name) => Some((Fault::NotFound, Some(name))),
        Why::NotExecutable(name) => Some((Fault::NotExecutable, Some(name).filter(|name| !name.is_empty()))),
        Why::WrongFormat => Some((Fault::WrongFormat, None)),
        Why::WorkingDirectory(folder) => Some((Fault::WorkingDirectory, Some(folder))),
        _ => None,
    }
}

/// The main process ended while it still was the runtime's own first step.
fn never_executed(end: &End<'_>) -> bool {
    end.exit.is_some_and(|exit| exit.comm.starts_with("runc:["))
}

/// The last program that the main process executed, other than the runtime's own.
fn executed<'a>(end: &End<'a>) -> Option<&'a str> {
    let facts = end.run?.history.facts().rev();
    let files = facts.filter_map(|(_, fact)| match fact {
        Fact::Exec(exec) if exec.ns_pid == 1 => Some(&*exec.file),
        _ => None,
    });
    let is_runtime = |file: &str| file.starts_with("/proc/") || file.starts_with("/dev/fd/") || file.ends_with("runc");
    files.into_iter().find(|file| !is_runtime(file))
}
