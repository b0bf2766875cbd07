//! What the buckets of one level say about trend and noise.

use correlator::fill::{BucketWindow, FEWEST_BUCKETS};

/// Trend and noise of one level's buckets. Slopes are fractions of the capacity a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelStatistics {
    /// How many buckets there were.
    pub buckets: usize,
    /// Width of a bucket, seconds.
    pub width: f64,
    /// Least-squares slope of the means.
    pub slope: f64,
    /// Least-squares slope of the largest values.
    pub slope_of_maxes: f64,
    /// Variance of that slope.
    pub variance_of_maxes: f64,
    /// Least-squares slope of the smallest values: of the floor.
    pub slope_of_mins: f64,
    /// Standard deviation of the means around their line.
    pub residual: f64,
    /// Share of the means' variance that the line explains.
    pub explained: f64,
    /// Mann-Kendall standard score of "later means are larger".
    pub rising: f64,
    /// Variance of the steps between means around the slope, a second.
    pub diffusion: f64,
    /// The largest value.
    pub max: f64,
}

impl LevelStatistics {
    /// The statistics of a window. `None` with fewer than five buckets.
    pub fn of(window: &BucketWindow) -> Option<Self> {
        let means = window.means();
        if means.len() < FEWEST_BUCKETS {
            return None;
        }
        let width = window.width();
        let line = Line::through(means, width);
        let maxes = Line::through(window.maxes(), width);
        let mins = Line::through(window.mins(), width);
        Some(Self {
            buckets: means.len(),
            width,
            slope: line.slope,
            slope_of_maxes: maxes.slope,
            variance_of_maxes: maxes.variance,
            slope_of_mins: mins.slope,
            residual: line.residual,
            explained: line.explained,
            rising: mann_kendall(means),
            diffusion: diffusion(means, line.slope * width) / width,
            max: window.maxes().iter().copied().fold(0.0, f64::max),
        })
    }
}

/// An ordinary least-squares line through equally spaced values.
struct Line {
    slope: f64,
    variance: f64,
    residual: f64,
    explained: f64,
}

impl Line {
    /// `values`: at least three, `width` seconds apart.
    fn through(values: &[f64], width: f64) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let centred = || {
            values
                .iter()
                .enumerate()
                .map(|(index, value)| (index as f64 - (n - 1.0) / 2.0, value - mean))
        };
        let spread_of_time: f64 = centred().map(|(t, _)| t * t).sum();
        let per_bucket = centred().map(|(t, y)| t * y).sum::<f64>() / spread_of_time;
        let left: f64 = centred().map(|(t, y)| (y - per_bucket * t).powi(2)).sum();
        let all: f64 = centred().map(|(_, y)| y * y).sum();
        let residual = (left / (n - 2.0).max(1.0)).sqrt();
        Self {
            slope: per_bucket / width,
            variance: residual * residual / spread_of_time / (width * width),
            residual,
            explained: if all > 1e-14 { 1.0 - left / all } else { 0.0 },
        }
    }
}

/// Mean square of the steps around the expected one.
fn diffusion(values: &[f64], expected: f64) -> f64 {
    let steps = values.windows(2).map(|pair| (pair[1] - pair[0] - expected).powi(2));
    steps.sum::<f64>() / (values.len() - 1) as f64
}

fn mann_kendall(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mut rises = 0_i32;
    for (index, early) in values.iter().enumerate() {
        for late in &values[index + 1..] {
            rises += i32::from(late > early) - i32::from(late < early);
        }
    }
    f64::from(rises) / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt()
}
