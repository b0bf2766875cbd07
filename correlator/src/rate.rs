//! Whether something fails more often than it used to: a cumulative sum of binomial likelihood ratios, learned and kept up to
//! date by the times of events.
//!
//! Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954). The null is what was learned (a Beta posterior),
//! lifted by three standard deviations of what it is not sure of and of what blocks of two minutes vary by beyond chance:
//! failures come in bursts, and a null without that lift raises an alarm at each. Windows end by event times, so that a replay
//! says the same whatever its ticks and batches were.

mod book;
mod kinds;
mod learned;
mod slow;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::series::REACH;
use crate::time::Timestamp;

pub(crate) use book::RateBook;
pub use kinds::{RateKind, Rates};
pub use slow::{SlowRate, Slowness};

use learned::{Block, Counts, Learned};

/// How many false alarms of one watch in a day are put up with, where its windows are independent given what was learned.
pub const FALSE_ALARMS_A_DAY: f64 = 0.1;
/// What is counted together.
pub const WIDTH: Duration = Duration::from_secs(10);

const WIDTH_SECS: u64 = WIDTH.as_secs();
const WINDOWS_A_DAY: u32 = 8_640;
/// What one window adds at most: no single one is enough.
const STEP: f64 = 4.0;
/// Windows that a block has: two minutes.
const BLOCK: u32 = 12;
/// Before that many windows and trials a watch is cold.
const WARM_UP: u32 = 12;
const LEAST_TRIED: f64 = 100.0;
/// The rate that is looked for: so many times the null, or this much more.
const TIMES: f64 = 2.0;
const MORE: f64 = 0.03;
/// After so many windows without a trial a sum begins anew: half an hour.
const GAP: u32 = 180;
/// A rise that stood for so many windows is what is usual now, unless it is more than a cold watch puts up with: 12 hours.
const SETTLED: u32 = WINDOWS_A_DAY / 2;

/// The sum above which a rate counts as risen with [`FALSE_ALARMS_A_DAY`]: 11.4. What is learned goes by it.
pub fn alarm() -> f64 {
    alarm_for(FALSE_ALARMS_A_DAY)
}

/// The logarithm of windows a day for each false alarm a day.
fn alarm_for(false_alarms_a_day: f64) -> f64 {
    (f64::from(WINDOWS_A_DAY) / false_alarms_a_day).ln()
}

/// One rate: how many of what was tried failed, in windows of ten seconds. About 250 bytes, whatever it has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct RateWatch {
    bounds: Bounds,
    /// The window that is held open for what comes late, and the one after it. What comes later still counts in the first.
    open: [Counts; 2],
    front: u32,
    /// The first and the last window in which something was tried.
    first: Option<u32>,
    last: u32,
    is_warm: bool,
    learned: Learned,
    block: Block,
    sum: f64,
    /// What came since the sum was zero, and in which window that began.
    held: Learned,
    onset: u32,
    has_risen: bool,
}

/// What a watch goes by beside what it learned.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// The share of failures that is too much for a watch that has learned nothing. With `None` a cold watch only learns.
    pub cold: Option<f64>,
    /// The null is never below this share.
    pub floor: f64,
}

/// What a watch says at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How much likelier what came since is at the rate that is looked for than at what was usual, as a logarithm; at most twice
    /// [`alarm`].
    pub sum: f64,
    /// Too little was learned to tell what is usual; what rises then is more than the bound for a cold watch.
    pub is_cold: bool,
    /// Since when, to ten seconds: when the sum was zero last.
    pub since: Timestamp,
    /// The share that failed before, as learned; with nothing learned the prior's 0.25 %.
    pub before: f64,
    /// The share that failed since; zero while the sum is zero.
    pub now: f64,
    /// Trials that `before` was learned from; older ones count less, half after 12 hours.
    pub learned: f64,
    /// How long something was tried at the longest.
    pub watched: Duration,
}

impl Rate {
    /// Whether more fails than what was usual explains, when so many false alarms a day are put up with: from 0.00001 to 8,640.
    pub fn is_risen(&self, false_alarms_a_day: f64) -> bool {
        self.sum > alarm_for(false_alarms_a_day)
    }
}

/// What became of a window that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is usual, and so is what was held since the sum was zero.
    Learned,
    /// It may be the beginning of a rise.
    Held,
    /// A rise is over: what was held is not usual.
    Dropped,
}

