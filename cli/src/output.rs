//! How insights reach the user. stdout carries insights and metrics, nothing else.

pub(crate) mod color;
mod documents;
pub(crate) mod glyphs;
mod human;
mod prometheus;

use std::io;
use std::time::Duration;

use correlator::{Engine, Event, Insight, Timestamp};

use crate::args::Output;
use crate::config::Settings;
use documents::{Documents, Format};
use human::Detail;
pub(crate) use human::terminal_width;

/// Something that writes insights to stdout.
pub(crate) trait Writer {
    /// Sees every event before the engine does.
    fn event(&mut self, _event: &Event) {}

    /// What it is to follow from now on: at the start, and when the configuration was read again.
    fn configure(&mut self, _settings: &Settings) {}

    /// Writes an insight.
    fn insight(&mut self, insight: &Insight) -> io::Result<()>;

    /// Time moved on; this and the events before it took so long.
    fn tick(&mut self, _engine: &Engine, _now: Timestamp, _took: Duration) {}

    /// Writes what is written once, at the end.
    fn finish(&mut self, _engine: &Engine) -> io::Result<()> {
        Ok(())
    }
}

/// The writer that the user asked for.
pub(crate) fn writer(output: Output) -> Box<dyn Writer> {
    let human = |detail| {
        let (glyphs, width) = (glyphs::from_environment(), terminal_width());
        Box::new(human::Human::new(io::stdout(), glyphs, width, detail))
    };
    match output {
        Output::Human => human(Detail::Usual),
        Output::Wide => human(Detail::Wide),
        Output::Json => Box::new(Documents::new(io::stdout(), Format::Json)),
        Output::Yaml => Box::new(Documents::new(io::stdout(), Format::Yaml)),
        Output::Prometheus => Box::new(prometheus::Prometheus::default()),
    }
}
