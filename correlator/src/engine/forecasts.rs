//! The engine's forecasts: who is asked, what was learnt, and what is expected now.

use super::Engine;
use crate::forecast::{Calibration, Censored, Filling, Forecaster, Resource};
use crate::identity::{Scope, Subject};
use crate::pod::{ContainerState, PodState};
use crate::time::Timestamp;

impl Engine {
    /// Asks this forecaster about every resource that fills up towards a limit.
    #[must_use]
    pub fn forecasting(mut self, forecaster: Box<dyn Forecaster>) -> Self {
        self.watch.ask(forecaster);
        self
    }

    /// Goes on with what was learnt before. Without it, nothing is known of how far forecasts come true here.
    #[must_use]
    pub fn calibrated(mut self, calibration: Calibration) -> Self {
        self.watch.calibrate(calibration);
        self
    }

    /// What came of forecasts so far.
    pub fn calibration(&self) -> &Calibration {
        self.watch.calibration()
    }

    /// The resources that fill up, with the subject of each (containers, and scopes as a whole) and the name where there are
    /// several of a kind.
    pub fn fillings(&self) -> impl Iterator<Item = (Subject, Resource, &str, &Filling)> {
        self.tracks.values().flat_map(|track| {
            let own = track
                .fillings
                .all()
                .map(|(resource, name, filling)| (track.subject.clone(), resource, name, filling));
            let runs = track.containers.values().flat_map(|run| {
                let subject = || Subject::Container(run.identity.clone());
                run.fillings
                    .all()
                    .map(move |(resource, name, filling)| (subject(), resource, name, filling))
            });
            own.chain(runs)
        })
    }

    /// Counts the forecasts that still wait as never resolved: nothing more will be heard.
    pub fn close(&mut self) {
        for run in self.tracks.values_mut().flat_map(|track| track.containers.values_mut()) {
            self.watch.gone(&mut run.fillings, &run.identity, Censored::Unseen);
        }
        self.watch.close();
    }

    /// Tells the runs of a pod how they ended.
    pub(super) fn ended(&mut self, scope: &Scope, state: &PodState, at: Timestamp) {
        let Some(track) = self.tracks.get_mut(scope) else {
            return;
        };
        for end in state.containers.iter().flat_map(ContainerState::ends) {
            if let Some(run) = track.containers.get_mut(&end.container_id) {
                self.watch.ended(&mut run.fillings, &run.identity, end, at);
            }
        }
    }
}
