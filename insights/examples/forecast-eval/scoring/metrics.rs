//! How good probabilities and rankings are: area under the ROC curve, average precision, Brier score, log loss,
//! calibration error.

/// Probabilities are kept this far from 0 and 1 in the log loss.
const CLIP: f64 = 1e-4;
/// Bins of the calibration error and of the reliability diagram (Naeini et al., "Obtaining Well Calibrated Probabilities
/// Using Bayesian Binning", 2015).
pub(crate) const BINS: u8 = 10;

/// Share of the labels that are true. `None` without labels.
pub(crate) fn base_rate(labels: &[bool]) -> Option<f64> {
    let positives = labels.iter().filter(|label| **label).count();
    (!labels.is_empty()).then(|| positives as f64 / labels.len() as f64)
}

/// Area under the ROC curve: the probability that a positive scores above a negative, half where they tie. `None`
/// where one of the two is missing.
pub(crate) fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let (mut below, mut won) = (0.0, 0.0);
    for tie in ties(scores, labels).iter().rev() {
        won += tie.positives * (below + 0.5 * tie.negatives);
        below += tie.negatives;
    }
    let positives = labels.iter().filter(|label| **label).count() as f64;
    (positives > 0.0 && below > 0.0).then(|| won / (positives * below))
}

/// Recall and precision of "score at or above", for each distinct score from the highest down.
pub(crate) fn precision_recall(scores: &[f64], labels: &[bool]) -> Vec<(f64, f64)> {
    let all = labels.iter().filter(|label| **label).count() as f64;
    let (mut hits, mut said) = (0.0, 0.0);
    let mut curve = Vec::new();
    for tie in ties(scores, labels) {
        hits += tie.positives;
        said += tie.positives + tie.negatives;
        curve.push((hits / all, hits / said));
    }
    curve
}

/// Average precision: the sum of the precisions, each weighted by the recall it adds (no interpolation). `None` without
/// positives.
pub(crate) fn average_precision(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let mut before = 0.0;
    let mut total = 0.0;
    for (recall, precision) in precision_recall(scores, labels) {
        total += (recall - before) * precision;
        before = recall;
    }
    labels.contains(&true).then_some(total)
}

/// Mean squared difference of probability and label.
pub(crate) fn brier(probabilities: &[f64], labels: &[bool]) -> f64 {
    mean(pairs(probabilities, labels).map(|(p, y)| (p - y).powi(2)))
}

/// How much smaller the Brier score is than that of always stating the base rate: 1 is perfect, below 0 is worse than
/// that. `None` where the base rate is 0 or 1.
pub(crate) fn brier_skill(probabilities: &[f64], labels: &[bool]) -> Option<f64> {
    let base = base_rate(labels)?;
    let reference = base * (1.0 - base);
    (reference > 0.0).then(|| 1.0 - brier(probabilities, labels) / reference)
}

/// Mean negative log likelihood, in nats.
pub(crate) fn log_loss(probabilities: &[f64], labels: &[bool]) -> f64 {
    mean(pairs(probabilities, labels).map(|(p, y)| {
        let p = p.clamp(CLIP, 1.0 - CLIP);
        -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
    }))
}

/// What was stated in one bin of probabilities, and what came true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bin {
    /// How many statements.
    pub(crate) count: usize,
    /// Mean of the stated probabilities.
    pub(crate) stated: f64,
    /// Share that came true.
    pub(crate) observed: f64,
}

/// The statements in `bins` bins of equal width; bins without any are left out.
pub(crate) fn reliability(probabilities: &[f64], labels: &[bool], bins: u8) -> Vec<Bin> {
    let width = 1.0 / f64::from(bins);
    let bin = |index: u8| {
        let low = if index == 0 {
            f64::NEG_INFINITY
        } else {
            f64::from(index) * width
        };
        let high = if index + 1 == bins {
            f64::INFINITY
        } else {
            f64::from(index + 1) * width
        };
        let inside: Vec<(f64, f64)> = pairs(probabilities, labels)
            .filter(|(p, _)| *p >= low && *p < high)
            .collect();
        (!inside.is_empty()).then(|| Bin {
            count: inside.len(),
            stated: mean(inside.iter().map(|pair| pair.0)),
            observed: mean(inside.iter().map(|pair| pair.1)),
        })
    };
    (0..bins).filter_map(bin).collect()
}

