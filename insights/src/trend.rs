//! Robust trends of a short series of (seconds, value) points.

/// Theil-Sen: the median of all pairwise slopes, per second. `None` with fewer than two distinct times.
///
/// Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968). Quadratic; thin
/// longer series first.
pub(crate) fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes: Vec<f64> = pairs(points)
        .filter(|(a, b)| b.0 > a.0)
        .map(|(a, b)| (b.1 - a.1) / (b.0 - a.0))
        .collect();
    if slopes.is_empty() {
        return None;
    }
    let middle = slopes.len() / 2;
    let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

/// Mann-Kendall: the standard score of "later values are larger". Above 2.33 chance explains it in 1 of 100 cases.
///
/// Source: M. G. Kendall, "Rank Correlation Methods" (1975); ties are not corrected for, which makes the score smaller.
pub(crate) fn mann_kendall(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    if variance <= 0.0 {
        return 0.0;
    }
    let rises: f64 = pairs(points)
        .map(|(a, b)| f64::from(b.1 > a.1) - f64::from(b.1 < a.1))
        .sum();
    rises / variance.sqrt()
}

fn pairs(points: &[(f64, f64)]) -> impl Iterator<Item = (&(f64, f64), &(f64, f64))> {
    points
        .iter()
        .enumerate()
        .flat_map(|(index, a)| points[index + 1..].iter().map(move |b| (a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(slope: f64) -> Vec<(f64, f64)> {
        (0..30).map(|t| (f64::from(t), slope * f64::from(t))).collect()
    }

    #[test]
    fn a_fifth_of_outliers_does_not_move_the_slope() {
        let mut points = line(2.0);
        for index in (0..30).step_by(6) {
            points[index].1 = 1e6;
        }
        assert!((theil_sen(&points).unwrap() - 2.0).abs() < 0.2);
    }

    #[test]
    fn a_rise_scores_high_a_saw_tooth_low() {
        assert!(mann_kendall(&line(1.0)) > 5.0);
        let saw: Vec<_> = (0..40).map(|t| (f64::from(t), f64::from(t % 8))).collect();
        assert!(mann_kendall(&saw).abs() < 2.0);
    }

    #[test]
    fn too_few_points_have_no_trend() {
        assert_eq!(theil_sen(&[(1.0, 1.0)]), None);
        assert!(mann_kendall(&[]).abs() < f64::EPSILON);
    }
}
