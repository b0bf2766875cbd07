//! By which name tapio was called: as itself, as a plugin of kubectl, or by kubectl for what may follow on its command line.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::args::Arguments;

/// How kubectl calls what it shows as `kubectl tapio`.
const PLUGIN: &str = "kubectl-tapio";
/// How kubectl (1.26 and later) asks what may follow `kubectl tapio`.
const COMPLETER: &str = "kubectl_complete-tapio";

/// What the name of the program says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    Itself,
    Plugin,
    Completer,
}

impl Called {
    /// From the first word of the command line, with or without a path or a suffix such as `.exe`.
    pub(crate) fn by(program: Option<&OsStr>) -> Self {
        let stem = program.and_then(|program| Path::new(program).file_stem());
        if stem == Some(OsStr::new(PLUGIN)) {
            Self::Plugin
        } else if stem == Some(OsStr::new(COMPLETER)) {
            Self::Completer
        } else {
            Self::Itself
        }
    }

    /// The command line, which calls itself what the user types.
    pub(crate) fn command(self) -> Command {
        let typed = match self {
            Self::Itself => "tapio",
            Self::Plugin | Self::Completer => "kubectl tapio",
        };
        Arguments::command().bin_name(typed)
    }

    /// The name of the program as a shell knows it, for completion scripts.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Itself => "tapio",
            Self::Plugin | Self::Completer => PLUGIN,
        }
    }
}

/// Reads the command line, and where each value came from; one that is wrong, and `--help`, end the program here.
pub(crate) fn arguments(called: Called, words: Vec<OsString>) -> (Arguments, ArgMatches) {
    let mut command = called.command();
    let matches = command.try_get_matches_from_mut(words);
    let read = matches.and_then(|matches| Ok((Arguments::from_arg_matches(&matches)?, matches)));
    read.unwrap_or_else(|error| error.format(&mut command).exit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_tells_who_calls() {
        let by = |program: &str| Called::by(Some(OsStr::new(program)));
        assert_eq!(by("/usr/local/bin/kubectl-tapio"), Called::Plugin);
        assert_eq!(by("kubectl_complete-tapio"), Called::Completer);
        assert_eq!((by("tapio"), Called::by(None)), (Called::Itself, Called::Itself));
    }

    #[test]
    fn help_says_what_the_user_types() {
        let help = |called: Called| called.command().render_help().to_string();
        assert!(help(Called::Plugin).contains("Usage: kubectl tapio <COMMAND>"));
        assert!(help(Called::Itself).contains("Usage: tapio <COMMAND>"));
    }
}
