//! What the kernel counts at a memory limit: OOM kills in `memory.events` (v2, the whole subtree) and `memory.oom_control`
//! (v1, the cgroup alone), both flat keyed with `oom_kill`, v1 since Linux 4.13; and how often the limit was met, `max` of
//! `memory.events` (`memory.failcnt` in v1 is a number alone).

use super::flat_keyed::value;

/// Processes of the cgroup that the OOM killer killed since the cgroup was made.
pub(super) fn oom_kills(text: &str) -> Option<u64> {
    value(text, "oom_kill")
}

/// How often a v2 cgroup's usage was about to go over its limit since the cgroup was made.
pub(super) fn limit_hits(events: &str) -> Option<u64> {
    value(events, "max")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_v2_events() {
        let events = "low 0\nhigh 0\nmax 4711\noom 5\noom_kill 3\noom_group_kill 0\n";
        assert_eq!(oom_kills(events), Some(3));
        assert_eq!(limit_hits(events), Some(4711));
    }

    #[test]
    fn it_is_read_from_v1_oom_control() {
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 1\noom_kill 2\n"), Some(2));
    }

    #[test]
    fn an_old_kernel_without_the_key_has_no_count() {
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
