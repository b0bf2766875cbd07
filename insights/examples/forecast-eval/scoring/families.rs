//! The figures by kind of program.

use std::collections::BTreeMap;

use super::alerts::{Worth, episodes};
use super::answers::Answers;
use super::estimator::Estimator;
use super::figures::{hits, stated};
use super::trace::Trace;

/// What was forecast for one kind of program.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Family {
    /// Instants that count.
    pub(crate) instants: usize,
    /// Sum of the probabilities stated there.
    pub(crate) stated: f64,
    /// How many of them were followed by a kill within the horizon.
    pub(crate) observed: usize,
    /// What the alerts above the threshold are worth.
    pub(crate) worth: Worth,
}

impl Family {
    /// Mean of the stated probabilities.
    pub(crate) fn mean_stated(&self) -> f64 {
        self.stated / self.instants.max(1) as f64
    }

    /// Share that came true.
    pub(crate) fn observed(&self) -> f64 {
        self.observed as f64 / self.instants.max(1) as f64
    }

    /// Traces that were alarmed although no kill came.
    pub(crate) fn alarmed(&self) -> usize {
        self.worth.alarmed
    }
}

/// All families by name, as the estimator with this index forecasts them, with alerts above `threshold`.
pub(crate) fn families(
    traces: &[Trace],
    estimators: &[Estimator],
    answers: &Answers,
    estimator: usize,
    threshold: f64,
) -> BTreeMap<String, Family> {
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    for (trace, said) in traces.iter().zip(&answers.watched[estimator]) {
        let family = all.entry(trace.family.clone()).or_default();
        family.worth.add(trace.killed_at, &episodes(hits(said, threshold)));
    }
    let set = &answers.judged;
    let probabilities = stated(&estimators[estimator], &set.scores[estimator]);
    for (number, (p, dies)) in set.traces.iter().zip(probabilities.iter().zip(&set.labels)) {
        let family = all.entry(traces[*number].family.clone()).or_default();
        family.instants += 1;
        family.stated += p;
        family.observed += usize::from(*dies);
    }
    all
}
