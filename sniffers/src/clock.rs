//! The one place where the wall clock and the kernel's clock are read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use correlator::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// Now, by the wall clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The difference between the wall clock and `CLOCK_MONOTONIC`, which BPF programs stamp records with
/// (`bpf_ktime_get_ns`). Take it anew about once a second: the wall clock is slewed and stepped.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    wall: Timestamp,
    monotonic: Duration,
}

impl Anchor {
    /// The anchor of this moment.
    #[must_use]
    pub fn take() -> Self {
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map(Duration::from)
            .unwrap_or_default();
        Self { wall: now(), monotonic }
    }

    /// The wall time of a monotonic stamp.
    #[must_use]
    pub fn wall_of(&self, monotonic_ns: u64) -> Timestamp {
        let stamp = Duration::from_nanos(monotonic_ns);
        self.wall
            .plus(stamp.saturating_sub(self.monotonic))
            .minus(self.monotonic.saturating_sub(stamp))
    }
}