/// Expected calibration error: the mean distance of stated and observed over ten bins, weighted by their counts.
pub(crate) fn calibration_error(probabilities: &[f64], labels: &[bool]) -> f64 {
    let bins = reliability(probabilities, labels, BINS);
    let distances = bins
        .iter()
        .map(|bin| bin.count as f64 * (bin.stated - bin.observed).abs());
    distances.sum::<f64>() / probabilities.len().max(1) as f64
}

/// Median of finite values. `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile with linear interpolation between the order statistics. `None` of no values.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let below = sorted
        .iter()
        .enumerate()
        .take_while(|(index, _)| *index as f64 <= place)
        .last()?;
    let above = sorted.get(below.0 + 1).unwrap_or(below.1);
    Some(below.1 + (place - below.0 as f64) * (above - below.1))
}

/// How many positives and negatives share one score.
struct Tie {
    positives: f64,
    negatives: f64,
}

/// The distinct scores from the highest down.
fn ties(scores: &[f64], labels: &[bool]) -> Vec<Tie> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let count = |tie: &[(f64, bool)], wanted: bool| tie.iter().filter(|(_, label)| *label == wanted).count() as f64;
    order
        .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
        .map(|tie| Tie {
            positives: count(tie, true),
            negatives: count(tie, false),
        })
        .collect()
}

fn pairs<'a>(probabilities: &'a [f64], labels: &'a [bool]) -> impl Iterator<Item = (f64, f64)> + 'a {
    probabilities
        .iter()
        .copied()
        .zip(labels.iter().map(|label| f64::from(u8::from(*label))))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, total) = values.fold((0.0, 0.0), |(count, total), value| (count + 1.0, total + value));
    if count > 0.0 { total / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of scikit-learn's manual: AUC 0.75, average precision 0.8333.
    const SCORES: [f64; 4] = [0.1, 0.4, 0.35, 0.8];
    const LABELS: [bool; 4] = [false, false, true, true];

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_ranking_is_judged_as_by_hand() {
        assert!(near(auc(&SCORES, &LABELS).unwrap(), 0.75));
        assert!(near(
            average_precision(&SCORES, &LABELS).unwrap(),
            0.5 + 0.5 * 2.0 / 3.0
        ));
    }

    #[test]
    fn scores_that_tie_say_nothing() {
        let flat = [0.3; 4];
        assert!(near(auc(&flat, &LABELS).unwrap(), 0.5));
        assert!(near(average_precision(&flat, &LABELS).unwrap(), 0.5));
    }

    #[test]
    fn one_class_alone_has_no_ranking() {
        assert_eq!(auc(&SCORES, &[true; 4]), None);
        assert_eq!(average_precision(&SCORES, &[false; 4]), None);
        assert_eq!(brier_skill(&SCORES, &[false; 4]), None);
        assert_eq!(base_rate(&[]), None);
    }

    #[test]
    fn the_brier_score_is_compared_with_the_base_rate() {
        let sum = 0.01 + 0.16 + 0.65 * 0.65 + 0.04;
        assert!(near(brier(&SCORES, &LABELS), sum / 4.0));
        assert!(near(brier_skill(&SCORES, &LABELS).unwrap(), 1.0 - sum));
        assert!(near(brier_skill(&[0.5; 4], &LABELS).unwrap(), 0.0));
    }

    #[test]
    fn the_log_loss_of_a_certain_mistake_is_large_and_finite() {
        assert!(near(log_loss(&[0.5; 4], &LABELS), 2f64.ln()));
        assert!(near(log_loss(&[0.0], &[true]), -CLIP.ln()));
    }

    #[test]
    fn what_came_true_as_often_as_stated_has_no_calibration_error() {
        assert!(near(calibration_error(&[0.5; 4], &LABELS), 0.0));
        // Two bins: 0.2 stated and none came true, 0.9 stated and all did.
        assert!(near(
            calibration_error(&[0.2, 0.2, 0.9, 0.9], &LABELS),
            0.5 * 0.2 + 0.5 * 0.1
        ));
    }

    #[test]
    fn each_statement_is_in_one_bin() {
        let stated: Vec<f64> = (0..=100).map(|step| f64::from(step) / 100.0).collect();
        let bins = reliability(&stated, &[true; 101], 10);
        assert_eq!(bins.len(), 10);
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 101);
    }

    #[test]
    fn quantiles_lie_between_the_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.9), Some(9.0));
        assert_eq!(median(&[]), None);
    }
}
