//! Memory limits: `memory.max` (v2) and `hierarchical_memory_limit` (v1), where "no limit" is a word or a huge number.

use super::flat_keyed::{single, value};

/// v1 writes "no limit" as the largest counter in pages: `LONG_MAX` cut to a page (0x7FFFFFFFFFFFF000 with 4 KiB pages,
/// 0x7FFFFFFFFFFF0000 with 64 KiB; `mm/memcontrol-v1.c`, `include/linux/page_counter.h`).
const UNLIMITED_V1: u64 = 0x7FFF_FFFF_FFFF_0000;

/// The limit in a `memory.max` file, bytes; `None` for `max` and for what is no number. 0 is a limit.
pub(super) fn limit_v2(text: &str) -> Option<u64> {
    single(text)
}

/// The lowest limit that holds for a v1 cgroup, bytes, from its `memory.stat`; `None` when there is none.
pub(super) fn limit_v1(stat: &str) -> Option<u64> {
    value(stat, "hierarchical_memory_limit").and_then(limited_v1)
}

/// A number that v1 gives for a limit, unless it stands for none.
pub(super) fn limited_v1(bytes: u64) -> Option<u64> {
    (bytes < UNLIMITED_V1).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_is_no_limit_and_zero_is_one() {
        assert_eq!(limit_v2("max\n"), None);
        assert_eq!(limit_v2("0\n"), Some(0));
        assert_eq!(limit_v2("268435456\n"), Some(268_435_456));
        assert_eq!(limit_v2("maximum\n"), None);
        assert_eq!(limit_v2(""), None);
    }

    #[test]
    fn the_huge_number_of_v1_is_no_limit() {
        for unlimited in [0x7FFF_FFFF_FFFF_F000_u64, 0x7FFF_FFFF_FFFF_0000, u64::MAX] {
            assert_eq!(
                limit_v1(&format!("rss 1\nhierarchical_memory_limit {unlimited}\n")),
                None
            );
        }
        assert_eq!(
            limit_v1("rss 1\nhierarchical_memory_limit 67108864\n"),
            Some(67_108_864)
        );
        assert_eq!(limit_v1("hierarchical_memory_limit 0\n"), Some(0));
        assert_eq!(limit_v1("rss 1\n"), None);
    }
}
