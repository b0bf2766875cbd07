//! Days of one rate as a pod has them: load that follows the hour, failures by chance, and chance that comes in bursts.

/// Windows of ten seconds that a day has.
pub(crate) const A_DAY: usize = 8_640;

/// How failures come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Noise {
    /// Each on its own.
    Independent,
    /// The rate itself wanders: its logarithm is an AR(1) of this standard deviation that forgets in five minutes.
    Wandering(f64),
}

/// One kind of pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pod {
    /// Trials a second on average over the day.
    pub(crate) load: f64,
    /// Share of them that fails on average.
    pub(crate) usual: f64,
    pub(crate) noise: Noise,
}

/// Trials and failures of one window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) tried: f64,
    pub(crate) failed: f64,
}

/// Every load, rate and noise of the grid.
pub(crate) fn pods(noise: Noise) -> Vec<Pod> {
    let loads = [0.5, 2.0, 10.0, 50.0];
    let of = |load| [0.001, 0.005, 0.01, 0.05].map(|usual| Pod { load, usual, noise });
    loads.into_iter().flat_map(of).collect()
}

impl Pod {
    /// The rate that an incident raises it to: four times what is usual, and six in a hundred more at least.
    pub(crate) fn broken(self) -> f64 {
        (4.0 * self.usual).max(self.usual + 0.06)
    }

    /// So many windows of it, from some hour of the day on; from the window `since` on it is broken.
    pub(crate) fn windows(self, seed: u64, length: usize, since: Option<usize>) -> Vec<Counted> {
        const FORGETS: f64 = 30.0;
        let mut dice = Dice(seed);
        let (begin, keep) = (dice.next(), (-1.0 / FORGETS).exp());
        let mut wandered = dice.normal();
        let mut window = |index: usize| {
            wandered = keep * wandered + (1.0 - keep * keep).sqrt() * dice.normal();
            let hour = std::f64::consts::TAU * (begin + index as f64 / A_DAY as f64);
            let tried = dice.poisson(10.0 * self.load * (1.0 + 0.6 * hour.sin()));
            let is_broken = since.is_some_and(|since| index >= since);
            let rate = if is_broken { self.broken() } else { self.usual };
            let share = match self.noise {
                Noise::Independent => rate,
                // Less half its variance, so that the mean stays the rate.
                Noise::Wandering(sigma) => rate * (sigma * wandered - sigma * sigma / 2.0).exp(),
            };
            Counted {
                tried,
                failed: dice.binomial(tried, share.min(0.9)),
            }
        };
        (0..length).map(&mut window).collect()
    }
}

/// `SplitMix64`: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.next().max(f64::MIN_POSITIVE).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next()).cos()
    }

    /// By inversion; by the normal distribution where that is the same to a hundredth.
    fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 100.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        let (mut left, mut chance, mut number) = (self.next(), (-mean).exp(), 0.0);
        while left > chance && number < 1_000.0 {
            left -= chance;
            number += 1.0;
            chance *= mean / number;
        }
        number
    }

    /// How many of so many trials have the luck of this share, by inversion.
    fn binomial(&mut self, trials: f64, share: f64) -> f64 {
        let (odds, mut chance) = (share / (1.0 - share), (1.0 - share).powf(trials));
        let (mut left, mut number) = (self.next(), 0.0);
        while left > chance && number < trials {
            left -= chance;
            number += 1.0;
            chance *= odds * (trials - number + 1.0) / number;
        }
        number
    }
}
