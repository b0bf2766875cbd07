//! How long before the kill the alert opened.

use super::axes::{Area, Axis, legend};
use super::svg::{Anchor, COLOURS, Stroke, Svg};
use crate::scoring::alerts::Worth;
use crate::scoring::answers::Answers;
use crate::scoring::estimator::Estimator;
use crate::scoring::figures::worth;
use crate::scoring::metrics::quantile;
use crate::scoring::trace::Trace;

/// The rules that are drawn next to tapio.
const RULES: [&str; 4] = [
    "predict_linear ws h/4",
    "predict_linear ws h/4, ws > 0.85",
    "ws > 0.9",
    "usage > 0.9",
];
/// Stated probabilities that tapio is drawn at.
const THRESHOLDS: [f64; 3] = [0.3, 0.5, 0.7];

/// The share of the kills that each rule announced at least so many seconds before.
pub(super) fn plot(traces: &[Trace], estimators: &[Estimator], answers: &Answers) -> String {
    let title = format!("Kills announced in time, alerts at h = {} s", answers.horizon);
    let mut svg = Svg::new(860.0, 430.0, &title);
    let drawn = drawn(traces, estimators, answers);
    let leads: Vec<f64> = drawn
        .iter()
        .flat_map(|(_, worth)| worth.leads.iter().copied())
        .collect();
    let area = Area {
        left: 62.0,
        top: 42.0,
        width: 400.0,
        height: 330.0,
        x: Axis::upto(
            "at least so many seconds before the kill",
            quantile(&leads, 0.9).unwrap_or(10.0).max(1.0),
        ),
        y: Axis::share("share of all kills"),
    };
    area.draw(&mut svg);
    let mut entries = Vec::new();
    for ((name, worth), colour) in drawn.iter().zip(COLOURS) {
        let stroke = Stroke {
            colour,
            width: 2.0,
            dashed: !name.starts_with("tapio"),
        };
        area.curve(&mut svg, &stairs(worth, area.x.high), stroke);
        entries.push((stroke, format!("{name} ({} of {})", worth.alarmed, worth.survivors)));
    }
    svg.text(
        (490.0, 58.0),
        Anchor::Start,
        12.0,
        "rule (traces alarmed that were not killed)",
    );
    legend(&mut svg, (490.0, 78.0), &entries);
    svg.finish()
}

fn drawn(traces: &[Trace], estimators: &[Estimator], answers: &Answers) -> Vec<(String, Worth)> {
    let tapio = THRESHOLDS.map(|threshold| (format!("tapio, p > {threshold}"), worth(traces, answers, 0, threshold)));
    let rules = estimators
        .iter()
        .enumerate()
        .filter(|(_, estimator)| RULES.contains(&estimator.name.as_str()));
    let rules = rules.filter_map(|(index, estimator)| {
        let worth = worth(traces, answers, index, estimator.rule()?.fires_above());
        Some((estimator.name.clone(), worth))
    });
    tapio.into_iter().chain(rules).collect()
}

/// The falling staircase from zero seconds to `longest`.
fn stairs(worth: &Worth, longest: f64) -> Vec<(f64, f64)> {
    let mut leads = worth.leads.clone();
    leads.sort_by(f64::total_cmp);
    let share = |left: usize| left as f64 / worth.kills.max(1) as f64;
    let mut points = vec![(0.0, share(leads.len()))];
    for (passed, lead) in leads.iter().enumerate() {
        if *lead > longest {
            break;
        }
        points.push((*lead, share(leads.len() - passed)));
        points.push((*lead, share(leads.len() - passed - 1)));
    }
    points.push((longest, points.last().map_or(0.0, |last| last.1)));
    points
}
