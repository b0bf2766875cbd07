//! Time lost waiting for memory, CPU or disk: the `*.pressure` files of cgroup v2 (Documentation/accounting/psi.rst).
//! `some` is time in which at least one task waited, `full` time in which all that were not idle did. Only the totals are
//! read: averages can be made of them, not the other way round.

/// Stalled time since the cgroup was made, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stalled {
    pub(super) some_ns: u64,
    /// Absent for the CPU before Linux 5.13.
    pub(super) full_ns: Option<u64>,
}

/// The totals of a pressure file.
pub(super) fn stalled(text: &str) -> Option<Stalled> {
    Some(Stalled {
        some_ns: total(text, "some")?,
        full_ns: total(text, "full"),
    })
}

/// `total=` of a line, microseconds in the file.
fn total(text: &str, line: &str) -> Option<u64> {
    let words = text.lines().map(str::split_ascii_whitespace);
    let mut fields = words
        .into_iter()
        .find_map(|mut words| (words.next() == Some(line)).then_some(words))?;
    let micros: u64 = fields.find_map(|field| field.strip_prefix("total="))?.parse().ok()?;
    Some(micros.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a 6.18 hybrid host.
    const IO: &str = "some avg10=2.12 avg60=1.39 avg300=1.21 total=59467122\n\
        full avg10=0.38 avg60=0.18 avg300=0.23 total=40002514\n";
    /// From a 5.10 node.
    const CPU: &str = "some avg10=56.65 avg60=61.73 avg300=55.09 total=847263899\n";

    #[test]
    fn totals_are_nanoseconds() {
        let expected = Stalled {
            some_ns: 59_467_122_000,
            full_ns: Some(40_002_514_000),
        };
        assert_eq!(stalled(IO), Some(expected));
    }

    #[test]
    fn an_old_cpu_file_has_no_full_line() {
        let expected = Stalled {
            some_ns: 847_263_899_000,
            full_ns: None,
        };
        assert_eq!(stalled(CPU), Some(expected));
    }

    #[test]
    fn junk_has_no_total_and_absurd_values_do_not_overflow() {
        for junk in [
            "",
            "some",
            "some total=",
            "some total=x",
            "full total=1",
            "something total=1",
            "some avg10=1",
        ] {
            assert_eq!(stalled(junk), None, "{junk:?}");
        }
        let absurd = stalled(&format!("some total={}\n", u64::MAX)).unwrap();
        assert_eq!(absurd.some_ns, u64::MAX);
    }
}