impl RateWatch {
    /// A watch that has learned nothing.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            open: [Counts::default(); 2],
            front: 0,
            first: None,
            last: 0,
            is_warm: false,
            learned: Learned::default(),
            block: Block::default(),
            sum: 0.0,
            held: Learned::default(),
            onset: 0,
            has_risen: false,
        }
    }

    /// Counts what was tried and failed around `at`. What comes more than five minutes late is refused (`false`), as a
    /// history does; what comes more than one window late counts in the oldest that is open.
    pub fn add(&mut self, at: Timestamp, failed: f64, tried: f64) -> bool {
        self.take(at, Counts::new(failed, tried), &mut |_| ()).is_some()
    }

    /// Counts trials as another source counts them; in each window the larger number of the two holds.
    pub fn add_other(&mut self, at: Timestamp, tried: f64) -> bool {
        self.take(at, Counts::of_other(tried), &mut |_| ()).is_some()
    }

    /// The same, and the slot it went to; tells what became of each window that ended by it.
    fn take(&mut self, at: Timestamp, counts: Counts, told: &mut impl FnMut(Fate)) -> Option<usize> {
        let window = window(at);
        if self.first.is_none() {
            (self.first, self.front, self.last) = (Some(window), window.saturating_sub(1), window);
        }
        if u64::from(self.front.saturating_sub(window)) * WIDTH_SECS > REACH.as_secs() {
            return None;
        }
        self.settle(window.saturating_sub(1), told);
        let slot = usize::from(window > self.front);
        self.open[slot].take(counts);
        Some(slot)
    }

    /// What it says at `now`, of the windows that are over by then.
    pub fn at(&self, now: Timestamp) -> Option<Rate> {
        let first = self.first?;
        let mut settled = self.clone();
        settled.settle(window(now), &mut |_| ());
        let since = if settled.sum > 0.0 { settled.onset } else { settled.last };
        Some(Rate {
            sum: settled.sum,
            is_cold: !settled.is_warm,
            since: begin(since),
            before: settled.learned.rate(),
            now: settled.held.share(),
            learned: settled.learned.tried(),
            watched: now.since(begin(first)),
        })
    }

    /// Takes over what another watch of the same thing counted, such as that of a container before its name was known.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (slot, counts) in (0..).zip(&other.open) {
            if *counts != Counts::default() {
                self.take(begin(other.front.saturating_add(slot)), *counts, &mut |_| ());
            }
        }
        self.learned.add(&other.learned);
    }

    /// The last window in which something was tried.
    fn heard(&self) -> u32 {
        self.last.max(self.front)
    }

    /// Ends the windows before `until`.
    fn settle(&mut self, until: u32, told: &mut impl FnMut(Fate)) {
        for _ in 0..self.open.len() {
            if self.front >= until {
                return;
            }
            let ended = std::mem::take(&mut self.open[0]);
            self.open.swap(0, 1);
            told(self.close(self.front, ended));
            self.front += 1;
        }
        self.front = self.front.max(until);
    }

    fn close(&mut self, window: u32, counts: Counts) -> Fate {
        let (failed, tried) = counts.settled();
        if tried <= 0.0 {
            return if self.sum > 0.0 { Fate::Held } else { Fate::Learned };
        }
        self.age(window);
        if self.is_warm || self.bounds.cold.is_some() {
            let before = self.sum;
            self.sum = (self.sum + self.step(failed, tried)).clamp(0.0, 2.0 * alarm());
            if before <= 0.0 && self.sum > 0.0 {
                self.onset = window;
            }
        }
        self.has_risen |= self.sum > alarm();
        self.held.count(failed, tried);
        if let Some(block) = self.block.count(window / BLOCK, failed, tried) {
            self.held.compare(&block, self.learned.rate());
        }
        self.warm_up(window);
        self.learn(window)
    }

    /// Time passes: what was learned fades, and a sum that nothing was added to for long says nothing any more.
    fn age(&mut self, window: u32) {
        let passed = window.saturating_sub(self.last);
        self.last = self.last.max(window);
        self.learned.fade(passed);
        if passed > GAP {
            (self.sum, self.held, self.has_risen) = (0.0, Learned::default(), false);
        }
    }

    /// What a window adds: how much likelier its failures are at the rate that is looked for than at the null.
    fn step(&self, failed: f64, tried: f64) -> f64 {
        let null = self.null();
        let risen = (TIMES * null).max(null + MORE).min(f64::midpoint(null, 1.0));
        let passed = tried - failed;
        (failed * (risen / null).ln() + passed * ((1.0 - risen) / (1.0 - null)).ln()).min(STEP)
    }

    fn null(&self) -> f64 {
        let least = match self.bounds.cold {
            Some(cold) if !self.is_warm => cold / TIMES,
            Some(_) => 0.0,
            // Any share may be usual, also one that the prior would hardly believe.
            None => self.learned.share(),
        };
        self.learned.null().max(self.bounds.floor).max(least)
    }

    /// A watch is warm once it learned enough and its sum has come to a decision.
    fn warm_up(&mut self, window: u32) {
        let watched = window.saturating_sub(self.first.unwrap_or(window));
        let tried = self.learned.tried() + self.held.tried();
        let is_decided = self.sum <= 0.0 || self.sum > alarm();
        self.is_warm |= watched >= WARM_UP && tried >= LEAST_TRIED && is_decided;
    }

    /// What may be the beginning of a rise is learned once it turned out to be none.
    fn learn(&mut self, window: u32) -> Fate {
        let stood = window.saturating_sub(self.onset) >= SETTLED;
        let is_usual_now = self.sum > 0.0 && stood && self.bounds.cold.is_none_or(|most| self.held.share() < most);
        if self.sum > 0.0 && !is_usual_now {
            return Fate::Held;
        }
        let held = std::mem::take(&mut self.held);
        self.sum = 0.0;
        let has_risen = std::mem::take(&mut self.has_risen);
        if has_risen && !is_usual_now {
            return Fate::Dropped;
        }
        self.learned.add(&held);
        Fate::Learned
    }
}

fn window(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs() / WIDTH_SECS).unwrap_or(u32::MAX)
}

fn begin(window: u32) -> Timestamp {
    Timestamp::from_secs(u64::from(window) * WIDTH_SECS)
}
