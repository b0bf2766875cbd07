//! Insights for people: what, why, the evidence, what comes next, and what to do.

use std::io::{self, Write};

use colored::{ColoredString, Colorize as _};
use correlator::{Evidence, Insight, Owner, Prediction, Remedy, Severity, Status, Subject, Timestamp};
use textwrap::{Options, WordSplitter};

use super::Writer;
use super::glyphs::Glyphs;

/// Longest foreign text that is shown, characters.
const LONGEST: usize = 2_000;

/// What stands behind the head of what was said before.
const UPDATE: &str = " (update)";

/// Pieces of evidence that an update shows.
const NEWEST: usize = 3;

/// How much of an insight is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What a person needs to act.
    Usual,
    /// And dates, ids, and all of it at each update.
    Wide,
}

/// Writes insights in the layout of the manual.
pub(crate) struct Human<W> {
    out: W,
    glyphs: Glyphs,
    width: usize,
    detail: Detail,
}

/// The width of the terminal, between 30 and 120 columns. Where there is none nothing is wrapped: the reader of a file or a
/// pipe wraps or searches as it likes.
pub(crate) fn terminal_width() -> usize {
    use std::io::IsTerminal as _;
    if io::stdout().is_terminal() {
        textwrap::termwidth().clamp(30, 120)
    } else {
        usize::MAX
    }
}

impl<W: Write> Human<W> {
    pub(crate) fn new(out: W, glyphs: Glyphs, width: usize, detail: Detail) -> Self {
        Self {
            out,
            glyphs,
            width,
            detail,
        }
    }

    /// The time of day, or with -o wide the date too.
    fn clock(&self, at: Timestamp) -> String {
        match self.detail {
            Detail::Usual => clock(at),
            Detail::Wide => at.to_string(),
        }
    }

    fn line(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.marked(&" ".repeat(indent), &" ".repeat(indent), text)
    }

    /// One paragraph: `first` stands before its first line, `rest` before the others.
    fn marked(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let text = self.glyphs.text(text, LONGEST);
        let options = Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(&text, options)
            .iter()
            .try_for_each(|line| writeln!(self.out, "{}", line.trim_end()))
    }

    fn bullet(&mut self, text: &str) -> io::Result<()> {
        let first = format!("   {} ", self.glyphs.bullet);
        self.marked(&first, "     ", text)
    }

    /// A command is never wrapped: it must survive copy and paste.
    fn command(&mut self, label: &str, command: &str) -> io::Result<()> {
        writeln!(
            self.out,
            "      {label}{} {}",
            "$".dimmed(),
            self.glyphs.text(command, LONGEST).bold()
        )
    }

    fn heading(&mut self, glyph: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{glyph}{text}")
    }

    fn head(&mut self, insight: &Insight, again: &str) -> io::Result<()> {
        let bar = self.glyphs.bar;
        let word = insight.severity.label().to_uppercase();
        let head = paint(insight.severity, &format!("{bar} {word} {bar}"));
        writeln!(
            self.out,
            "{head} {} {}{again}",
            self.clock(insight.at),
            insight.id.dimmed()
        )?;
        self.line(0, &insight.title)?;
        self.line(3, &insight.cause)
    }

    /// What is new since it was said: the actions stay as they were.
    fn update(&mut self, insight: &Insight) -> io::Result<()> {
        self.head(insight, UPDATE)?;
        let newest = insight.evidence.len().saturating_sub(NEWEST);
        for evidence in insight.evidence.iter().skip(newest) {
            self.evidence(evidence)?;
        }
        self.consequences(insight)?;
        if let Some(prediction) = &insight.prediction {
            self.prediction(prediction)?;
        }
        writeln!(self.out)
    }

    fn evidence(&mut self, evidence: &Evidence) -> io::Result<()> {
        let source = evidence.source.label();
        self.bullet(&format!("{} {source}: {}", self.clock(evidence.at), evidence.says))
    }

    fn consequences(&mut self, insight: &Insight) -> io::Result<()> {
        if insight.consequences.is_none() {
            return Ok(());
        }
        self.heading("", &format!("Explains {} more:", insight.consequences.count))?;
        let examples = &insight.consequences.examples;
        examples.iter().try_for_each(|example| self.bullet(example))?;
        match insight.consequences.count.saturating_sub(examples.len()) {
            0 => Ok(()),
            more => self.bullet(&format!("and {more} more")),
        }
    }

