//! Whether failures became more frequent than they were: a cumulative sum of binomial likelihood ratios.
//!
//! Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954), with the failure rate before as null. Five
//! minutes are little to learn that rate from and failures come in bursts, so the null is the upper bound of what was learned
//! (Wilson, two standard deviations) lifted by three times what the windows vary by beyond chance.

use correlator::Timestamp;

/// Ten seconds of trials that failed or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trials {
    /// When they began.
    pub(crate) at: Timestamp,
    pub(crate) tried: f64,
    pub(crate) failed: f64,
}

/// A failure rate that rose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rise {
    /// When it began.
    pub(crate) since: Timestamp,
    /// Failures a trial before.
    pub(crate) before: f64,
    /// Failures a trial since.
    pub(crate) now: f64,
}

/// The sum that says so: ln(8640 / 0.1), one false alarm in ten days of windows of ten seconds that are independent.
const ALARM: f64 = 11.4;
/// Where the sum stops, so that it comes down again soon after the trouble ended.
const MOST: f64 = 2.0 * ALARM;
/// What one window adds at most: no single one is enough.
const STEP: f64 = 4.0;
/// Windows at the start that are only learned from: two minutes.
const WARM_UP: usize = 12;
/// Trials to have learned from.
const LEAST_TRIED: f64 = 100.0;
/// Standard deviations of the upper bound, and of the lift.
const SURE: f64 = 2.0;
const LIFT: f64 = 3.0;
/// The rate that is looked for: twice the null, or this much more.
const TIMES: f64 = 2.0;
const MORE: f64 = 0.03;

/// What was learned of the rate before.
#[derive(Debug, Default)]
struct Learned {
    tried: f64,
    failed: f64,
    windows: Vec<Trials>,
}

/// Whether the failures of these windows, oldest first, became more frequent and are so at the end. `None` also while too
/// little was learned.
pub(crate) fn rise(windows: &[Trials]) -> Option<Rise> {
    let (mut learned, mut sum, mut since) = (Learned::default(), 0.0_f64, 0);
    for (index, window) in windows.iter().enumerate() {
        if index >= WARM_UP && learned.tried >= LEAST_TRIED {
            let before = sum;
            sum = (sum + step(learned.null(), window)).clamp(0.0, MOST);
            if before <= 0.0 && sum > 0.0 {
                since = index;
            }
        }
        // What may be the beginning of a rise is learned once it turns out to be none.
        if sum <= 0.0 {
            for held in &windows[learned.windows.len()..=index] {
                learned.add(held);
            }
        }
    }
    (sum > ALARM).then(|| {
        let risen = &windows[since..];
        let total = |of: fn(&Trials) -> f64| risen.iter().map(of).sum::<f64>();
        Rise {
            since: windows[since].at,
            before: learned.failed / learned.tried,
            now: total(|window| window.failed) / total(|window| window.tried),
        }
    })
}

/// What a window adds: how much likelier its failures are at the rate that is looked for than at the null.
fn step(null: f64, window: &Trials) -> f64 {
    let risen = (TIMES * null).max(null + MORE).min(0.99);
    let passed = (window.tried - window.failed).max(0.0);
    let failed = window.failed.min(window.tried);
    (failed * (risen / null).ln() + passed * ((1.0 - risen) / (1.0 - null)).ln()).min(STEP)
}

impl Learned {
    fn add(&mut self, window: &Trials) {
        self.tried += window.tried;
        self.failed += window.failed.min(window.tried);
        self.windows.push(*window);
    }

    /// The rate that chance and bursts explain.
    fn null(&self) -> f64 {
        let (rate, square) = (self.failed / self.tried, SURE * SURE);
        let spread = SURE * (rate * (1.0 - rate) / self.tried + square / (4.0 * self.tried * self.tried)).sqrt();
        let upper = (rate + square / (2.0 * self.tried) + spread) / (1.0 + square / self.tried);
        (upper + LIFT * self.excess(rate).sqrt()).min(0.5)
    }

    /// The variance of the windows' rates beyond that of a binomial, weighted with their trials.
    fn excess(&self, rate: f64) -> f64 {
        let off = |window: &Trials| {
            let missed = (window.failed - rate * window.tried).powi(2);
            (missed / window.tried.max(1.0)) - rate * (1.0 - rate)
        };
        let beyond: f64 = self.windows.iter().filter(|window| window.tried > 0.0).map(off).sum();
        (beyond / self.tried).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows that a history of five minutes has.
    const REACH: usize = 30;
    const A_DAY: usize = 8_640;

    /// `SplitMix64`: the same numbers in every run.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// How many of `trials` have the luck of `share`.
        fn count(&mut self, trials: f64, share: f64) -> f64 {
            let mut lucky = 0.0;
            let mut left = trials;
            while left >= 1.0 {
                lucky += f64::from(self.next() < share);
                left -= 1.0;
            }
            lucky
        }
    }

