//! Insights for people: what, why, the evidence, what comes next, and what to do.

use std::io::{self, Write};

use colored::{ColoredString, Colorize as _};
use correlator::{Evidence, Insight, Owner, Prediction, Remedy, Severity, Status, Subject, Timestamp};
use insights::escape;
use textwrap::{Options, WordSplitter};

use super::Writer;
use super::glyphs::Glyphs;

/// Longest foreign text that is shown, characters.
const LONGEST: usize = 2_000;

/// Pieces of evidence that an update shows.
const NEWEST: usize = 3;

/// Writes insights in the layout of the manual.
pub(crate) struct Human<W> {
    out: W,
    glyphs: Glyphs,
    width: usize,
}

/// The width of the terminal, between 60 and 120 columns; 100 when there is none.
pub(crate) fn terminal_width() -> usize {
    use std::io::IsTerminal as _;
    if io::stdout().is_terminal() {
        textwrap::termwidth().clamp(60, 120)
    } else {
        100
    }
}

impl<W: Write> Human<W> {
    pub(crate) fn new(out: W, glyphs: Glyphs, width: usize) -> Self {
        Self { out, glyphs, width }
    }

    fn line(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.marked(&" ".repeat(indent), &" ".repeat(indent), text)
    }

    /// One paragraph: `first` stands before its first line, `rest` before the others.
    fn marked(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let text = escape(text, LONGEST);
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
            escape(command, LONGEST).bold()
        )
    }

    fn heading(&mut self, glyph: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{glyph}{text}")
    }

    fn head(&mut self, insight: &Insight, again: &str) -> io::Result<()> {
        let bar = self.glyphs.bar;
        let word = insight.severity.label().to_uppercase();
        let head = paint(insight.severity, &format!("{bar} {word} {bar}"));
        writeln!(self.out, "{head} {} {}{again}", clock(insight.at), insight.id.dimmed())?;
        self.line(0, &insight.title)?;
        self.line(3, &insight.cause)
    }

    /// What is new since it was said: the actions stay as they were.
    fn update(&mut self, insight: &Insight) -> io::Result<()> {
        self.head(insight, " (update)")?;
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
        self.bullet(&format!("{} {source}: {}", clock(evidence.at), evidence.says))
    }

    fn consequences(&mut self, insight: &Insight) -> io::Result<()> {
        if insight.consequences.is_none() {
            return Ok(());
        }
        self.heading("", &format!("Explains {} more:", insight.consequences.count))?;
        insight
            .consequences
            .examples
            .iter()
            .try_for_each(|example| self.bullet(example))
    }

    fn whole(&mut self, insight: &Insight) -> io::Result<()> {
        self.head(insight, "")?;
        self.heading(self.glyphs.affected, "Affected resources:")?;
        for resource in affected(&insight.subject) {
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
                clock(insight.at),
                insight.id.dimmed()
            )?;
            self.line(3, &format!("no longer seen: {}", insight.title))?;
            writeln!(self.out)?;
        } else if insight.status == Status::Updated {
            self.update(insight)?;
        } else {
            self.whole(insight)?;
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

fn affected(subject: &Subject) -> Vec<String> {
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
    resources
}
