//! The resolved forecasts that recalibration is fitted to: few enough to keep, and chosen without chance.
//!
//! Which are kept is decided by a hash of whose forecast it was and when, so that the same events keep the same forecasts
//! on any machine. When it is full, every second one of the more frequent outcome goes, and those that stay count double:
//! kills are rare, so that it is as good as always those who lived that are thinned.

use serde::{Deserialize, Serialize};

use super::group::Group;
use super::recalibration::Outcome;

/// Most forecasts kept of each group of horizons.
pub(crate) const CAPACITY: usize = 1_666;
/// Beyond this thinning there is nothing left to thin.
const MAX_THINNING: u8 = 62;

/// A sample of the resolved forecasts of one group of horizons.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reservoir {
    kept: Vec<Kept>,
    /// How often those who lived, and those who were killed, were halved.
    thinned: [u8; 2],
}

/// Hash, log-odds, prior of the workload, whether it came true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Kept(u64, f64, f64, bool);

impl Reservoir {
    /// Takes a resolved forecast in, if the hash says so.
    pub(crate) fn add(&mut self, key: u64, log_odds: f64, prior: f64, came_true: bool) {
        let new = Kept(key, log_odds, prior, came_true);
        if !self.keeps(&new) {
            return;
        }
        self.kept.push(new);
        while self.kept.len() > CAPACITY {
            let killed = self.kept.iter().filter(|kept| kept.3).count();
            let class = usize::from(killed * 2 > self.kept.len());
            if self.thinned[class] >= MAX_THINNING {
                self.kept.pop();
                return;
            }
            self.thinned[class] += 1;
            let kept = std::mem::take(&mut self.kept);
            self.kept = kept.into_iter().filter(|kept| self.keeps(kept)).collect();
        }
    }

    fn keeps(&self, kept: &Kept) -> bool {
        kept.0.trailing_zeros() >= u32::from(self.thinned[usize::from(kept.3)])
    }

    /// What is kept, and how many each stands for.
    pub(crate) fn outcomes(&self, group: Group) -> impl Iterator<Item = Outcome> {
        self.kept.iter().map(move |kept| Outcome {
            group,
            log_odds: kept.1,
            prior: kept.2,
            came_true: kept.3,
            stands_for: 2f64.powi(i32::from(self.thinned[usize::from(kept.3)])),
        })
    }

    /// What is wrong with a reservoir that came from outside.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_sound = |kept: &Kept| kept.1.is_finite() && kept.1.abs() <= 1_000.0 && kept.2 > 0.0 && kept.2 < 1.0;
        match self {
            _ if self.kept.len() > CAPACITY => Some("more forecasts than are ever kept"),
            _ if self.thinned.iter().any(|times| *times > MAX_THINNING) => Some("a sampling rate that cannot be"),
            _ if !self.kept.iter().all(is_sound) => Some("a forecast that is no number"),
            _ => None,
        }
    }
}

/// A well mixed number from a container id, a horizon and a time in nanoseconds (FNV-1a, then the finaliser of splitmix64).
pub(crate) fn key(container: &str, horizon: usize, nanos: u64) -> u64 {
    let bytes = container
        .bytes()
        .chain(horizon.to_le_bytes())
        .chain(nanos.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kills_are_kept_and_those_who_lived_stand_for_as_many_as_there_were() {
        let mut reservoir = Reservoir::default();
        for index in 0..40_000u64 {
            let killed = index % 100 == 0;
            reservoir.add(key("c", 3, index), 0.0, 0.05, killed);
        }
        let outcomes: Vec<Outcome> = reservoir.outcomes(Group::Short).collect();
        assert!(outcomes.len() <= CAPACITY);
        let (killed, lived): (Vec<&Outcome>, Vec<&Outcome>) = outcomes.iter().partition(|outcome| outcome.came_true);
        assert_eq!(killed.len(), 400);
        let stand_for: f64 = lived.iter().map(|outcome| outcome.stands_for).sum();
        assert!((stand_for / 39_600.0 - 1.0).abs() < 0.1, "{stand_for}");
    }

    #[test]
    fn it_is_bounded_even_when_everything_comes_true() {
        let mut reservoir = Reservoir::default();
        (0..20_000u64).for_each(|index| reservoir.add(key("c", 3, index), 0.0, 0.05, true));
        (0..5_000u64).for_each(|_| reservoir.add(0, 0.0, 0.05, true));
        assert!(reservoir.kept.len() <= CAPACITY, "{}", reservoir.kept.len());
    }
}
