//! Of which insights a user wants to be told.

use std::collections::BTreeMap;

use crate::insight::{Insight, Severity};

/// From which severity on the insights of each detector are said: all of those that are not in it.
///
/// What is not wanted is found all the same, because other detectors go by it, but it is not said, it is not counted with another
/// insight, and it explains none, so that what it would explain is said on its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted(BTreeMap<&'static str, Option<Severity>>);

impl Wanted {
    /// Insights with this id are said from `least` on; with `None` never.
    pub fn choose(&mut self, id: &'static str, least: Option<Severity>) {
        self.0.insert(id, least);
    }

    /// From which severity on insights with this id are said; `None`: never.
    pub fn least(&self, id: &str) -> Option<Severity> {
        self.0.get(id).copied().unwrap_or(Some(Severity::Info))
    }

    /// Whether an insight is said as it is.
    pub fn includes(&self, insight: &Insight) -> bool {
        self.least(insight.id).is_some_and(|least| insight.severity >= least)
    }
}
