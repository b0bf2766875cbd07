//! Precision against recall, tapio next to the rules of today.

use super::axes::{Area, Axis, legend};
use super::svg::{COLOURS, INK, Stroke, Svg};
use crate::scoring::answers::Answers;
use crate::scoring::estimator::Estimator;
use crate::scoring::figures::Figures;
use crate::scoring::metrics::{base_rate, precision_recall};

/// The estimators that are drawn: all would hide each other.
const DRAWN: [&str; 7] = [
    "tapio, tree table",
    "tapio, closed form",
    "predict_linear ws h/4",
    "predict_linear ws h/4, ws > 0.85",
    "predict_linear usage h/4",
    "ws > 0.9",
    "Theil-Sen + Mann-Kendall",
];

/// The curves of one horizon; dots are the rules as they are written, and tapio at p > 0.5.
pub(super) fn plot(answers: &Answers, estimators: &[Estimator], figures: &[Figures]) -> String {
    let title = format!("Kill within {} s: precision and recall", answers.horizon);
    let mut svg = Svg::new(790.0, 450.0, &title);
    let area = Area {
        left: 62.0,
        top: 42.0,
        width: 400.0,
        height: 350.0,
        x: Axis::share("recall: instants before a kill that are found"),
        y: Axis::share("precision: found instants that are before a kill"),
    };
    area.draw(&mut svg);
    let labels = &answers.judged.labels;
    let base = base_rate(labels).unwrap_or(0.0);
    let mut entries = Vec::new();
    let all = estimators.iter().zip(&answers.judged.scores).zip(figures);
    let drawn = all.filter(|((estimator, _), _)| DRAWN.contains(&estimator.name.as_str()));
    for (((estimator, scores), figures), colour) in drawn.zip(COLOURS) {
        let stroke = Stroke::solid(colour, if entries.is_empty() { 2.6 } else { 1.5 });
        area.curve(&mut svg, &thinned(&precision_recall(scores, labels)), stroke);
        if let (Some(recall), Some(precision)) = (figures.recall, figures.precision) {
            svg.dot(area.at(recall, precision), 4.5, colour);
        }
        let average = figures.average_precision.unwrap_or(0.0);
        entries.push((stroke, format!("{}: {average:.2}", estimator.name)));
    }
    area.curve(&mut svg, &[(0.0, base), (1.0, base)], Stroke::dashed(INK, 1.0));
    entries.push((Stroke::dashed(INK, 1.0), format!("by chance: {base:.2}")));
    svg.text((490.0, 58.0), super::svg::Anchor::Start, 12.0, "average precision");
    legend(&mut svg, (490.0, 78.0), &entries);
    svg.text(
        (490.0, 250.0),
        super::svg::Anchor::Start,
        11.5,
        "dots: the rule as written; tapio at p > 0.5",
    );
    svg.finish()
}

/// Points closer together than can be seen are left out.
fn thinned(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, point) in curve.iter().enumerate() {
        let near = |last: &(f64, f64)| (last.0 - point.0).abs() < 0.002 && (last.1 - point.1).abs() < 0.004;
        if index + 1 == curve.len() || !kept.last().is_some_and(near) {
            kept.push(*point);
        }
    }
    kept
}
