//! The format most cgroup files share: one `key value` a line ("flat keyed", Documentation/admin-guide/cgroup-v2.rst).

/// The value of `key`, when the text has it as a whole number that fits.
pub(super) fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.strip_prefix(' ')?;
        rest.trim_ascii().parse().ok()
    })
}

/// A file of one number, such as `memory.current` or `cpuacct.usage`.
pub(super) fn single(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_matched_whole_and_junk_is_skipped() {
        let text = "\n\nanon_thp 7\nanon\nanon x\nanon 12\n\u{0}\u{1b}[31m 5\nfile -1\nslab 99999999999999999999\n";
        assert_eq!(value(text, "anon"), Some(12));
        assert_eq!(value(text, "anon_thp"), Some(7));
        assert_eq!(value(text, "thp"), None);
        assert_eq!(value(text, "file"), None);
        assert_eq!(value(text, "slab"), None);
    }

    #[test]
    fn a_single_number_is_read_and_nothing_else() {
        assert_eq!(single("4096\n"), Some(4096));
        assert_eq!(single("0\n"), Some(0));
        for junk in ["", "\n", "max\n", "-1", "1 2", "0x10", "18446744073709551616"] {
            assert_eq!(single(junk), None, "{junk:?}");
        }
    }
}
