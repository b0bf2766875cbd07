//! What reclaim cannot free and what it can, from `memory.stat` and the usage, in cgroup v1 and v2.

use super::flat_keyed::value;

/// A container's memory, split by whether reclaim can free it. Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// Usage less file pages and reclaimable slab. Shared memory stays in: without swap it cannot be freed.
    pub(super) unreclaimable: u64,
    /// File pages and, where the kernel tells it, reclaimable slab.
    pub(super) cache: u64,
    /// The part of the cache that was used of late.
    pub(super) active: u64,
    /// File pages that were not.
    pub(super) inactive: u64,
}

/// The split of a v2 cgroup, from `memory.stat` and `memory.current`. `None` when a key is missing.
///
/// The stat is flushed lazily and may be two seconds old, so read it before `memory.current`.
pub(super) fn split_v2(stat: &str, current: u64) -> Option<Split> {
    let active = value(stat, "active_file")?;
    let inactive = value(stat, "inactive_file")?;
    let cache = [active, inactive, value(stat, "slab_reclaimable")?];
    let cache = cache.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
    Some(Split {
        unreclaimable: current.saturating_sub(cache),
        cache,
        active,
        inactive,
    })
}

/// The split of a v1 cgroup, from `memory.stat`, `memory.usage_in_bytes` and, when there is one,
/// `memory.kmem.usage_in_bytes`. `None` when a key of the file pages is missing.
///
/// `cache` of the file is not used: it contains shared memory. The sum of what is certainly not reclaimable is a floor,
/// because the usage is kept in per-CPU batches; what is missing of it only lowers the floor.
pub(super) fn split_v1(stat: &str, usage: u64, kernel: Option<u64>) -> Option<Split> {
    let active = value(stat, "total_active_file")?;
    let inactive = value(stat, "total_inactive_file")?;
    let cache = active.saturating_add(inactive);
    let floor = [value(stat, "total_rss"), value(stat, "total_shmem"), kernel];
    let floor = floor
        .iter()
        .flatten()
        .fold(0, |sum: u64, part| sum.saturating_add(*part));
    Some(Split {
        unreclaimable: usage.saturating_sub(cache).max(floor),
        cache,
        active,
        inactive,
    })
}

/// Faults of a v2 cgroup and those below it that had to wait for a device, from `memory.stat`.
pub(super) fn major_faults_v2(stat: &str) -> Option<u64> {
    value(stat, "pgmajfault")
}

/// The same of a v1 cgroup.
pub(super) fn major_faults_v1(stat: &str) -> Option<u64> {
    value(stat, "total_pgmajfault")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a 6.1 node, a container of 256 MiB.
    const V2: &str = "anon 104857600\nfile 52428800\nkernel 9437184\nkernel_stack 65536\npagetables 1048576\n\
        sec_pagetables 0\npercpu 4032\nsock 4096\nvmalloc 0\nshmem 8388608\nzswap 0\nzswapped 0\nfile_mapped 4194304\n\
        file_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 113246208\n\
        active_anon 65536\ninactive_file 33554432\nactive_file 10485760\nunevictable 0\nslab_reclaimable 4194304\n\
        slab_unreclaimable 2097152\nslab 6291456\nworkingset_refault_anon 0\npgfault 123456\npgmajfault 789\n";

    /// From a 6.18 hybrid host.
    const V1: &str = "cache 9224192\nrss 7745536\nrss_huge 0\nshmem 9068544\nactive_file 155648\ninactive_file 0\n\
        hierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n\
        total_cache 891478016\ntotal_rss 380112896\ntotal_rss_huge 0\ntotal_shmem 9068544\n\
        total_mapped_file 172331008\ntotal_inactive_anon 372219904\ntotal_active_anon 1593344\n\
        pgmajfault 3\ntotal_pgmajfault 40\ntotal_inactive_file 707989504\ntotal_active_file 174419968\ntotal_unevictable 15282176\n";

    #[test]
    fn v2_subtracts_file_pages_and_reclaimable_slab_but_not_shared_memory() {
        let split = split_v2(V2, 166_723_584).unwrap();
        assert_eq!(split.cache, 33_554_432 + 10_485_760 + 4_194_304);
        assert_eq!(split.unreclaimable, 166_723_584 - 48_234_496);
        assert_eq!(split.active, 10_485_760);
    }

    #[test]
    fn v1_subtracts_the_file_pages_of_the_whole_subtree() {
        let split = split_v1(V1, 1_300_000_000, Some(20_000_000)).unwrap();
        assert_eq!(split.cache, 882_409_472);
        assert_eq!(split.unreclaimable, 417_590_528);
        assert_eq!(split.active, 174_419_968);
    }

    #[test]
    fn v1_is_never_below_what_is_certainly_not_reclaimable() {
        let split = split_v1(V1, 900_000_000, Some(20_000_000)).unwrap();
        assert_eq!(split.unreclaimable, 380_112_896 + 9_068_544 + 20_000_000);
        let split = split_v1(V1, 900_000_000, None).unwrap();
        assert_eq!(split.unreclaimable, 380_112_896 + 9_068_544);
    }

    #[test]
    fn major_faults_are_those_of_the_whole_subtree() {
        assert_eq!(major_faults_v2(V2), Some(789));
        assert_eq!(major_faults_v1(V1), Some(40));
        assert_eq!(major_faults_v1(V2), None);
    }

    #[test]
    fn a_stale_stat_larger_than_the_usage_gives_zero_rather_than_a_wrap() {
        assert_eq!(split_v2(V2, 4096).unwrap().unreclaimable, 0);
    }

    #[test]
    fn without_the_keys_there_is_no_number() {
        assert_eq!(split_v2("anon 1\nfile 2\nactive_file 1\ninactive_file 1\n", 4096), None);
        assert_eq!(split_v1(V2, 4096, None), None);
        assert_eq!(split_v2("", 4096), None);
        assert_eq!(
            split_v1("total_active_file junk\ntotal_inactive_file 1\n", 4096, None),
            None
        );
    }

    #[test]
    fn absurd_values_do_not_overflow() {
        let stat = format!("active_file {0}\ninactive_file {0}\nslab_reclaimable {0}\n", u64::MAX);
        assert_eq!(split_v2(&stat, u64::MAX).unwrap().unreclaimable, 0);
    }
}
