//! One run, live or replayed: events and ticks go to the engine in order, what it says goes to the user.

use std::io;
use std::time::Instant;

use anyhow::{Context as _, Result};
use correlator::{Calibration, Engine, Event, Forecaster, Insight, Severity, Stats, Status, Timestamp};
use sniffers::recording::{RecorderThread, RecordingError};

use crate::calibration::Keeper;
use crate::output::Writer;
use crate::scope::Scope;

/// The engine with its ends connected.
pub(crate) struct Session {
    engine: Engine,
    writers: Vec<Box<dyn Writer>>,
    scope: Scope,
    recorder: Option<RecorderThread>,
    keeper: Option<Keeper>,
    worst: Option<Severity>,
    failed: Option<io::Error>,
    /// When the first event since the last tick came in.
    began: Option<Instant>,
}

impl Session {
    pub(crate) fn new(
        batch_size: usize,
        forecaster: Box<dyn Forecaster>,
        calibration: Calibration,
        scope: Scope,
    ) -> Self {
        let engine = Engine::new(insights::all(), batch_size)
            .forecasting(forecaster)
            .calibrated(calibration);
        Self {
            engine,
            writers: Vec::new(),
            scope,
            recorder: None,
            keeper: None,
            worst: None,
            failed: None,
            began: None,
        }
    }

    /// Saves what is learnt from now on.
    pub(crate) fn keep(&mut self, keeper: Keeper) {
        self.keeper = Some(keeper);
    }

    /// Shows to this writer too what is seen and said from now on.
    pub(crate) fn show(&mut self, writer: Box<dyn Writer>) {
        self.writers.push(writer);
    }

    /// Writes everything from now on to a recording too.
    pub(crate) fn record(&mut self, recorder: RecorderThread) {
        self.recorder = Some(recorder);
    }

    /// An event came in.
    pub(crate) fn event(&mut self, event: Event) {
        self.began.get_or_insert_with(Instant::now);
        if let Some(recorder) = &self.recorder {
            recorder.event(&event);
        }
        for writer in &mut self.writers {
            writer.event(&event);
        }
        self.engine.push(event);
    }

    /// Time moved on.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if let Some(recorder) = &self.recorder {
            recorder.tick(now);
        }
        let began = self.began.take().unwrap_or_else(Instant::now);
        for insight in self.engine.advance(now) {
            self.say(insight);
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.tick(self.engine.calibration(), now);
        }
        let took = began.elapsed();
        for writer in &mut self.writers {
            writer.tick(&self.engine, now, took);
        }
    }

    fn say(&mut self, mut insight: Insight) {
        if !self.scope.covers(&insight) {
            return;
        }
        if insight.status != Status::Resolved {
            self.worst = self.worst.max(Some(insight.severity));
        }
        self.scope.fit(&mut insight);
        if self.failed.is_none() {
            let mut writers = self.writers.iter_mut();
            self.failed = writers.find_map(|writer| writer.insight(&insight).err());
        }
    }

    /// The error with which recording stopped, once.
    pub(crate) fn recorder_error(&self) -> Option<RecordingError> {
        self.recorder.as_ref().and_then(RecorderThread::take_error)
    }

    /// Whether writing failed, which ends the run.
    pub(crate) fn is_broken(&self) -> bool {
        self.failed.is_some()
    }

    /// Writes what is left and gives back what was done and the worst severity said.
    pub(crate) fn finish(mut self) -> Result<(Stats, Option<Severity>)> {
        if let Some(recorder) = self.recorder.take() {
            recorder.finish().context("writing the recording")?;
        }
        self.engine.close();
        if self.failed.is_none() {
            let mut writers = self.writers.iter_mut();
            self.failed = writers.find_map(|writer| writer.finish(&self.engine).err());
        }
        if let Some(keeper) = &self.keeper {
            keeper.save(self.engine.calibration())?;
        }
        match self.failed {
            Some(error) => Err(error).context("writing to stdout"),
            None => Ok((self.engine.stats(), self.worst)),
        }
    }
}
