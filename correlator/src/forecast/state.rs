//! The calibration as text, so that what was learnt outlives the process.
//!
//! The text is one JSON object with the format's name and version and the name of the model it was learnt with. What is not
//! exactly that is refused: a calibration that is half right makes every probability wrong.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, Record};
use super::recalibration::Recalibration;
use super::workloads::Workloads;
use crate::time::Timestamp;

const FORMAT: &str = "tapio-calibration";
const VERSION: u32 = 1;
/// Slopes and intercepts beyond this come from no population.
const STEEPEST: f64 = 50.0;

/// What stands in every version.
#[derive(Deserialize)]
struct Heading {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: String,
    version: u32,
    model: String,
    lines: Recalibration,
    kills: u64,
    fitted: Option<Timestamp>,
    unfitted: BTreeSet<u64>,
    groups: [Record; 3],
    workloads: Workloads,
}

/// Why a text is no calibration to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateError {
    /// It is something else.
    Foreign,
    /// A version of tapio wrote it that this one does not know.
    Version(u32),
    /// It was learnt with another model.
    Model {
        /// That model.
        learnt_with: String,
        /// The model that is used now.
        used: String,
    },
    /// Its text is damaged; where, and how.
    Damaged(String),
    /// It holds what tapio never writes.
    Impossible(&'static str),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("this is no calibration; name another file, or one that does not exist yet"),
            Self::Version(version) => write!(
                f,
                "it is of version {version} and this tapio writes version {VERSION}; use the tapio that wrote it, or move it \
                 away to begin anew"
            ),
            Self::Model { learnt_with, used } => write!(
                f,
                "it was learnt with the model {learnt_with:?} and says nothing about {used:?}; move it away to begin anew"
            ),
            Self::Damaged(how) => write!(f, "it is damaged ({how}); restore it, or move it away to begin anew"),
            Self::Impossible(what) => write!(f, "it holds {what}; restore it, or move it away to begin anew"),
        }
    }
}

impl std::error::Error for StateError {}

impl Calibration {
    /// As text, with the name of the model it was learnt with ([`Forecaster::name`](super::Forecaster::name)). At most
    /// about a megabyte.
    pub fn to_json(&self, model: &str) -> String {
        let state = State {
            format: FORMAT.to_owned(),
            version: VERSION,
            model: model.to_owned(),
            lines: self.lines,
            kills: self.kills,
            fitted: self.fitted,
            unfitted: self.unfitted.clone(),
            groups: self.groups.clone(),
            workloads: self.workloads.clone(),
        };
        // Strings as keys and finite numbers: nothing in it that JSON cannot hold.
        serde_json::to_string(&state).unwrap_or_default()
    }

    /// From text that [`Calibration::to_json`] made with the same model.
    pub fn from_json(text: &str, model: &str) -> Result<Self, StateError> {
        let heading: Heading = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => StateError::Foreign,
            _ if text.contains(FORMAT) => StateError::Damaged(error.to_string()),
            _ => StateError::Foreign,
        })?;
        if heading.format != FORMAT {
            return Err(StateError::Foreign);
        }
        if heading.version != VERSION {
            return Err(StateError::Version(heading.version));
        }
        let state: State = serde_json::from_str(text).map_err(|error| StateError::Damaged(error.to_string()))?;
        if state.model != model {
            return Err(StateError::Model {
                learnt_with: state.model,
                used: model.to_owned(),
            });
        }
        match state.fault() {
            Some(what) => Err(StateError::Impossible(what)),
            None => Ok(state.into_calibration()),
        }
    }
}

impl State {
    fn fault(&self) -> Option<&'static str> {
        let lines = &self.lines;
        let numbers = lines.slope.iter().chain(&lines.intercept).chain([&lines.workload]);
        let most = 1u64 << 52;
        let faults = self.groups.iter().flat_map(|record| {
            let censored = record.censored.iter().any(|count| *count > most);
            let censored = censored.then_some("counts that cannot be");
            [record.reliability.fault(), record.reservoir.fault(), censored]
        });
        match numbers.into_iter().all(|number| number.abs() <= STEEPEST) {
            _ if self.kills > most => Some("counts that cannot be"),
            _ if self.unfitted.len() > 64 => Some("more containers than are ever kept"),
            true => faults.chain([self.workloads.fault()]).flatten().next(),
            false => Some("lines that fit no population"),
        }
    }

    fn into_calibration(self) -> Calibration {
        Calibration {
            lines: self.lines,
            groups: self.groups,
            workloads: self.workloads,
            kills: self.kills,
            fitted: self.fitted,
            unfitted: self.unfitted,
        }
    }
}
