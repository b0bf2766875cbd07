//! What came of forecasts, and what stated probabilities therefore mean here.

use std::collections::BTreeSet;
use std::time::Duration;

use super::group::Group;
use super::predictions::{Censored, Prediction};
use super::recalibration::Recalibration;
use super::reliability::{Reliability, bin_of};
use super::reservoir::{self, Reservoir};
use super::workloads::Workloads;
use crate::time::Timestamp;

/// Kills that must have been forecast, rightly or wrongly, before a probability counts as calibrated here.
pub const LEAST_KILLS: u64 = 20;
/// After this many containers that are new or were killed the lines are fitted again: those that just live on teach little
/// each second.
const CONTAINERS_A_FIT: usize = 20;
/// And after this long.
const LONGEST_WITHOUT_FIT: Duration = Duration::from_secs(3_600);

/// How far probabilities can be trusted, and the lines that make them from raw log-odds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    pub(super) lines: Recalibration,
    pub(super) groups: [Record; 3],
    pub(super) workloads: Workloads,
    /// Kills of containers about which a forecast was waiting.
    pub(super) kills: u64,
    pub(super) fitted: Option<Timestamp>,
    /// Containers that were resolved for the first time, or as killed, since the last fit, by hash.
    pub(super) unfitted: BTreeSet<u64>,
}

/// What is known of one group of horizons.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) reliability: Reliability,
    pub(super) reservoir: Reservoir,
    /// In the order of [`Censored::ALL`].
    pub(super) censored: [u64; 3],
}

/// How far a stated probability can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Confidence {
    /// The probability that it is within ten points of how often such statements come true here.
    pub value: f64,
    /// The same for people: `low: not calibrated here yet (3 of 20 kills seen), from lab data`.
    pub says: String,
}

/// A forecast of which it is known what came of it, and whose it was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) prediction: Prediction,
    key: u64,
    container: u64,
    /// The first forecast of its container.
    is_new: bool,
    /// The first in its bin.
    first_in_bin: bool,
}

/// Which bins of [`Reliability`] a container has been counted in, so that it is counted once in each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CountedIn([u16; 3]);

impl Calibration {
    /// The probability that these log-odds mean at `HORIZONS[horizon]`, for a workload killed as often as `prior` says.
    pub(crate) fn probability(&self, horizon: usize, log_odds: f64, prior: f64) -> f64 {
        self.lines.probability(Group::of(horizon), log_odds, prior)
    }

    /// How often containers like this one are killed: a share, 0.05 where nothing is known.
    pub(crate) fn prior(&self, workload: Option<&str>) -> f64 {
        self.workloads.prior(workload)
    }

    /// A container of this workload was watched for this long until `at`.
    pub(crate) fn watched(&mut self, workload: &str, took: Duration, at: Timestamp) {
        self.workloads.watched(workload, took, at);
    }

    /// A container of this workload was killed; `forecast` when a forecast of it was waiting.
    pub(crate) fn killed(&mut self, workload: Option<&str>, forecast: bool, at: Timestamp) {
        self.kills += u64::from(forecast);
        if let Some(workload) = workload {
            self.workloads.killed(workload, at);
        }
    }

    /// It is known what came of a forecast.
    pub(crate) fn resolve(&mut self, resolved: &Resolved, came_true: bool) {
        let prediction = &resolved.prediction;
        let record = &mut self.groups[Group::of(prediction.horizon).index()];
        record
            .reliability
            .count(prediction.stated, came_true, resolved.first_in_bin);
        record
            .reservoir
            .add(resolved.key, prediction.log_odds, prediction.prior, came_true);
        if resolved.is_new || came_true {
            self.unfitted.insert(resolved.container);
        }
    }

    /// It will never be known what came of a forecast.
    pub(crate) fn censor(&mut self, prediction: &Prediction, reason: Censored) {
        self.groups[Group::of(prediction.horizon).index()].censored[reason.index()] += 1;
    }

    /// Fits the lines again when that is due: after enough containers, and every hour from the first call on.
    pub(crate) fn fit_if_due(&mut self, at: Timestamp) {
        let since = at.since(*self.fitted.get_or_insert(at));
        if self.unfitted.len() >= CONTAINERS_A_FIT || since >= LONGEST_WITHOUT_FIT {
            self.fit(at);
        }
    }

    fn fit(&mut self, at: Timestamp) {
        let groups = Group::ALL.into_iter().zip(&self.groups);
        let outcomes: Vec<_> = groups
            .flat_map(|(group, record)| record.reservoir.outcomes(group))
            .collect();
        self.lines = self.lines.fit(&outcomes);
        self.fitted = Some(at);
        self.unfitted.clear();
    }

    /// The lines that hold now.
    pub fn lines(&self) -> &Recalibration {
        &self.lines
    }

    /// How often forecasts of a group came true.
    pub fn reliability(&self, group: Group) -> &Reliability {
        &self.groups[group.index()].reliability
    }

    /// Of how many forecasts of a group it will never be known whether they came true.
    pub fn censored(&self, group: Group, reason: Censored) -> u64 {
        self.groups[group.index()].censored[reason.index()]
    }

    /// Kills about which a forecast, high or low, was waiting.
    pub fn kills(&self) -> u64 {
        self.kills
    }

    /// How many forecasts were resolved in all.
    pub fn resolved(&self) -> u64 {
        self.groups.iter().map(|record| record.reliability.resolved()).sum()
    }

    /// Whether too few kills were seen for probabilities to count as calibrated here.
    pub fn is_cold(&self) -> bool {
        self.kills < LEAST_KILLS
    }

    /// How far a probability stated for `HORIZONS[horizon]` can be trusted.
    pub fn confidence(&self, horizon: usize, stated: f64) -> Confidence {
        let reliability = self.reliability(Group::of(horizon));
        let value = reliability.confidence(stated);
        if self.is_cold() {
            let says = format!(
                "low: not calibrated here yet ({} of {LEAST_KILLS} kills seen), from lab data",
                self.kills
            );
            return Confidence { value, says };
        }
        let word = match value {
            value if value >= 0.9 => "high",
            value if value >= 0.6 => "medium",
            _ => "low",
        };
        let bin = reliability.bins()[bin_of(stated)];
        let says = match (bin.observed(), bin.mean_stated()) {
            (Some(observed), Some(mean)) => format!(
                "{word}: of {} like it that were stated here as {:.0} %, {:.0} % came true",
                bin.resolved,
                mean * 100.0,
                observed * 100.0
            ),
            _ => format!("{word}: none like it was stated here before"),
        };
        Confidence { value, says }
    }
}

impl Resolved {
    pub(crate) fn new(container: &str, prediction: Prediction, counted: &mut CountedIn) -> Self {
        let is_new = *counted == CountedIn::default();
        let group = Group::of(prediction.horizon).index();
        Self {
            prediction,
            key: reservoir::key(container, prediction.horizon, prediction.at.as_nanos()),
            container: reservoir::key(container, 0, 0),
            is_new,
            first_in_bin: counted.enter(group, bin_of(prediction.stated)),
        }
    }
}

impl CountedIn {
    /// Whether this is the container's first forecast in a bin.
    fn enter(&mut self, group: usize, bin: usize) -> bool {
        let mark = 1 << bin;
        let first = self.0[group] & mark == 0;
        self.0[group] |= mark;
        first
    }
}
