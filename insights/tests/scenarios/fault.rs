//! A fault of `insights/tests/faults`: what is really wrong, what should name it, and whether that was said.

use std::fs;
use std::path::Path;

use correlator::{Insight, Status};

use crate::stage::play;

/// A fault, written from the published behaviour of Kubernetes and Linux.
pub(crate) struct Fault {
    /// Its file.
    pub(crate) name: String,
    text: String,
}

/// What became of a fault.
pub(crate) struct Outcome {
    /// The right insight named the right cause.
    pub(crate) is_right: bool,
    /// What was wanted and what was said.
    pub(crate) report: String,
}

/// All faults, by name.
pub(crate) fn all() -> Vec<Fault> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    let files = fs::read_dir(folder).expect("the folder of faults");
    let read = |path: std::path::PathBuf| Fault {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        text: fs::read_to_string(&path).expect("a text"),
    };
    let mut all: Vec<Fault> = files.map(|entry| read(entry.expect("an entry").path())).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

impl Fault {
    fn head<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("# "));
        lines.filter_map(move |line| {
            line.strip_prefix(word)?
                .strip_prefix(": ")
                .or(line.strip_prefix(word)?.strip_prefix(' '))
        })
    }

    /// Plays it and judges what was said: one of the expected insights, with one word of each line of causes.
    pub(crate) fn judge(&self) -> Outcome {
        if let Err(error) = fixtures::scenario::parse(&self.text) {
            let report = format!("  it is no scenario: {error}");
            return Outcome {
                is_right: false,
                report,
            };
        }
        let said = play(&self.text);
        let expected: Vec<&str> = self
            .head("expect")
            .flat_map(|line| line.split(" or "))
            .map(str::trim)
            .collect();
        let causes: Vec<&str> = self.head("cause").collect();
        let told = said.iter().filter(|insight| insight.status != Status::Resolved);
        let is_right = told.clone().any(|insight| {
            let label = format!("{} {}", insight.id, insight.subject);
            expected.contains(&&*label) && causes.iter().all(|cause| names(insight, cause))
        });
        let told: Vec<String> = told
            .map(|insight| {
                format!(
                    "    {} {}: {}; {}",
                    insight.id, insight.subject, insight.title, insight.cause
                )
            })
            .collect();
        let really = self
            .head("fault")
            .next()
            .unwrap_or("its head does not say what is wrong");
        let wanted = format!(
            "  {really}\n  wanted {} with {}",
            expected.join(" or "),
            causes.join(" and ")
        );
        Outcome {
            is_right,
            report: format!("{wanted}\n{}", told.join("\n")),
        }
    }
}

/// Whether title or cause holds one of the words.
fn names(insight: &Insight, words: &str) -> bool {
    let text = format!("{} {}", insight.title, insight.cause).to_lowercase();
    words.split('|').any(|word| text.contains(&word.trim().to_lowercase()))
}
