//! Prometheus metrics on stdout: one exposition when the run ends.

use std::io::{self, Write};
use std::time::Duration;

use correlator::{Engine, Event, Insight, Timestamp};

use super::Writer;
use crate::config::Settings;
use crate::metrics::Metrics;
use crate::metrics::page::Format;

/// Collects, and writes at the end. What ended before is shown too.
#[derive(Debug, Default)]
pub(crate) struct Prometheus {
    metrics: Metrics,
}

impl Writer for Prometheus {
    fn configure(&mut self, settings: &Settings) {
        self.metrics
            .configure(&settings.filter, settings.series_limits(), &settings.buckets);
    }

    fn event(&mut self, event: &Event) {
        self.metrics.event(event);
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        self.metrics.insight(insight);
        Ok(())
    }

    fn tick(&mut self, engine: &Engine, now: Timestamp, took: Duration) {
        self.metrics.tick(engine, now, took);
    }

    fn finish(&mut self, engine: &Engine) -> io::Result<()> {
        let text = self.metrics.render(engine, Format::Text, None);
        io::stdout().lock().write_all(text.as_bytes())
    }
}
