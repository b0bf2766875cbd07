//! What the user is told on stderr beside the insights: what is watched, what is not, and what was done.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use correlator::Fact;
use sniffers::Sniffer;
use sniffers::k8s::dump::Dump;
use sniffers::recording::{Header, Losses, RecordingError};

use crate::output::glyphs::{Glyphs, from_environment};
use crate::session::Done;
use crate::stderr;

/// Longest line of foreign text, characters.
const LONGEST: usize = 600;

/// Writes one line each.
pub(crate) struct Notices {
    glyphs: Glyphs,
    /// The sniffers that have not said yet whether they can watch, and what.
    starting: BTreeMap<&'static str, Cow<'static, str>>,
    /// Those of them that progress still names: of which nothing was said yet.
    waited_for: BTreeSet<&'static str>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        Self {
            glyphs: from_environment(),
            starting: BTreeMap::new(),
            waited_for: BTreeSet::new(),
        }
    }

    /// What a live run starts with.
    pub(crate) fn start(&mut self, sniffers: &[Box<dyn Sniffer>]) {
        self.starting = sniffers
            .iter()
            .map(|sniffer| (sniffer.name(), sniffer.watches()))
            .collect();
        self.waited_for = self.starting.keys().copied().collect();
        stderr::tell("Monitoring. Press Ctrl-C to stop.");
        self.progress();
    }

    /// Where metrics are served.
    pub(crate) fn serving(&self, address: SocketAddr) {
        stderr::tell(&format!(
            "{} http: metrics on http://{address}/metrics",
            self.glyphs.good
        ));
    }

    /// The configuration was read again; these keys wait for a restart.
    pub(crate) fn reloaded(&self, needs_restart: &[String]) {
        stderr::tell(&format!("{} config: read again", self.glyphs.good));
        if !needs_restart.is_empty() {
            let keys = self.glyphs.text(&needs_restart.join(", "), LONGEST);
            stderr::warn(&format!("{} config: needs a restart: {keys}", self.glyphs.bad));
        }
    }

    /// The configuration was read again and is wrong.
    pub(crate) fn not_reloaded(&self, error: &anyhow::Error) {
        let why = self.glyphs.text(&format!("{error:#}"), LONGEST);
        stderr::warn(&format!("{} config: not changed: {why}", self.glyphs.bad));
    }

    /// Sinks of the file that a recording or dump is not sent to.
    pub(crate) fn not_sent(&self, sinks: &[&str]) {
        for sink in sinks {
            stderr::tell(&format!(
                "{} sinks: nothing is sent to the {sink} of the file, which is told of what happens now; --{sink} sends it there too",
                self.glyphs.bad
            ));
        }
    }

    /// What a recording holds.
    pub(crate) fn recording(&self, header: &Header) {
        let (node, kernel) = (
            self.glyphs.text(&header.node, LONGEST),
            self.glyphs.text(&header.kernel, LONGEST),
        );
        let version = self.glyphs.text(&header.tapio, LONGEST);
        stderr::tell(&format!(
            "{} recorded on {node} (Linux {kernel}) from {} by tapio {version}\n",
            self.glyphs.good, header.started
        ));
    }

    /// What a dump holds, of what moment it is, and what of it was not read.
    pub(crate) fn dump(&self, dump: &Dump) {
        let listed = |kinds: &BTreeMap<String, usize>| {
            let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            self.glyphs.text(&kinds.join(", "), LONGEST)
        };
        stderr::tell(&format!(
            "{} dump of {}, its newest time: {}",
            self.glyphs.good,
            dump.at,
            listed(&dump.read)
        ));
        if !dump.unknown.is_empty() {
            stderr::warn(&format!(
                "{} not read, as tapio does not watch them: {}",
                self.glyphs.bad,
                listed(&dump.unknown)
            ));
        }
        for object in &dump.unreadable {
            stderr::warn(&format!(
                "{} not readable: {}",
                self.glyphs.bad,
                self.glyphs.text(object, LONGEST)
            ));
        }
        if dump.unreadable_count > dump.unreadable.len() {
            let more = dump.unreadable_count - dump.unreadable.len();
            stderr::warn(&format!("{} and {more} more that are not readable", self.glyphs.bad));
        }
        stderr::tell("What only the kernel sees (connects, DNS, memory) is not in a dump.\n");
    }

    /// Something is not watched, or is again.
    pub(crate) fn sight(&mut self, fact: &Fact) {
        match fact {
            Fact::Blind(gap) => {
                self.waited_for.remove(&*gap.source);
                let text = format!("{}: {} not watched: {}; {}", gap.source, gap.what, gap.why, gap.fix);
                stderr::warn(&format!("{} {}", self.glyphs.bad, self.glyphs.text(&text, LONGEST)));
            }
            Fact::Sighted { source } => {
                self.waited_for.remove(&**source);
                let text = match self.starting.remove(&**source) {
                    Some(watches) => format!("{source}: watching {watches}"),
                    None => format!("{} is watched again", self.glyphs.text(source, LONGEST)),
                };
                stderr::tell(&format!("{} {text}", self.glyphs.good));
            }
            _ => return,
        }
        self.progress();
    }

    /// What is still being attached or listed.
    fn progress(&self) {
        if self.waited_for.is_empty() {
            stderr::clear();
        } else {
            let names: Vec<&str> = self.waited_for.iter().copied().collect();
            stderr::progress(&format!("starting: {}", names.join(", ")));
        }
    }

    /// Recording stopped for a while.
    pub(crate) fn recorder(&self, error: Option<RecordingError>) {
        if let Some(error) = error {
            let why = self.glyphs.text(&chain(&error), LONGEST);
            stderr::warn(&format!("{} {why}; recording resumes when it can", self.glyphs.bad));
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
        stderr::warn(&format!("{} {}", self.glyphs.bad, self.glyphs.text(&text, LONGEST)));
    }

    /// What was done.
    pub(crate) fn done(&self, done: &Done) {
        let Done { stats, tally, took } = done;
        let dropped = stats.refused + stats.lost;
        stderr::tell(&format!(
            "{}Stats: Events: {} | Dropped: {dropped} | Insights: {} | Correlations: {} | Pods: {} | Time: {}",
            self.glyphs.stats,
            stats.received,
            tally.text(),
            stats.correlations,
            stats.pods,
            length(*took),
        ));
    }
}

/// `59.9s`, `1m30s`, `2h05m`.
fn length(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", took.as_secs_f64()),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
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
