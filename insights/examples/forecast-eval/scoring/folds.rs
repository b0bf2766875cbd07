//! Cross-fitting over traces: what calibrates the statements on a trace was fitted on other traces.

use super::isotonic::Isotonic;
use super::platt::Platt;

/// Number of folds; trace `i` is in fold `i % FOLDS`. In the order of names the traces of one family are neighbours, so
/// each fold has some of each family.
const FOLDS: usize = 5;

/// The scores and labels of the instants whose traces are outside a fold.
fn outside(fold: usize, traces: &[usize], scores: &[f64], labels: &[bool]) -> (Vec<f64>, Vec<bool>) {
    let points = traces.iter().zip(scores.iter().zip(labels));
    points
        .filter(|(trace, _)| *trace % FOLDS != fold)
        .map(|(_, (score, label))| (*score, *label))
        .unzip()
}

fn cross<M>(
    traces: &[usize],
    scores: &[f64],
    labels: &[bool],
    fit: impl Fn(&[f64], &[bool]) -> M,
    at: impl Fn(&M, f64) -> f64,
) -> Vec<f64> {
    let maps: Vec<M> = (0..FOLDS)
        .map(|fold| {
            let (scores, labels) = outside(fold, traces, scores, labels);
            fit(&scores, &labels)
        })
        .collect();
    traces
        .iter()
        .zip(scores)
        .map(|(trace, score)| at(&maps[trace % FOLDS], *score))
        .collect()
}

/// Log-odds to recalibrated probabilities.
pub(crate) fn recalibrated(traces: &[usize], log_odds: &[f64], labels: &[bool]) -> Vec<f64> {
    cross(traces, log_odds, labels, Platt::fit, |map, x| map.at(x))
}

/// Any scores to calibrated probabilities.
pub(crate) fn isotonic(traces: &[usize], scores: &[f64], labels: &[bool]) -> Vec<f64> {
    cross(traces, scores, labels, Isotonic::fit, Isotonic::at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_not_calibrated_on_itself() {
        // Trace 0 alone dies; what the others teach is that nothing does.
        let traces: Vec<usize> = (0..10).flat_map(|trace| [trace; 20]).collect();
        let labels: Vec<bool> = traces.iter().map(|trace| *trace == 0).collect();
        let scores = vec![1.0; labels.len()];
        let said = isotonic(&traces, &scores, &labels);
        assert!(said[0] < 0.001, "{}", said[0]);
        assert!(said[20] > 0.1, "{}", said[20]);
        assert!(recalibrated(&traces, &scores, &labels)[0] < 0.2);
    }
}