    /// Windows with about `tried` trials each; the rate wanders by up to `burst` of itself, a minute at a time.
    fn windows(dice: &mut Dice, tried: u32, rate: f64, burst: f64, length: usize) -> Vec<Trials> {
        let mut current = rate;
        let mut window = |index: usize| {
            if index.is_multiple_of(6) {
                current = rate * (1.0 + burst * (2.0 * dice.next() - 1.0));
            }
            let tried = dice.count(2.0 * f64::from(tried), 0.5);
            let (at, failed) = (Timestamp::from_secs(10 * index as u64), dice.count(tried, current));
            Trials { at, tried, failed }
        };
        (0..length).map(&mut window).collect()
    }

    fn day(dice: &mut Dice, tried: u32, rate: f64, burst: f64) -> Vec<Trials> {
        windows(dice, tried, rate, burst, A_DAY)
    }

    /// Alarms in a day: rises that are found after a window without one.
    fn alarms(windows: &[Trials]) -> usize {
        let found: Vec<bool> = windows.windows(REACH).map(|reach| rise(reach).is_some()).collect();
        found.windows(2).filter(|pair| !pair[0] && pair[1]).count()
    }

    #[test]
    fn a_steady_rate_raises_no_alarm_in_a_day() {
        let mut dice = Dice(1);
        for tried in [5, 50, 200] {
            for rate in [0.001, 0.01, 0.05] {
                assert_eq!(alarms(&day(&mut dice, tried, rate, 0.0)), 0, "{tried} at {rate}");
            }
        }
    }

    #[test]
    fn a_rate_that_wanders_by_a_third_raises_one_alarm_a_day_at_most() {
        let mut dice = Dice(2);
        for (tried, rate) in [(50, 0.001), (50, 0.01), (50, 0.05), (200, 0.01), (200, 0.05)] {
            let alarms = alarms(&day(&mut dice, tried, rate, 0.3));
            assert!(alarms <= 1, "{alarms} with {tried} at {rate}");
        }
    }

    /// In how many of a hundred cases a rate that rises after three minutes is found within three more.
    fn found(dice: &mut Dice, tried: u32, before: f64, after: f64) -> usize {
        let is_found = |_: &u32| {
            let mut windows = windows(dice, tried, before, 0.0, 36);
            for window in &mut windows[18..] {
                window.failed = dice.count(window.tried, after);
            }
            (18..36_usize).any(|end| rise(&windows[end.saturating_sub(REACH - 1)..=end]).is_some())
        };
        (0..100).filter(is_found).count()
    }

    #[test]
    fn a_rise_to_more_than_three_times_is_found_where_trials_are_many() {
        let mut dice = Dice(3);
        for (tried, before, after) in [(50, 0.001, 0.05), (50, 0.01, 0.1), (200, 0.05, 0.2)] {
            let found = found(&mut dice, tried, before, after);
            assert!(found >= 90, "{found} of 100 with {tried} from {before} to {after}");
        }
    }

    #[test]
    fn a_rise_says_when_it_began_and_what_was_before() {
        let window = |index: u64, failed| Trials {
            at: Timestamp::from_secs(10 * index),
            tried: 100.0,
            failed,
        };
        let mut windows: Vec<Trials> = (0..20).map(|index| window(index, 1.0)).collect();
        windows.extend((20..25).map(|index| window(index, 20.0)));
        let rise = rise(&windows).expect("a rise");
        assert_eq!(rise.since, Timestamp::from_secs(200));
        assert!(
            (rise.before - 0.01).abs() < 1e-9 && (rise.now - 0.2).abs() < 1e-9,
            "{rise:?}"
        );
    }

    #[test]
    fn nothing_is_judged_while_little_is_known_nor_when_the_trouble_is_over() {
        let window = |index: u64, failed| Trials {
            at: Timestamp::from_secs(10 * index),
            tried: 100.0,
            failed,
        };
        let young: Vec<Trials> = (0..12)
            .map(|index| window(index, if index < 6 { 0.0 } else { 50.0 }))
            .collect();
        assert_eq!(rise(&young), None);
        let over: Vec<Trials> = (0..30)
            .map(|index| window(index, if (14..16).contains(&index) { 50.0 } else { 0.0 }))
            .collect();
        assert!(rise(&over[..17]).is_none() && rise(&over).is_none());
        assert_eq!(rise(&[]), None);
    }
}
