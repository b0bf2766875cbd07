//! How often a limit is being hit, for each horizon: an average that forgets over a quarter of the horizon.

use super::HORIZON_COUNT;
use super::scale::LONGEST;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HitRates([f32; HORIZON_COUNT]);

impl HitRates {
    pub(super) fn of(&self, horizon: usize) -> f32 {
        self.0[horizon]
    }

    /// `step`: nanoseconds since the sample before.
    #[expect(clippy::cast_possible_truncation, reason = "a share keeps seven digits")]
    pub(super) fn take(&mut self, step: u64, hit: bool) {
        let quarter = (LONGEST / 4) as f64;
        let hit = f64::from(u8::from(hit));
        // What is kept of the longest horizon, squared, is kept of the next shorter one.
        let mut kept = (-(step as f64) / quarter).exp();
        for rate in self.0.iter_mut().rev() {
            *rate = (f64::from(*rate) * kept + (1.0 - kept) * hit) as f32;
            kept *= kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_forgotten_over_a_quarter_of_each_horizon() {
        let mut rates = HitRates::default();
        rates.take(u64::MAX, true);
        assert!(rates.0.iter().all(|rate| *rate > 0.99));
        let quarter_of_a_minute = 15_000_000_000;
        rates.take(quarter_of_a_minute, false);
        assert!((rates.of(3) - (-1.0_f32).exp()).abs() < 1e-6);
        assert!(rates.of(0) < 1e-3 && rates.of(12) > 0.99);
    }
}
