//! The part of the command line that is for shells and manual pages.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

/// How the scripts are loaded.
pub(super) const COMPLETIONS: &str = "\
bash:  source <(tapio completion bash)
zsh:   tapio completion zsh > \"${fpath[1]}/_tapio\"
fish:  tapio completion fish > ~/.config/fish/completions/tapio.fish

For `kubectl tapio`, link tapio as kubectl-tapio and as kubectl_complete-tapio in a folder of the PATH: kubectl's own
completion (1.26 and later) then asks tapio.";

#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// The command; without, the page of tapio itself
    #[arg(value_parser = ["sniff", "agent", "doctor", "explain", "completion", "man", "version"])]
    pub(crate) command: Option<String>,

    /// Write all pages into this folder instead
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

/// Takes any text, and offers the ids of insights where a shell completes it: `explain` tells unknown ones from those that
/// are not recognised yet.
#[derive(Debug, Clone)]
pub(super) struct InsightId;

impl TypedValueParser for InsightId {
    type Value = String;

    fn parse_ref(&self, cmd: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(cmd, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(
            insights::MANUALS.iter().map(|(id, _)| PossibleValue::new(*id)),
        ))
    }
}
