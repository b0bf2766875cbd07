//! What a watch learned of a rate: a Beta posterior that fades, and how much blocks of two minutes vary beyond chance.

use super::SETTLED;

/// The prior: half a failure in two hundred trials.
const PRIOR_FAILED: f64 = 0.5;
const PRIOR_TRIED: f64 = 200.5;
/// What rates wander by, as a share of themselves, and the blocks that this weighs as much as.
const PRIOR_SPREAD: f64 = 0.3;
const PRIOR_BLOCKS: f64 = 10.0;
/// Standard deviations that the null is lifted by.
const LIFT: f64 = 3.0;
/// The lift stops here, or half-way to all where more than none is usual.
const MOST: f64 = 0.5;
/// Windows after which what was learned counts half: 12 hours.
const HALF_LIFE: u32 = SETTLED;

/// What was counted in one window, by two sources of trials.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    failed: f64,
    tried: f64,
    other: f64,
}

impl Counts {
    pub(super) fn new(failed: f64, tried: f64) -> Self {
        Self {
            failed,
            tried,
            other: 0.0,
        }
    }

    /// Trials as the other source counts them.
    pub(super) fn of_other(tried: f64) -> Self {
        Self {
            other: tried,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, more: Self) {
        self.failed += more.failed;
        self.tried += more.tried;
        self.other += more.other;
    }

    /// Failed and tried; never more failures than trials.
    pub(super) fn settled(self) -> (f64, f64) {
        let failed = self.failed.max(0.0);
        (failed, self.tried.max(self.other).max(failed))
    }
}

/// Failures and trials with their weights, and what blocks vary by.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Learned {
    failed: f64,
    tried: f64,
    /// Variance of the blocks' rates beyond that of a binomial, times trials; those trials, and the blocks.
    excess: f64,
    weight: f64,
    blocks: f64,
}

/// The two minutes that are not over.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Block {
    index: u32,
    failed: f64,
    tried: f64,
}

impl Block {
    /// Counts a window of a block. Gives back the block before when that is over.
    pub(super) fn count(&mut self, index: u32, failed: f64, tried: f64) -> Option<Self> {
        let is_over = self.index != index && self.tried > 0.0;
        let over = is_over.then(|| std::mem::take(self));
        self.index = index;
        self.failed += failed;
        self.tried += tried;
        over
    }
}

impl Learned {
    /// Counts a window.
    pub(super) fn count(&mut self, failed: f64, tried: f64) {
        self.failed += failed;
        self.tried += tried;
    }

    /// Counts how far a block is from the usual rate.
    pub(super) fn compare(&mut self, block: &Block, usual: f64) {
        let off = block.failed / block.tried - usual;
        self.excess += block.tried * off * off - usual * (1.0 - usual);
        self.weight += block.tried;
        self.blocks += 1.0;
    }

    /// Adds what was counted elsewhere.
    pub(super) fn add(&mut self, other: &Self) {
        self.failed += other.failed;
        self.tried += other.tried;
        self.excess += other.excess;
        self.weight += other.weight;
        self.blocks += other.blocks;
    }

    /// So many windows passed.
    pub(super) fn fade(&mut self, windows: u32) {
        let left = (-f64::from(windows) / f64::from(HALF_LIFE)).exp2();
        self.failed *= left;
        self.tried *= left;
        self.excess *= left;
        self.weight *= left;
        self.blocks *= left;
    }

    pub(super) fn tried(&self) -> f64 {
        self.tried
    }

    /// The share that failed; zero without trials.
    pub(super) fn share(&self) -> f64 {
        self.failed / self.tried.max(1.0)
    }

    /// The mean of the posterior.
    pub(super) fn rate(&self) -> f64 {
        (self.failed + PRIOR_FAILED) / (self.tried + PRIOR_TRIED)
    }

    /// The rate that chance and bursts explain.
    pub(super) fn null(&self) -> f64 {
        let rate = self.rate();
        let unsure = rate * (1.0 - rate) / (self.tried + PRIOR_TRIED);
        let most = MOST.max(f64::midpoint(rate, 1.0));
        (rate + LIFT * (self.spread() + unsure).sqrt()).min(most)
    }

    /// The variance between blocks: beyond what blocks of a binomial vary by, as far as so few of them tell, and with the prior.
    fn spread(&self) -> f64 {
        let rate = self.rate();
        let chance = rate * (1.0 - rate) * (2.0 * self.blocks).sqrt();
        let seen = (self.excess - chance).max(0.0) / self.weight.max(1.0);
        let prior = (PRIOR_SPREAD * rate).powi(2);
        (self.blocks * seen + PRIOR_BLOCKS * prior) / (self.blocks + PRIOR_BLOCKS)
    }
}
