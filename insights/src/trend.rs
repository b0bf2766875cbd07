//! Robust trends of a short series of (seconds, value) points.

/// The median of all pairwise slopes, a second, and the interval that holds the true one in 80 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slope {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Standard deviations of the interval on either side.
const EIGHTY: f64 = 1.2816;

/// Theil-Sen. `None` with fewer than two distinct times.
///
/// Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968), the interval included.
/// Quadratic; thin longer series first.
pub(crate) fn theil_sen(points: &[(f64, f64)]) -> Option<Slope> {
    let mut slopes: Vec<f64> = pairs(points)
        .filter(|(a, b)| b.0 > a.0)
        .map(|(a, b)| (b.1 - a.1) / (b.0 - a.0))
        .collect();
    slopes.sort_by(f64::total_cmp);
    let last = slopes.len().checked_sub(1)?;
    let n = points.len() as f64;
    let off = EIGHTY * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / 2.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the slopes there are"
    )]
    let at = |place: f64| slopes[place.clamp(0.0, last as f64) as usize];
    let middle = slopes.len() / 2;
    Some(Slope {
        median: slopes[middle],
        low: at((slopes.len() as f64 / 2.0 - off).floor()),
        high: at((slopes.len() as f64 / 2.0 + off).ceil()),
    })
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
        assert!((theil_sen(&points).unwrap().median - 2.0).abs() < 0.2);
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
