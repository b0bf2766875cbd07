//! How insights reach the user. stdout carries insights and metrics, nothing else.

mod exposition;
pub(crate) mod glyphs;
mod human;
mod metrics;
mod owner;
mod prometheus;

use std::io::{self, Write};

use correlator::{Engine, Event, Insight};

use crate::args::{Color, Output};

/// Something that writes insights to stdout.
pub(crate) trait Writer {
    /// Sees every event before the engine does.
    fn event(&mut self, _event: &Event) {}

    /// Writes an insight.
    fn insight(&mut self, insight: &Insight) -> io::Result<()>;

    /// Writes what is written once, at the end.
    fn finish(&mut self, _engine: &Engine) -> io::Result<()> {
        Ok(())
    }
}

/// The writer that the user asked for.
pub(crate) fn writer(output: Output, color: Color) -> Box<dyn Writer> {
    match color {
        Color::Auto => {}
        Color::Always => colored::control::set_override(true),
        Color::Never => colored::control::set_override(false),
    }
    match output {
        Output::Human => Box::new(human::Human::new(
            io::stdout(),
            glyphs::from_environment(),
            human::terminal_width(),
        )),
        Output::Json => Box::new(Json),
        Output::Prometheus => Box::new(prometheus::Prometheus::default()),
    }
}

/// One JSON object a line.
struct Json;

impl Writer for Json {
    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, insight)?;
        writeln!(out)?;
        out.flush()
    }
}
