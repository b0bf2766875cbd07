//! A circuit breaker: after too many failures in a row nothing is tried for a while, then one trial decides.

use std::time::Duration;

use crate::time::Timestamp;

/// When to open, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerConfig {
    /// Failures in a row that open it; at least 1.
    pub threshold: u32,
    /// How long it stays open the first time.
    pub pause: Duration,
    /// The pause doubles with each failed trial, up to this.
    pub longest_pause: Duration,
}

/// Where the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything is let through.
    Closed,
    /// Nothing is let through until the given time.
    Open(Timestamp),
    /// One trial is under way.
    HalfOpen,
}

/// The breaker. Time is an argument, so that tests and replays need no clock.
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    state: BreakerState,
    failures: u32,
    pause: Duration,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: BreakerState::Closed,
            failures: 0,
            pause: config.pause,
        }
    }

    /// Whether to try now. An open breaker whose pause is over lets exactly one trial through.
    pub fn allows(&mut self, now: Timestamp) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open(until) if now >= until => {
                self.state = BreakerState::HalfOpen;
                true
            }
            BreakerState::Open(_) | BreakerState::HalfOpen => false,
        }
    }

    /// The try went well: closed again.
    pub fn succeeded(&mut self) {
        *self = Self::new(self.config);
    }

    /// The try failed.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let trial = self.state == BreakerState::HalfOpen;
        if trial {
            self.pause = self.pause.saturating_mul(2).min(self.config.longest_pause);
        }
        if trial || self.failures >= self.config.threshold {
            self.state = BreakerState::Open(now.plus(self.pause));
        }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerConfig {
            threshold: 2,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(3),
        })
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    #[test]
    fn a_closed_breaker_lets_everything_through() {
        let mut breaker = breaker();
        breaker.failed(at(0));
        assert!(breaker.allows(at(0)));
        assert!(breaker.allows(at(0)));
    }

    #[test]
    fn it_opens_at_the_threshold_and_lets_one_trial_through_after_the_pause() {
        let mut breaker = breaker();
        breaker.failed(at(0));
        breaker.failed(at(0));
        assert!(!breaker.allows(at(0)));
        assert!(breaker.allows(at(1)));
        assert!(!breaker.allows(at(1)), "only one trial while half open");
    }

    #[test]
    fn a_failed_trial_doubles_the_pause_up_to_its_bound() {
        let mut breaker = breaker();
        breaker.failed(at(0));
        breaker.failed(at(0));
        for (trial, reopened_until) in [(1, 3), (3, 6), (6, 9)] {
            assert!(breaker.allows(at(trial)));
            breaker.failed(at(trial));
            assert_eq!(breaker.state(), BreakerState::Open(at(reopened_until)));
        }
    }

    #[test]
    fn a_good_trial_closes_it_and_forgets_the_failures() {
        let mut breaker = breaker();
        breaker.failed(at(0));
        breaker.failed(at(0));
        assert!(breaker.allows(at(1)));
        breaker.succeeded();
        breaker.failed(at(2));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
