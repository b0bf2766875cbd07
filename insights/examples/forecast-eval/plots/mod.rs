//! The pictures that go with the tables.

mod axes;
mod leads;
mod precision_recall;
mod reliability;
mod svg;
mod timeline;

use std::fs;
use std::path::Path;

use crate::scoring::answers::Answers;
use crate::scoring::estimator::Estimator;
use crate::scoring::figures::{Figures, calibrated, stated};
use crate::scoring::trace::Trace;

/// A timeline is drawn of the first trace of the first of these families that is there; the second list is of what it
/// has to be: killed or not.
const EXAMPLES: [(&str, &[&str], bool); 3] = [
    ("leak", &["leak_linear", "leak_step", "jvm_leak", "node_leak"], true),
    ("saw-tooth", &["recycle", "burst_stable"], false),
    ("page-cache", &["pagecache", "dirty_write"], false),
];

/// Writes the pictures of one horizon into a directory.
pub(crate) fn of_horizon(
    to: &Path,
    answers: &Answers,
    estimators: &[Estimator],
    figures: &[Figures],
) -> Result<(), String> {
    let set = &answers.judged;
    if let (Some(tapio), Some(scores)) = (estimators.first(), set.scores.first()) {
        let picture = reliability::plot(
            answers.horizon,
            &stated(tapio, scores),
            &calibrated(tapio, scores, set),
            &set.labels,
        );
        write(to, &format!("reliability-{}s.svg", answers.horizon), &picture)?;
    }
    let picture = precision_recall::plot(answers, estimators, figures);
    write(to, &format!("precision-recall-{}s.svg", answers.horizon), &picture)
}

/// Writes the pictures of the alerts into a directory.
pub(crate) fn of_alerts(
    to: &Path,
    traces: &[Trace],
    answers: &Answers,
    estimators: &[Estimator],
) -> Result<(), String> {
    write(to, "lead-times.svg", &leads::plot(traces, estimators, answers))?;
    for (kind, families, killed) in EXAMPLES {
        let Some(index) = example(traces, families, killed) else {
            continue;
        };
        let said = answers
            .watched
            .first()
            .and_then(|all| all.get(index))
            .map_or(&[][..], Vec::as_slice);
        let picture = timeline::plot(&traces[index], kind, answers.horizon, said);
        write(to, &format!("timeline-{kind}.svg"), &picture)?;
    }
    Ok(())
}

fn example(traces: &[Trace], families: &[&str], killed: bool) -> Option<usize> {
    let of = |family: &&str| {
        traces
            .iter()
            .position(|trace| trace.family == *family && trace.killed_at.is_some() == killed)
    };
    families.iter().find_map(of)
}

fn write(to: &Path, name: &str, picture: &str) -> Result<(), String> {
    let path = to.join(name);
    fs::create_dir_all(to)
        .and_then(|()| fs::write(&path, picture))
        .map_err(|error| format!("{}: {error}", path.display()))
}
