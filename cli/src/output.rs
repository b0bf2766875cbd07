//! How insights reach the user. stdout carries insights and metrics, nothing else.

pub(crate) mod glyphs;
mod human;
mod prometheus;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use correlator::{Body, Engine, Event, Fact, Insight, Timestamp};
use serde_json::json;

use crate::args::{Color, Output};

/// Something that writes insights to stdout.
pub(crate) trait Writer {
    /// Sees every event before the engine does.
    fn event(&mut self, _event: &Event) {}

    /// Writes an insight.
    fn insight(&mut self, insight: &Insight) -> io::Result<()>;

    /// Time moved on; this and the events before it took so long.
    fn tick(&mut self, _engine: &Engine, _now: Timestamp, _took: Duration) {}

    /// Writes what is written once, at the end.
    fn finish(&mut self, _engine: &Engine) -> io::Result<()> {
        Ok(())
    }
}

/// Colours what is written to stdout, or not, as the user asked.
pub(crate) fn set_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => colored::control::set_override(true),
        Color::Never => colored::control::set_override(false),
    }
}

/// The writer that the user asked for.
pub(crate) fn writer(output: Output, color: Color) -> Box<dyn Writer> {
    set_color(color);
    match output {
        Output::Human => Box::new(human::Human::new(
            io::stdout(),
            glyphs::from_environment(),
            human::terminal_width(),
        )),
        Output::Json => Box::new(Json::default()),
        Output::Prometheus => Box::new(prometheus::Prometheus::default()),
    }
}

/// One JSON object a line.
#[derive(Default)]
struct Json {
    /// What was lost, by source and reason.
    lost: BTreeMap<String, u64>,
}

impl Writer for Json {
    fn event(&mut self, event: &Event) {
        if let Body::Fact(Fact::Lost { source, reason, count }) = &event.body {
            *self.lost.entry(format!("{source}: {reason}")).or_default() += count;
        }
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, insight)?;
        writeln!(out)?;
        out.flush()
    }

    /// The last line accounts for every event: `{"summary":{..}}`, with what was lost by source and reason.
    fn finish(&mut self, engine: &Engine) -> io::Result<()> {
        let summary = json!({ "summary": { "stats": engine.stats(), "lost": self.lost } });
        writeln!(io::stdout(), "{summary}")
    }
}
