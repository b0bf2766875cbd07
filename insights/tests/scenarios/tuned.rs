//! Numbers that a user chose are the ones that detectors judge by.

use std::fs;
use std::path::Path;

use correlator::{Severity, Status, Thresholds, Tunable};

use crate::stage::play_tuned;

/// The stories of which it is expected that a detector speaks.
fn stories(detector: &str) -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = ["fires", "faults"].map(|folder| fs::read_dir(tests.join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let stories = files.filter_map(|path| fs::read_to_string(path).ok());
    let speaks = |line: &str| line.starts_with('#') && line.split(' ').any(|word| word == detector);
    stories.filter(|story| story.lines().any(speaks)).collect()
}

/// What a detector says of a story, and how bad it finds that.
fn verdicts(detector: &str, story: &str, thresholds: &Thresholds) -> Vec<(Status, Severity)> {
    let said = play_tuned(story, thresholds).into_iter();
    said.filter(|insight| insight.id == detector)
        .map(|insight| (insight.status, insight.severity))
        .collect()
}

/// The usual thresholds, and those with one other number at one of its bounds: where either of two numbers is enough, each
/// matters only without the other.
fn bases(tunable: &Tunable) -> Vec<Thresholds> {
    let all = insights::tunables();
    let others = all
        .iter()
        .filter(|other| other.detector == tunable.detector && other.name != tunable.name);
    let bounds = others.flat_map(|other| other.bounds.map(|bound| with(Thresholds::default(), other, bound)));
    [Thresholds::default()].into_iter().chain(bounds).collect()
}

fn with(mut thresholds: Thresholds, tunable: &Tunable, value: f64) -> Thresholds {
    assert!(thresholds.choose(tunable, value), "{tunable:?}");
    thresholds
}

/// Whether some story goes otherwise with the least or the most that may be chosen.
fn matters(tunable: &Tunable, stories: &[String]) -> bool {
    let bases = bases(tunable);
    let matters_by = |story: &String, base: &Thresholds| {
        let [least, most] = tunable.bounds;
        let said = [tunable.default, least, most]
            .map(|value| verdicts(tunable.detector, story, &with(base.clone(), tunable, value)));
        said[0] != said[1] || said[0] != said[2]
    };
    stories
        .iter()
        .any(|story| bases.iter().any(|base| matters_by(story, base)))
}

#[test]
fn each_number_that_can_be_chosen_changes_what_is_said_of_some_story() {
    let mut idle = Vec::new();
    for tunable in insights::tunables() {
        if !matters(&tunable, &stories(tunable.detector)) {
            idle.push(format!("{}.{}", tunable.detector, tunable.name));
        }
    }
    assert_eq!(idle, [""; 0]);
}
