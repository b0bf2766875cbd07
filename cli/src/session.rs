//! One run, live or replayed: events and ticks go to the engine in order, what it says goes to the user.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use correlator::{Calibration, Engine, Event, Forecaster, Insight, Stats, Status, Timestamp};
use sniffers::recording::{RecorderThread, RecordingError};

use crate::calibration::Keeper;
use crate::config::Settings;
use crate::filter::Told;
use crate::output::Writer;
use crate::scope::Scope;
use crate::stderr;
use crate::tally::Tally;

/// What was done in a run.
pub(crate) struct Done {
    pub(crate) stats: Stats,
    /// What was said of what the user asked for.
    pub(crate) tally: Tally,
    /// From the first tick to the last.
    pub(crate) took: Duration,
}

/// The engine with its ends connected.
pub(crate) struct Session {
    engine: Engine,
    writers: Vec<Box<dyn Writer>>,
    scope: Scope,
    settings: Settings,
    told: Told,
    recorder: Option<RecorderThread>,
    keeper: Option<Keeper>,
    tally: Tally,
    /// Nothing is said before this.
    since: Option<Timestamp>,
    /// The first and the last tick.
    ticks: Option<(Timestamp, Timestamp)>,
    failed: Option<io::Error>,
    /// When the first event since the last tick came in.
    began: Option<Instant>,
}

impl Session {
    pub(crate) fn new(
        settings: Settings,
        forecaster: Box<dyn Forecaster>,
        calibration: Calibration,
        scope: Scope,
    ) -> Self {
        let mut engine = Engine::new(insights::all(), settings.config.limits.batch_size)
            .forecasting(forecaster)
            .calibrated(calibration);
        engine.tune(settings.thresholds.clone());
        engine.want(settings.wanted.clone());
        Self {
            engine,
            writers: Vec::new(),
            scope,
            settings,
            told: Told::default(),
            recorder: None,
            keeper: None,
            tally: Tally::default(),
            since: None,
            ticks: None,
            failed: None,
            began: None,
        }
    }

    /// Saves what is learnt from now on.
    pub(crate) fn keep(&mut self, keeper: Keeper) {
        self.keeper = Some(keeper);
    }

    /// Says nothing before this moment, and then first what is open.
    pub(crate) fn say_since(&mut self, since: Timestamp) {
        self.since = Some(since);
    }

    /// Follows these settings from now on, as far as they can be changed in a running process.
    pub(crate) fn configure(&mut self, settings: Settings) {
        self.engine.tune(settings.thresholds.clone());
        self.engine.want(settings.wanted.clone());
        for writer in &mut self.writers {
            writer.configure(&settings);
        }
        self.settings = settings;
    }

    /// Shows to this writer too what is seen and said from now on.
    pub(crate) fn show(&mut self, mut writer: Box<dyn Writer>) {
        writer.configure(&self.settings);
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
        let said = self.engine.advance(now);
        let (first, _) = self.ticks.unwrap_or((now, now));
        self.ticks = Some((first, now));
        match self.since {
            Some(since) if now < since => {}
            Some(_) => self.say_what_is_open(),
            None => said.into_iter().for_each(|insight| self.say(insight)),
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.tick(self.engine.calibration(), now);
        }
        let took = began.elapsed();
        for writer in &mut self.writers {
            writer.tick(&self.engine, now, took);
        }
    }

    fn say_what_is_open(&mut self) {
        self.since = None;
        let open: Vec<Insight> = self.engine.open().cloned().collect();
        for mut insight in open {
            insight.status = Status::Opened;
            self.say(insight);
        }
    }

    fn say(&mut self, mut insight: Insight) {
        let is_due = self.told.is_due(&insight, &self.settings.filter, &self.engine);
        if !is_due || !self.scope.covers(&insight, self.engine.world()) {
            return;
        }
        self.tally.count(&insight);
        self.scope.fit(&mut insight);
        if self.failed.is_none() {
            stderr::clear();
            // One that fails keeps nothing from the others.
            let errors = self
                .writers
                .iter_mut()
                .filter_map(|writer| writer.insight(&insight).err());
            self.failed = errors.fold(None, |first, error| first.or(Some(error)));
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

    /// What was done so far.
    pub(crate) fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Writes what is left and gives back what was done.
    pub(crate) fn finish(mut self) -> Result<Done> {
        stderr::clear();
        if let Some(recorder) = self.recorder.take() {
            recorder.finish().context("writing the recording")?;
        }
        self.engine.close();
        for writer in &mut self.writers {
            let failed = writer.finish(&self.engine).err();
            self.failed = self.failed.or(failed);
        }
        if let Some(keeper) = &self.keeper {
            keeper.save(self.engine.calibration())?;
        }
        match self.failed {
            Some(error) => Err(error).context("writing to stdout"),
            None => Ok(Done {
                stats: self.engine.stats(),
                tally: self.tally,
                took: self.ticks.map_or(Duration::ZERO, |(first, last)| last.since(first)),
            }),
        }
    }
}