    fn whole(&mut self, insight: &Insight, again: &str) -> io::Result<()> {
        self.head(insight, again)?;
        self.heading(self.glyphs.affected, "Affected resources:")?;
        for resource in affected(&insight.subject, self.detail) {
            self.bullet(&resource)?;
        }
        self.heading("", "Evidence:")?;
        for evidence in &insight.evidence {
            self.evidence(evidence)?;
        }
        self.consequences(insight)?;
        if let Some(prediction) = &insight.prediction {
            self.prediction(prediction)?;
        }
        if !insight.blind.is_empty() {
            self.heading(self.glyphs.unseen, "Not seen, so the above may miss something:")?;
            for gap in &insight.blind {
                self.bullet(&format!("{} ({}): {}; {}", gap.what, gap.source, gap.why, gap.fix))?;
            }
        }
        if !insight.remedies.is_empty() {
            self.heading(self.glyphs.actions, "Recommended actions:")?;
            for (index, remedy) in insight.remedies.iter().enumerate() {
                self.remedy(index + 1, remedy)?;
            }
        }
        writeln!(self.out)
    }

    fn prediction(&mut self, prediction: &Prediction) -> io::Result<()> {
        self.heading(self.glyphs.prediction, &format!("Prediction: {}", prediction.event))?;
        let percent = (prediction.probability * 100.0).round();
        self.bullet(&format!(
            "Probability: {percent} % within {}",
            span(prediction.horizon.as_secs_f64())
        ))?;
        if let Some([low, likely, high]) = prediction.time_to_event {
            let interval = format!("80 %: {} to {}, given that it happens", span(low), span(high));
            self.bullet(&format!("Time to event: {} ({interval})", span(likely)))?;
        }
        self.bullet(&format!("Confidence: {}", prediction.confidence))
    }

    fn remedy(&mut self, number: usize, remedy: &Remedy) -> io::Result<()> {
        self.marked(&format!("   {number}. "), "      ", &remedy.title)?;
        self.line(6, &remedy.why)?;
        self.line(6, &format!("Risk: {} | Impact: {}", remedy.risk.label(), remedy.impact))?;
        if let Some(needs) = &remedy.needs {
            self.line(6, &format!("Needs: {needs}"))?;
        }
        for command in &remedy.commands {
            self.command("", command)?;
        }
        if let Some(undo) = &remedy.undo {
            self.command("Undo: ", undo)?;
        }
        self.line(6, &format!("Verify: {}", remedy.verify))
    }
}

impl<W: Write> Writer for Human<W> {
    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        if insight.status == Status::Resolved {
            let head = format!("{} RESOLVED {}", self.glyphs.bar, self.glyphs.bar);
            writeln!(
                self.out,
                "{} {} {}",
                head.green(),
                self.clock(insight.at),
                insight.id.dimmed()
            )?;
            self.line(3, &format!("no longer seen: {}", insight.title))?;
            writeln!(self.out)?;
        } else if insight.status == Status::Opened {
            self.whole(insight, "")?;
        } else if self.detail == Detail::Wide {
            self.whole(insight, UPDATE)?;
        } else {
            self.update(insight)?;
        }
        self.out.flush()
    }
}

fn paint(severity: Severity, text: &str) -> ColoredString {
    match severity {
        Severity::Critical => text.red().bold(),
        Severity::Warning => text.yellow().bold(),
        Severity::Info => text.cyan().bold(),
    }
}

/// Time of day, UTC, to the second.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or("--:--:--").to_owned()
}

fn span(seconds: f64) -> String {
    let whole = seconds.round();
    match whole {
        below if below < 90.0 => format!("{below} s"),
        below if below < 5_400.0 => format!("{}m{:02}s", (below / 60.0).floor(), below % 60.0),
        hours => format!("{}h{:02}m", (hours / 3_600.0).floor(), (hours % 3_600.0 / 60.0).floor()),
    }
}

fn affected(subject: &Subject, detail: Detail) -> Vec<String> {
    let (Subject::Container(id) | Subject::Pod(id)) = subject else {
        return vec![subject.to_string()];
    };
    let mut resources = Vec::new();
    if matches!(subject, Subject::Container(_)) {
        resources.push(format!("container: {}", id.container_label()));
    }
    resources.push(match (&id.namespace, &id.pod) {
        (Some(namespace), Some(pod)) => format!("pod: {pod} (namespace: {namespace})"),
        _ => format!("{} (not named by the API server)", id.pod_label()),
    });
    resources.extend(
        id.owner
            .iter()
            .map(|Owner { kind, name }| format!("owner: {kind} {name}")),
    );
    resources.extend(id.node.iter().map(|node| format!("node: {node}")));
    if detail == Detail::Wide {
        resources.extend(id.container_id.iter().map(|id| format!("container id: {id}")));
        resources.extend(
            Some(&id.uid)
                .filter(|uid| !uid.is_empty())
                .map(|uid| format!("pod uid: {uid}")),
        );
    }
    resources
}
