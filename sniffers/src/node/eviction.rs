//! When the kubelet evicts pods to get something back.

/// Thresholds of the kubelet's hard eviction (`evictionHard`). The defaults are those of a kubelet that is not told
/// otherwise on Linux (`pkg/kubelet/apis/config/v1beta1/defaults_linux.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eviction {
    /// Bytes of memory (`memory.available`, 100 MiB).
    pub memory: u64,
    /// Percent of the file system's size (`nodefs.available`, 10).
    pub disk_percent: u8,
    /// Percent of the file system's inodes (`nodefs.inodesFree`, 5).
    pub inodes_percent: u8,
}

impl Default for Eviction {
    fn default() -> Self {
        Self {
            memory: 100 << 20,
            disk_percent: 10,
            inodes_percent: 5,
        }
    }
}

/// A part of a whole, without overflow.
pub(super) fn share(whole: u64, percent: u8) -> u64 {
    let part = u128::from(whole) * u128::from(percent.min(100)) / 100;
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_of_the_whole_and_never_more() {
        assert_eq!(share(1000, 10), 100);
        assert_eq!(share(u64::MAX, 100), u64::MAX);
        assert_eq!(share(1000, 255), 1000);
    }
}
