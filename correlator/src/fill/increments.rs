//! How much a resource grew within one span of time, over its whole past: a histogram that forgets slowly.

use super::rescaled;

const BINS: usize = 12;
/// A resource that is this empty is starting; its growth then says nothing about later.
const STARTING: f32 = 0.05;
/// From this many on, older increments count less with each new one.
const REMEMBERED: f32 = 500.0;
const FADE: f32 = 0.998;
const MEAN_OVER: f32 = 200.0;
const LARGEST_FADE: f32 = 0.9995;

/// Increments over one horizon, in fractions of the capacity.
#[derive(Debug, Clone, Copy, Default)]
pub struct Increments {
    bins: [f32; BINS],
    weight: f32,
    mean: f32,
    largest: f32,
}

impl Increments {
    /// How many increments were seen, older ones counting less beyond 500.
    pub fn weight(&self) -> f32 {
        self.weight
    }

    /// Their mean; `None` when none was seen.
    pub fn mean(&self) -> Option<f32> {
        (self.weight > 0.0).then_some(self.mean)
    }

    /// The largest, slowly forgotten; `None` when none was seen.
    pub fn largest(&self) -> Option<f32> {
        (self.weight > 0.0).then_some(self.largest)
    }

    /// The share that was at least `distance`, to the width of a bin; `None` when none was seen.
    pub fn share_of_at_least(&self, distance: f64) -> Option<f32> {
        let reaching = |bin: &usize| lower_edge(*bin) >= distance * 0.999;
        let count: f32 = (0..BINS).filter(reaching).map(|bin| self.bins[bin]).sum();
        (self.weight > 0.0).then(|| count / self.weight)
    }

    /// Adds the growth that followed on the fraction `start`.
    pub(super) fn take(&mut self, start: f32, growth: f32) {
        if start <= STARTING {
            return;
        }
        let growth = growth.max(0.0);
        let fade = if self.weight > REMEMBERED { FADE } else { 1.0 };
        for bin in &mut self.bins {
            *bin *= fade;
        }
        self.weight = self.weight * fade + 1.0;
        self.bins[bin_of(growth)] += 1.0;
        self.mean += (growth - self.mean) / self.weight.min(MEAN_OVER);
        self.largest = (self.largest * LARGEST_FADE).max(growth);
    }

    /// The same increments as fractions of another limit; each bin moves as its middle does.
    pub(super) fn rescale(&mut self, ratio: f64) {
        let before = std::mem::take(&mut self.bins);
        for (bin, count) in before.into_iter().enumerate() {
            self.bins[bin_of(rescaled(middle(bin), ratio))] += count;
        }
        self.mean = rescaled(self.mean, ratio);
        self.largest = rescaled(self.largest, ratio);
    }
}

fn bin_of(growth: f32) -> usize {
    let growth = f64::from(growth);
    LOWER_EDGES[1..].iter().filter(|edge| growth >= **edge).count()
}

fn lower_edge(bin: usize) -> f64 {
    LOWER_EDGES[bin]
}

/// What is below 0.005 is noise and shares the first bin; ten bins cover the factor of 200 to the whole limit:
/// 0.005 * 200^((bin - 1) / 10).
const LOWER_EDGES: [f64; BINS] = [
    0.0,
    0.005,
    0.008_493_232_323,
    0.014_426_999_059,
    0.024_506_370_947,
    0.041_627_660_370,
    0.070_710_678_119,
    0.120_112_443_398,
    0.204_028_577_337,
    0.346_572_421_578,
    0.588_704_018_652,
    1.0,
];

#[expect(clippy::cast_possible_truncation, reason = "a fraction keeps seven digits")]
fn middle(bin: usize) -> f32 {
    match bin {
        0 => 0.0,
        _ => (lower_edge(bin) * 200_f64.powf(0.05)) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bins_divide_the_range_evenly_in_logarithms() {
        for (bin, edge) in LOWER_EDGES.iter().enumerate().skip(1) {
            let exact = 0.005 * 200_f64.powf((bin as f64 - 1.0) / 10.0);
            assert!((edge - exact).abs() < 1e-11, "{bin}: {edge} is not {exact}");
            assert_eq!(bin_of(middle(bin)), bin);
        }
    }

    #[test]
    fn the_share_that_reaches_the_limit_is_counted() {
        let mut increments = Increments::default();
        assert_eq!(increments.share_of_at_least(0.1), None);
        for growth in [0.02, 0.02, 0.02, 0.5] {
            increments.take(0.3, growth);
        }
        assert_eq!(increments.share_of_at_least(0.3), Some(0.25));
        assert_eq!(increments.largest(), Some(0.5));
    }

    #[test]
    fn the_growth_of_a_start_is_not_remembered() {
        let mut increments = Increments::default();
        increments.take(0.01, 0.8);
        assert_eq!(increments.mean(), None);
    }

    #[test]
    fn half_the_limit_doubles_the_increments() {
        let mut increments = Increments::default();
        increments.take(0.3, 0.2);
        increments.rescale(2.0);
        assert_eq!(increments.mean(), Some(0.4));
        assert_eq!(increments.share_of_at_least(0.2), Some(1.0), "what was 0.2 is now 0.4");
    }
}
