//! Every file of `insights/tests/fires`, a scenario whose first comments say what has to be said of it, and every file of
//! `insights/tests/silent`, of which nothing may be said but what it itself says that a detector knows no better.
//!
//! `# says ID SUBJECT` has to be opened, once; `# with TEXT` has to stand in its title, cause, evidence or commands; `# not ID`
//! must not be said at all. What else of warning or above is said fails the test too.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use correlator::{Insight, Severity, Status};

use crate::stage::{opened, play};

/// Name and text of every file in a folder of `insights/tests`.
fn scenarios(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn wanted<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# "));
    lines
        .filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
        .map(str::trim)
        .collect()
}

/// All that a person can read of it.
fn readable(insight: &Insight) -> String {
    let evidence = insight.evidence.iter().map(|evidence| evidence.says.clone());
    let commands = insight
        .remedies
        .iter()
        .flat_map(|remedy| remedy.commands.iter().cloned());
    let explained = insight.consequences.examples.iter().cloned();
    let lines: Vec<String> = [insight.title.clone(), insight.cause.clone()]
        .into_iter()
        .chain(evidence)
        .chain(explained)
        .chain(commands)
        .collect();
    lines.join("\n")
}

/// What is wrong with what was said.
fn complaints(text: &str) -> Vec<String> {
    let (said, says) = (play(text), wanted(text, "says"));
    let mut wrong = Vec::new();
    for expected in &says {
        let times = opened(&said).iter().filter(|opened| opened == expected).count();
        if times != 1 {
            wrong.push(format!("{expected:?} was said {times} times"));
        }
    }
    let told: Vec<String> = said
        .iter()
        .filter(|insight| insight.status != Status::Resolved)
        .map(readable)
        .collect();
    for part in wanted(text, "with") {
        if !told.iter().any(|told| told.contains(part)) {
            wrong.push(format!("nothing says {part:?}"));
        }
    }
    let alarms = said
        .iter()
        .filter(|insight| insight.status == Status::Opened && insight.severity > Severity::Info);
    for insight in alarms {
        let label = format!("{} {}", insight.id, insight.subject);
        if !says.contains(&&*label) {
            wrong.push(format!("{label:?} was said too: {}", insight.title));
        }
    }
    for id in wanted(text, "not") {
        if said.iter().any(|insight| insight.id == id) {
            wrong.push(format!("{id} was said"));
        }
    }
    if !wrong.is_empty() {
        wrong.push(told.join("\n--\n"));
    }
    wrong
}

#[test]
fn every_scenario_that_should_fire_says_what_its_head_promises_and_no_more() {
    let mut wrong = String::new();
    for (name, text) in scenarios("fires") {
        assert!(!wanted(&text, "says").is_empty(), "{name} does not say what it is for");
        let complaints = complaints(&text);
        if !complaints.is_empty() {
            writeln!(wrong, "\n== {name}\n{}", complaints.join("\n")).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn of_every_scenario_that_should_be_silent_nothing_is_said_that_would_wake_anybody() {
    let mut wrong = String::new();
    for (name, text) in scenarios("silent") {
        let (said, unavoidable) = (play(&text), wanted(&text, "says"));
        let label = |insight: &Insight| format!("{} {}", insight.id, insight.subject);
        for insight in said.iter().filter(|insight| insight.severity > Severity::Info) {
            if !unavoidable.contains(&&*label(insight)) {
                writeln!(wrong, "\n== {name}: {}\n{}", label(insight), readable(insight)).unwrap();
            }
        }
        for expected in unavoidable {
            if !said.iter().any(|insight| label(insight) == expected) {
                writeln!(wrong, "\n== {name}: {expected:?} is not said any more").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
