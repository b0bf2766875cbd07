//! Collects what a run sees into the metrics that all who show them share.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use correlator::{Engine, Event, Insight, Timestamp};

use crate::config::Settings;
use crate::metrics::Metrics;
use crate::output::Writer;

/// Writes to the metrics. It comes before those who show them.
#[derive(Debug)]
pub(crate) struct Collector(pub(crate) Rc<RefCell<Metrics>>);

impl Writer for Collector {
    fn event(&mut self, event: &Event) {
        self.0.borrow_mut().event(event);
    }

    fn configure(&mut self, settings: &Settings) {
        self.0
            .borrow_mut()
            .configure(&settings.filter, settings.series_limits(), &settings.buckets);
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        self.0.borrow_mut().insight(insight);
        Ok(())
    }

    fn tick(&mut self, engine: &Engine, now: Timestamp, took: Duration) {
        self.0.borrow_mut().tick(engine, now, took);
    }
}
