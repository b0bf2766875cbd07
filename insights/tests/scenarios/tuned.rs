//! Numbers that a user chose are the ones that detectors judge by.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, thread};

use correlator::{Severity, Status, Thresholds, Timestamp, Tunable};

use crate::stage::play_tuned;

/// When a detector says something, and how bad it finds that.
type Verdicts = Vec<(Timestamp, Status, Severity)>;

/// The stories of which it is expected that a detector speaks, and those in which it nearly does; the quickest first.
fn stories(detector: &str) -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = ["fires", "faults", "silent"].map(|folder| fs::read_dir(tests.join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let stories = files.filter_map(|path| fs::read_to_string(path).ok());
    let speaks = |line: &str| line.starts_with('#') && line.split(' ').any(|word| word == detector);
    let mut stories: Vec<_> = stories.filter(|story| story.lines().any(speaks)).collect();
    stories.sort_by_cached_key(|story| fixtures::scenario::scenario(story).events.len());
    stories
}

fn verdicts(detector: &str, story: &str, thresholds: &Thresholds) -> Verdicts {
    let said = play_tuned(story, thresholds).into_iter();
    said.filter(|insight| insight.id == detector)
        .map(|insight| (insight.at, insight.status, insight.severity))
        .collect()
}

fn with(mut thresholds: Thresholds, tunable: &Tunable, value: f64) -> Thresholds {
    assert!(thresholds.choose(tunable, value), "{tunable:?}");
    thresholds
}

/// The usual thresholds, and those with one other number at one of its bounds: where either of two numbers is enough, each
/// matters only without the other.
fn bases(tunable: &Tunable, all: &[Tunable]) -> Vec<Thresholds> {
    let others = all.iter().filter(|other| other.name != tunable.name);
    let bounds = others.flat_map(|other| other.bounds.map(|bound| with(Thresholds::default(), other, bound)));
    [Thresholds::default()].into_iter().chain(bounds).collect()
}

/// The numbers of one detector that change nothing in any story, whether the least or the most is chosen that may be.
fn idle(tunables: &[Tunable]) -> Vec<String> {
    let Some(detector) = tunables.first().map(|tunable| tunable.detector) else {
        return Vec::new();
    };
    let stories = stories(detector);
    let mut known: BTreeMap<(usize, String), Verdicts> = BTreeMap::new();
    let mut said = |story: usize, thresholds: &Thresholds| {
        let key = (story, format!("{thresholds:?}"));
        let play = || verdicts(detector, &stories[story], thresholds);
        known.entry(key).or_insert_with(play).clone()
    };
    let mut matters = |tunable: &&Tunable| {
        bases(tunable, tunables).iter().any(|base| {
            (0..stories.len()).any(|story| {
                let usual = said(story, base);
                let others = tunable
                    .bounds
                    .iter()
                    .filter(|bound| (**bound - tunable.default).abs() > 0.0);
                others
                    .copied()
                    .any(|bound| said(story, &with(base.clone(), tunable, bound)) != usual)
            })
        })
    };
    let idle = tunables.iter().filter(|tunable| !matters(tunable));
    idle.map(|tunable| format!("{detector}.{}", tunable.name)).collect()
}

#[test]
fn each_number_that_can_be_chosen_changes_what_is_said_of_some_story() {
    let mut of_each: BTreeMap<&str, Vec<Tunable>> = BTreeMap::new();
    for tunable in insights::tunables() {
        of_each.entry(tunable.detector).or_default().push(tunable);
    }
    let of_each: Vec<Vec<Tunable>> = of_each.into_values().collect();
    let (odd, even): (Vec<_>, Vec<_>) = of_each.iter().enumerate().partition(|(place, _)| place % 2 == 1);
    let found: Vec<String> = thread::scope(|scope| {
        let halves = [odd, even].map(|half| {
            scope.spawn(|| -> Vec<String> { half.into_iter().flat_map(|(_, tunables)| idle(tunables)).collect() })
        });
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert_eq!(found, [""; 0]);
}
