//! The values that options of the command line take.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorOutput {
    /// For people
    Human,
    /// One JSON object a line, one for each check
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Human,
    /// For people, with dates and ids, and all of an insight each time it changes
    Wide,
    /// One JSON object a line
    Json,
    /// One YAML document each, with the fields of the JSON
    Yaml,
    /// One text exposition (0.0.4), when the run ends
    Prometheus,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// What kills containers: OOM kills, exits, memory
    Minimal,
    /// And what makes them slow or unreachable: TCP, DNS, the run queue
    #[default]
    Standard,
    /// And what they do all the time: system calls, packets, files
    Comprehensive,
    /// The probes named with --probe, or all, less those named with --no-probe
    Custom,
}

impl Profile {
    /// The largest profile whose probes are loaded; none where the user names them.
    pub(crate) fn most(self) -> Option<probes::Profile> {
        match self {
            Self::Minimal => Some(probes::Profile::Minimal),
            Self::Standard => Some(probes::Profile::Standard),
            Self::Comprehensive => Some(probes::Profile::Comprehensive),
            Self::Custom => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Forecast {
    /// A table of trees on features of the whole record
    Trees,
    /// First passage of a random walk with drift; cruder, and easier to follow
    ClosedForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that is not dumb; `NO_COLOR` and `CLICOLOR_FORCE` decide before that
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Severity {
    Info,
    Warning,
    Critical,
}

impl From<Severity> for correlator::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}
