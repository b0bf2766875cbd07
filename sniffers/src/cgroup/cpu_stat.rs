//! `cpu.stat`: CPU time used and throttled. v2 counts in microseconds; v1 has no usage there and throttles in
//! nanoseconds. v2 shows throttling only where its cpu controller is enabled.

use super::flat_keyed::value;

/// Throttling since the cgroup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Throttling {
    /// Enforcement periods.
    pub(super) periods: u64,
    /// Those in which the quota ran out.
    pub(super) throttled: u64,
    /// Nanoseconds, summed over CPUs.
    pub(super) time_ns: u64,
}

/// CPU time of a v2 cgroup, nanoseconds.
pub(super) fn usage_v2(text: &str) -> Option<u64> {
    value(text, "usage_usec").map(|usec| usec.saturating_mul(1000))
}

/// Throttling of a v2 cgroup.
pub(super) fn throttling_v2(text: &str) -> Option<Throttling> {
    Some(Throttling {
        periods: value(text, "nr_periods")?,
        throttled: value(text, "nr_throttled")?,
        time_ns: value(text, "throttled_usec")?.saturating_mul(1000),
    })
}

/// Throttling of a v1 cgroup.
pub(super) fn throttling_v1(text: &str) -> Option<Throttling> {
    Some(Throttling {
        periods: value(text, "nr_periods")?,
        throttled: value(text, "nr_throttled")?,
        time_ns: value(text, "throttled_time")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "usage_usec 1500250\nuser_usec 1000000\nsystem_usec 500250\nnice_usec 0\ncore_sched.force_idle_usec 0\n\
        nr_periods 120\nnr_throttled 40\nthrottled_usec 2000001\nnr_bursts 0\nburst_usec 0\n";

    #[test]
    fn v2_is_microseconds() {
        assert_eq!(usage_v2(V2), Some(1_500_250_000));
        let throttling = Throttling {
            periods: 120,
            throttled: 40,
            time_ns: 2_000_001_000,
        };
        assert_eq!(throttling_v2(V2), Some(throttling));
    }

    #[test]
    fn v1_is_nanoseconds() {
        let text = "nr_periods 10\nnr_throttled 4\nthrottled_time 987654321\nnr_bursts 0\nburst_time 0\n";
        let throttling = Throttling {
            periods: 10,
            throttled: 4,
            time_ns: 987_654_321,
        };
        assert_eq!(throttling_v1(text), Some(throttling));
        assert_eq!(usage_v2(text), None);
    }

    #[test]
    fn without_the_controller_there_is_no_throttling() {
        assert_eq!(throttling_v2("usage_usec 5\nuser_usec 5\nsystem_usec 0\n"), None);
        assert_eq!(throttling_v1(""), None);
    }

    #[test]
    fn absurd_values_do_not_overflow() {
        assert_eq!(usage_v2(&format!("usage_usec {}\n", u64::MAX)), Some(u64::MAX));
    }
}
