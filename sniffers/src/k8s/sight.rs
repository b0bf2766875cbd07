//! Whether a watch sees: when a failure is worth saying, and when it is over.
//!
//! The watcher does not say when a watch was opened again, and a quiet resource looks like a dead one. So after a
//! failure in the watch phase that is followed by silence, the server is asked for one object; that answer decides.

use std::time::Duration;

use tokio::time::Instant;

use super::gap::{Cause, Phase, Trouble};

/// A list may take this long between two objects before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(10);
/// Failures that are over within this time are not worth saying.
const GRACE: Duration = Duration::from_secs(3);
/// How often a blind watch asks whether the server is back.
const PROBE: Duration = Duration::from_secs(10);
/// Longer than the longest back-off of the watcher: a forbidden watch that is not refused again by then is open.
const REFUSED: Duration = Duration::from_secs(75);

/// What to do when the deadline passes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Ask the server for one object, then call `works` or `probe_failed`.
    Probe,
    /// The gap is to be said.
    SayBlind(Trouble),
    /// The gap is to be closed.
    SaySighted,
}

/// The state of one watch's sight.
#[derive(Debug)]
pub(super) struct Sight {
    state: State,
    /// A gap was said and not closed.
    told: bool,
}

#[derive(Debug)]
enum State {
    Starting { since: Instant },
    Seeing,
    Doubt { since: Instant, trouble: Trouble },
    Blind { phase: Phase, probe: Instant },
    Forbidden { phase: Phase, last: Instant },
}

impl Sight {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: State::Starting { since: now },
            told: false,
        }
    }

    /// An object of a list came: it is alive, though not complete.
    pub(super) fn progresses(&mut self, now: Instant) {
        if let State::Starting { since } = &mut self.state {
            *since = now;
        }
    }

    /// The list is complete, a change came, or a probe was answered. Returns whether a gap is to be closed.
    pub(super) fn works(&mut self) -> bool {
        self.state = State::Seeing;
        std::mem::take(&mut self.told)
    }

    /// A failure. Returns whether it is to be said at once.
    pub(super) fn fails(&mut self, trouble: &Trouble, now: Instant) -> bool {
        let phase = trouble.phase;
        if trouble.cause == Cause::Forbidden {
            let known = matches!(self.state, State::Forbidden { .. });
            self.state = State::Forbidden { phase, last: now };
            self.told = true;
            return !known;
        }
        match &mut self.state {
            State::Doubt { trouble: before, .. } => *before = trouble.clone(),
            State::Blind { phase: before, .. } => *before = phase,
            State::Forbidden { .. } => {
                self.state = State::Blind {
                    phase,
                    probe: now + PROBE,
                }
            }
            State::Starting { .. } | State::Seeing => {
                self.state = State::Doubt {
                    since: now,
                    trouble: trouble.clone(),
                };
            }
        }
        false
    }

    /// A probe was not answered well. Returns whether that is to be said.
    pub(super) fn probe_failed(&mut self, trouble: &Trouble, now: Instant) -> bool {
        if trouble.cause == Cause::Forbidden {
            return self.fails(trouble, now);
        }
        self.state = State::Blind {
            phase: Phase::Watch,
            probe: now + PROBE,
        };
        !std::mem::replace(&mut self.told, true)
    }

    /// When to call `due`.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Starting { since } => Some(*since + PATIENCE),
            State::Doubt { since, .. } => Some(*since + GRACE),
            State::Blind {
                phase: Phase::Watch,
                probe,
            } => Some(*probe),
            State::Forbidden {
                phase: Phase::Watch,
                last,
            } => Some(*last + REFUSED),
            State::Seeing | State::Blind { .. } | State::Forbidden { .. } => None,
        }
    }

    /// The deadline passed.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let trouble = match &self.state {
            State::Doubt {
                trouble: Trouble {
                    phase: Phase::Watch, ..
                },
                ..
            }
            | State::Blind { .. } => return Due::Probe,
            State::Forbidden { .. } => return if self.works() { Due::SaySighted } else { Due::Nothing },
            State::Seeing => return Due::Nothing,
            State::Doubt { trouble, .. } => trouble.clone(),
            State::Starting { .. } => {
                let reason = format!("no answer within {} s", PATIENCE.as_secs());
                Trouble {
                    phase: Phase::List,
                    cause: Cause::Other(reason),
                }
            }
        };
        self.state = State::Blind {
            phase: Phase::List,
            probe: now,
        };
        if std::mem::replace(&mut self.told, true) {
            Due::Nothing
        } else {
            Due::SayBlind(trouble)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(phase: Phase) -> Trouble {
        Trouble {
            phase,
            cause: Cause::Other("reset".to_owned()),
        }
    }

    fn forbidden(phase: Phase) -> Trouble {
        Trouble {
            phase,
            cause: Cause::Forbidden,
        }
    }

    fn seeing() -> (Sight, Instant) {
        let now = Instant::now();
        let mut sight = Sight::new(now);
        assert!(!sight.works());
        (sight, now)
    }

    #[test]
    fn a_forbidden_list_is_said_once_and_closed_when_it_works() {
        let now = Instant::now();
        let mut sight = Sight::new(now);
        assert!(sight.fails(&forbidden(Phase::List), now));
        assert!(!sight.fails(&forbidden(Phase::List), now));
        assert_eq!(sight.deadline(), None);
        assert!(sight.works());
        assert!(!sight.works());
    }

    #[test]
    fn a_watch_that_breaks_and_comes_back_is_never_called_blind() {
        let (mut sight, now) = seeing();
        assert!(!sight.fails(&trouble(Phase::Watch), now));
        assert_eq!(sight.deadline(), Some(now + GRACE));
        assert_eq!(sight.due(now + GRACE), Due::Probe);
        assert!(!sight.works());
        assert_eq!(sight.deadline(), None);
    }

    #[test]
    fn a_watch_that_stays_broken_is_called_blind_once_and_probed_again() {
        let (mut sight, now) = seeing();
        sight.fails(&trouble(Phase::Watch), now);
        assert!(sight.probe_failed(&trouble(Phase::Watch), now));
        assert_eq!(sight.deadline(), Some(now + PROBE));
        assert!(!sight.fails(&trouble(Phase::Watch), now));
        assert!(!sight.probe_failed(&trouble(Phase::Watch), now));
        assert!(sight.works());
    }

    #[test]
    fn a_list_that_keeps_failing_is_called_blind_whatever_a_probe_would_say() {
        let now = Instant::now();
        let mut sight = Sight::new(now);
        sight.fails(&trouble(Phase::List), now);
        assert_eq!(sight.due(now + GRACE), Due::SayBlind(trouble(Phase::List)));
        assert_eq!(sight.deadline(), None);
        assert!(sight.works());
    }

    #[test]
    fn a_list_that_is_never_answered_is_said_but_a_slow_one_is_not() {
        let now = Instant::now();
        let mut sight = Sight::new(now);
        sight.progresses(now + GRACE);
        assert_eq!(sight.deadline(), Some(now + GRACE + PATIENCE));
        assert!(matches!(sight.due(now + GRACE + PATIENCE), Due::SayBlind(_)));
    }

    #[test]
    fn a_forbidden_watch_that_is_not_refused_again_is_open() {
        let (mut sight, now) = seeing();
        assert!(sight.fails(&forbidden(Phase::Watch), now));
        assert_eq!(sight.deadline(), Some(now + REFUSED));
        assert_eq!(sight.due(now + REFUSED), Due::SaySighted);
    }
}
