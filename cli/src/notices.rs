//! What the user is told on stderr beside the insights: what is watched, what is not, and what was done.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use correlator::{Fact, Stats};
use sniffers::Sniffer;
use sniffers::k8s::dump::Dump;
use sniffers::recording::{Header, Losses, RecordingError};

use crate::output::glyphs::{Glyphs, from_environment};

/// Longest line of foreign text, characters.
const LONGEST: usize = 600;

/// Writes one line each.
pub(crate) struct Notices {
    glyphs: Glyphs,
    /// The sniffers that have not said yet whether they can watch, and what.
    starting: BTreeMap<&'static str, Cow<'static, str>>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        Self {
            glyphs: from_environment(),
            starting: BTreeMap::new(),
        }
    }

    /// What a live run starts with.
    pub(crate) fn start(&mut self, sniffers: &[Box<dyn Sniffer>]) {
        self.starting = sniffers
            .iter()
            .map(|sniffer| (sniffer.name(), sniffer.watches()))
            .collect();
        eprintln!("Monitoring. Press Ctrl-C to stop.");
    }

    /// Where metrics are served.
    pub(crate) fn serving(&self, address: SocketAddr) {
        eprintln!("{} http: metrics on http://{address}/metrics", self.glyphs.good);
    }

    /// What a recording holds.
    pub(crate) fn recording(&self, header: &Header) {
        let (node, kernel) = (
            self.glyphs.text(&header.node, LONGEST),
            self.glyphs.text(&header.kernel, LONGEST),
        );
        let version = self.glyphs.text(&header.tapio, LONGEST);
        eprintln!(
            "{} recorded on {node} (Linux {kernel}) from {} by tapio {version}\n",
            self.glyphs.good, header.started
        );
    }

    /// What a dump holds, of what moment it is, and what of it was not read.
    pub(crate) fn dump(&self, dump: &Dump) {
        let listed = |kinds: &BTreeMap<String, usize>| {
            let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            self.glyphs.text(&kinds.join(", "), LONGEST)
        };
        eprintln!(
            "{} dump of {}, its newest time: {}",
            self.glyphs.good,
            dump.at,
            listed(&dump.read)
        );
        if !dump.unknown.is_empty() {
            eprintln!(
                "{} not read, as tapio does not watch them: {}",
                self.glyphs.bad,
                listed(&dump.unknown)
            );
        }
        for object in &dump.unreadable {
            eprintln!(
                "{} not readable: {}",
                self.glyphs.bad,
                self.glyphs.text(object, LONGEST)
            );
        }
        if dump.unreadable_count > dump.unreadable.len() {
            let more = dump.unreadable_count - dump.unreadable.len();
            eprintln!("{} and {more} more that are not readable", self.glyphs.bad);
        }
        eprintln!("What only the kernel sees (connects, DNS, memory) is not in a dump.\n");
    }

    /// Something is not watched, or is again.
    pub(crate) fn sight(&mut self, fact: &Fact) {
        match fact {
            Fact::Blind(gap) => {
                let text = format!("{}: {} not watched: {}; {}", gap.source, gap.what, gap.why, gap.fix);
                eprintln!("{} {}", self.glyphs.bad, self.glyphs.text(&text, LONGEST));
            }
            Fact::Sighted { source } => match self.starting.remove(&**source) {
                Some(watches) => eprintln!("{} {source}: watching {watches}", self.glyphs.good),
                None => eprintln!(
                    "{} {} is watched again",
                    self.glyphs.good,
                    self.glyphs.text(source, LONGEST)
                ),
            },
            _ => {}
        }
    }

    /// Recording stopped for a while.
    pub(crate) fn recorder(&self, error: Option<RecordingError>) {
        if let Some(error) = error {
            eprintln!(
                "{} {}; recording resumes when it can",
                self.glyphs.bad,
                self.glyphs.text(&chain(&error), LONGEST)
            );
        }
    }

    /// What a recording has lost.
    pub(crate) fn losses(&self, path: &Path, losses: &Losses) {
        if losses.is_none() {
            return;
        }
        let offsets: Vec<String> = losses
            .blocks
            .iter()
            .take(10)
            .map(|block| block.offset.to_string())
            .collect();
        let text = format!(
            "{}: {} blocks lost (at offsets {}), {} bytes cut off at the end, {} records of unknown kind, {} unreadable, \
             {} that the recorder had to leave out",
            path.display(),
            losses.lost_blocks,
            offsets.join(", "),
            losses.trailing_bytes,
            losses.unknown_records,
            losses.unreadable_records,
            losses.unrecorded,
        );
        eprintln!("{} {}", self.glyphs.bad, self.glyphs.text(&text, LONGEST));
    }

    /// What was done.
    pub(crate) fn stats(&self, stats: &Stats) {
        let dropped = stats.refused + stats.lost;
        eprintln!(
            "{}Stats: Events: {} | Dropped: {dropped} | Insights: {} | Correlations: {} | Pods: {}",
            self.glyphs.stats, stats.received, stats.insights, stats.correlations, stats.pods
        );
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
