//! The tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cell;
use crate::scoring::Plan;
use crate::scoring::answers::{Answers, Judged};
use crate::scoring::estimator::Estimator;
use crate::scoring::families::Family;
use crate::scoring::figures::{Figures, Quality, worth};
use crate::scoring::metrics::{base_rate, median};
use crate::scoring::required::Check;
use crate::scoring::times::Times;
use crate::scoring::trace::Trace;

/// Stated probabilities above which alerts are counted.
const THRESHOLDS: [f64; 4] = [0.3, 0.5, 0.7, 0.8];

/// What was read and how it is judged.
pub(crate) fn head(traces: &[Trace], plan: &Plan) -> String {
    let kills = traces.iter().filter(|trace| trace.killed_at.is_some()).count();
    let rows: usize = traces.iter().map(|trace| trace.rows.len()).sum();
    format!(
        "{} traces, {kills} with a kill, {rows} rows.\n\
         Tables: up to {} instants of each trace, evenly spread from 0.8 s to where the outcome is known (t + h <= planned end).\n\
         Alerts: asked every {} s to the end of the trace; 2 hits in a row open one, 5 misses in a row close it.\n\
         as stated: p of tapio; 1 where a rule fires, else 0. calibrated: fitted on the other traces in five folds, tapio by\n\
         two parameters, rules by an isotonic map. skill: Brier skill against always stating the base rate. ECE: 10 bins.\n",
        traces.len(),
        plan.instants,
        plan.step,
    )
}

/// The figures of all estimators at one horizon.
pub(crate) fn horizon(seconds: f64, set: &Judged, estimators: &[Estimator], figures: &[Figures]) -> String {
    let mut text = format!(
        "\nh = {seconds} s: {} instants, base rate {}, tapio silent at {} (taken as 5 %)\n{:<32} {:^13} | {:^42} | {:^30}\n{:<32} {:>6} {:>6} | {:>7} {:>6} {:>8} {:>6} {:>5} {:>5} | {:>7} {:>6} {:>8} {:>6}\n",
        set.labels.len(),
        cell(base_rate(&set.labels), 0, 3),
        set.silent,
        "",
        "ranking",
        "as stated",
        "calibrated",
        "",
        "AUC",
        "AP",
        "Brier",
        "skill",
        "log loss",
        "ECE",
        "prec",
        "rec",
        "Brier",
        "skill",
        "log loss",
        "ECE",
    );
    for (estimator, figures) in estimators.iter().zip(figures) {
        let _ = writeln!(
            text,
            "{:<32} {} {} | {} {} {} | {}",
            estimator.name,
            cell(figures.auc, 6, 3),
            cell(figures.average_precision, 6, 3),
            quality(&figures.stated),
            cell(figures.precision, 5, 2),
            cell(figures.recall, 5, 2),
            quality(&figures.calibrated),
        );
    }
    text
}

fn quality(of: &Quality) -> String {
    let skill = of
        .skill
        .map_or_else(|| format!("{:>6}", "-"), |skill| format!("{skill:>+6.2}"));
    format!(
        "{:>7.4} {skill} {:>8.4} {:>6.3}",
        of.brier, of.log_loss, of.calibration_error
    )
}

/// What the alerts of each estimator are worth.
pub(crate) fn alerts(traces: &[Trace], estimators: &[Estimator], answers: &Answers) -> String {
    let mut text = format!(
        "\nAlerts at h = {} s\n{:<32} {:>9} {:>15} {:>9} {:>15} {:>12}\n",
        answers.horizon, "", "hit above", "no kill, alarmed", "episodes", "kills detected", "median lead"
    );
    for (index, estimator) in estimators.iter().enumerate() {
        let thresholds = match estimator.rule() {
            Some(rule) => vec![rule.fires_above()],
            None => THRESHOLDS.to_vec(),
        };
        for threshold in thresholds {
            let worth = worth(traces, answers, index, threshold);
            let lead = median(&worth.leads).map_or_else(|| "-".to_owned(), |lead| format!("{lead:.1} s"));
            let _ = writeln!(
                text,
                "{:<32} {threshold:>9} {:>16} {:>9} {:>15} {lead:>12}",
                estimator.name,
                format!("{} of {}", worth.alarmed, worth.survivors),
                worth.false_episodes,
                format!("{} of {}", worth.leads.len(), worth.kills),
            );
        }
    }
    text
}

/// tapio's figures by family.
pub(crate) fn families(seconds: f64, threshold: f64, families: &BTreeMap<String, Family>) -> String {
    let mut text = format!(
        "\nFamilies, tapio at h = {seconds} s, alerts at p > {threshold}\n{:<20} {:>8} {:>7} {:>9} {:>17} {:>15} {:>12}\n",
        "", "instants", "mean p", "observed", "no kill, alarmed", "kills detected", "median lead"
    );
    for (name, family) in families {
        let worth = &family.worth;
        let lead = median(&worth.leads).map_or_else(|| "-".to_owned(), |lead| format!("{lead:.1} s"));
        let of = |part: usize, all: usize| {
            if all == 0 {
                "-".to_owned()
            } else {
                format!("{part} of {all}")
            }
        };
        let _ = writeln!(
            text,
            "{name:<20} {:>8} {:>7.3} {:>9.3} {:>17} {:>15} {lead:>12}",
            family.instants,
            family.mean_stated(),
            family.observed(),
            of(worth.alarmed, worth.survivors),
            of(worth.leads.len(), worth.kills),
        );
    }
    text
}

/// How good the stated times are.
pub(crate) fn times(times: &Times) -> String {
    format!(
        "\nTime to the kill, {} instants of killed traces where tapio states p >= {} within {} s\n\
         error factor: median {}, 90 % below {}; 80 % interval holds it {} of the time, its ends are a factor of {} apart (median)\n\
         headroom / slope at {} of these instants: median {}, 90 % below {}\n",
        times.count(),
        times.least,
        times.reach,
        cell(times.factor(0.5), 0, 2),
        cell(times.factor(0.9), 0, 2),
        cell(times.coverage(), 0, 2),
        cell(times.width(), 0, 1),
        times.by_slope.len(),
        cell(times.slope_factor(0.5), 0, 2),
        cell(times.slope_factor(0.9), 0, 2),
    )
}

/// One line for each requirement.
pub(crate) fn checks(checks: &[Check]) -> String {
    let verdict = |check: &Check| if check.passed { "PASS" } else { "FAIL" };
    let lines = checks
        .iter()
        .map(|check| format!("{} {}\n", verdict(check), check.text));
    lines.fold("\n".to_owned(), |text, line| text + &line)
}
