//! `/proc/meminfo`: what the machine has of memory and swap, in bytes (Documentation/filesystems/proc.rst).

use std::fs;
use std::path::Path;

/// The part that is used here, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemInfo {
    pub(crate) total: u64,
    /// The kernel's estimate of what programs may still take without swapping (`MemAvailable`).
    pub(crate) available: u64,
    pub(crate) free: u64,
    /// File pages that were not used of late.
    pub(crate) inactive_file: u64,
    pub(crate) swap_total: u64,
    pub(crate) swap_free: u64,
}

impl MemInfo {
    /// What the file below this `/proc` says; `None` when it cannot be read or lacks a line.
    pub(crate) fn read(proc: &Path) -> Option<Self> {
        parse(&fs::read_to_string(proc.join("meminfo")).ok()?)
    }
}

/// Free swap, bytes; `None` for a machine that has no swap at all, or does not tell.
pub(crate) fn free_swap(proc: &Path) -> Option<u64> {
    let info = MemInfo::read(proc)?;
    (info.swap_total > 0).then_some(info.swap_free)
}

fn parse(text: &str) -> Option<MemInfo> {
    let bytes = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(word, _)| *word == name)?;
        let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes.saturating_mul(1024))
    };
    Some(MemInfo {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable")?,
        free: bytes("MemFree")?,
        inactive_file: bytes("Inactive(file)")?,
        swap_total: bytes("SwapTotal")?,
        swap_free: bytes("SwapFree")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a 6.18 host.
    const TEXT: &str = "MemTotal:       24592004 kB\nMemFree:        21016412 kB\nMemAvailable:   23530608 kB\n\
        Buffers:          106496 kB\nActive(file):    1201456 kB\nInactive(file):  1400004 kB\nUnevictable:           0 kB\n\
        SwapTotal:       1048572 kB\nSwapFree:         524288 kB\nHugePages_Total:       0\n";

    #[test]
    fn kibibytes_become_bytes() {
        let info = parse(TEXT).unwrap();
        assert_eq!(info.total, 24_592_004 * 1024);
        assert_eq!(info.available, 23_530_608 * 1024);
        assert_eq!((info.free, info.inactive_file), (21_016_412 * 1024, 1_400_004 * 1024));
        assert_eq!((info.swap_total, info.swap_free), (1_048_572 * 1024, 512 << 20));
    }

    #[test]
    fn a_file_that_lacks_a_line_says_nothing() {
        assert_eq!(parse(&TEXT.replace("MemAvailable", "MemOther")), None);
        assert_eq!(parse(&TEXT.replace("21016412", "much")), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_machine_without_swap_has_none_free() {
        let proc = tempfile::tempdir().unwrap();
        assert_eq!(free_swap(proc.path()), None);
        fs::write(proc.path().join("meminfo"), TEXT).unwrap();
        assert_eq!(free_swap(proc.path()), Some(512 << 20));
        let without = TEXT.replace("1048572", "0").replace("524288", "0");
        fs::write(proc.path().join("meminfo"), without).unwrap();
        assert_eq!(free_swap(proc.path()), None);
    }
}
