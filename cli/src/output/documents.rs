//! Insights for programs: one JSON object a line, or one YAML document each, with the same fields.

use std::collections::BTreeMap;
use std::io::{self, Write};

use correlator::{Body, Engine, Event, Fact, Insight};
use serde::Serialize;
use serde_json::json;

use super::Writer;

/// How a document is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    Json,
    Yaml,
}

/// Writes a document for each insight, and one that accounts for every event at the end.
pub(crate) struct Documents<W> {
    out: W,
    format: Format,
    /// What was lost, by source and reason.
    lost: BTreeMap<String, u64>,
}

impl<W: Write> Documents<W> {
    pub(crate) fn new(out: W, format: Format) -> Self {
        let lost = BTreeMap::new();
        Self { out, format, lost }
    }

    fn document(&mut self, value: &impl Serialize) -> io::Result<()> {
        match self.format {
            Format::Json => {
                serde_json::to_writer(&mut self.out, value)?;
                writeln!(self.out)?;
            }
            Format::Yaml => {
                let text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
                write!(self.out, "---\n{text}")?;
            }
        }
        self.out.flush()
    }
}

impl<W: Write> Writer for Documents<W> {
    fn event(&mut self, event: &Event) {
        if let Body::Fact(Fact::Lost { source, reason, count }) = &event.body {
            *self.lost.entry(format!("{source}: {reason}")).or_default() += count;
        }
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        self.document(insight)
    }

    /// The last document is `summary`, with what was lost by source and reason.
    fn finish(&mut self, engine: &Engine) -> io::Result<()> {
        let summary = json!({ "summary": { "stats": engine.stats(), "lost": self.lost } });
        self.document(&summary)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use correlator::{PodIdentity, Severity, Source, Subject, Timestamp};
    use serde_json::Value;

    use super::*;

    /// Texts that YAML would take for something else, or for its own marks.
    const ODD: [&str; 16] = [
        "no",
        "1e3",
        "0x1F",
        "12:30:45",
        "2026-01-01",
        "null",
        "~",
        "- a",
        "a: b #c",
        "'\"\\",
        "---",
        "line\nline\n",
        "\u{1b}[31m\u{85}\u{2028}",
        " lead and trail ",
        "",
        "%!@`&*|>{}[]",
    ];

    fn odd() -> Insight {
        let pod = PodIdentity {
            uid: "1e5".into(),
            namespace: Some("no".into()),
            ..Default::default()
        };
        let subject = Subject::Pod(Arc::new(pod));
        let long = "a sentence that is long enough to be folded: ".repeat(8);
        let insight = Insight::new("oom-killed", subject, Severity::Critical, "on".to_owned(), long);
        ODD.iter().fold(insight, |insight, text| {
            insight.because(Timestamp::from_secs(1), Source::Kernel, *text)
        })
    }

    #[test]
    fn yaml_reads_back_as_what_json_says_whatever_the_texts_are() {
        let written = |format: Format| {
            let mut documents = Documents::new(Vec::new(), format);
            documents.insight(&odd()).unwrap();
            documents.finish(&Engine::new(Vec::new(), 1)).unwrap();
            String::from_utf8(documents.out).unwrap()
        };
        let json = written(Format::Json);
        let json: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let yaml: Vec<Value> = serde_saphyr::from_multiple(&written(Format::Yaml)).unwrap();
        assert_eq!(yaml, json);
        assert_eq!(yaml[0]["evidence"][0]["says"], "no");
    }
}
