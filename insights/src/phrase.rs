//! Numbers, times and foreign text as people read them.

use std::fmt::Write as _;
use std::time::Duration;

const MIB: f64 = 1024.0 * 1024.0;

/// Bytes in the unit that suits them: `64 MiB`, `1.5 GiB`, `812 KiB`.
pub(crate) fn bytes(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1024.0 * MIB => (value / MIB / 1024.0, "GiB"),
        size if size >= MIB => (value / MIB, "MiB"),
        _ => (value / 1024.0, "KiB"),
    };
    let digits = usize::from(scaled.abs() < 100.0 && (scaled - scaled.round()).abs() >= 0.05);
    format!("{scaled:.digits$} {unit}")
}

/// A Kubernetes quantity of whole mebibytes: `768Mi`.
pub(crate) fn quantity(value: u64) -> String {
    format!("{}Mi", value.div_ceil(1024 * 1024))
}

/// A length of time in its two largest units: `340 ms`, `12 s`, `3m15s`, `2h05m`.
pub(crate) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{} ms", length.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1 restart`, `3 restarts`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A share of one: `0.4 %`, `12 %`.
pub(crate) fn percent(share: f64) -> String {
    let digits = usize::from(share < 0.095 && share > 0.0);
    format!("{:.digits$} %", share * 100.0)
}

/// Text from outside, made harmless for a terminal: control characters (C0, DEL, C1), bidirectional overrides, zero-width
/// and line separators are written as `\u{..}`; at most `most` characters are kept.
pub fn escape(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == most {
            out.push('…');
            break;
        }
        if is_unsafe(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The end of a text from outside, in quotes and made harmless: errors that were passed on through several layers name the
/// innermost reason last.
pub(crate) fn ending(text: &str, most: usize) -> String {
    let length = text.chars().count();
    let end: String = text.trim().chars().skip(length.saturating_sub(most)).collect();
    let cut = if length > most { "…" } else { "" };
    format!("\"{cut}{}\"", escape(&end, most))
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_given_in_the_unit_that_suits_them() {
        for (value, text) in [
            (64.0 * MIB, "64 MiB"),
            (1.5 * 1024.0 * MIB, "1.5 GiB"),
            (512.0, "0.5 KiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
        assert_eq!(quantity(768 * 1024 * 1024 - 5), "768Mi");
    }

    #[test]
    fn durations_are_given_in_two_units() {
        for (seconds, text) in [(0.34, "340 ms"), (12.0, "12 s"), (195.0, "3m15s"), (7500.0, "2h05m")] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
    }

    #[test]
    fn small_shares_have_a_digit_more() {
        assert_eq!(
            [0.004, 0.08, 0.12, 1.0, 0.0].map(percent),
            ["0.4 %", "8.0 %", "12 %", "100 %", "0 %"]
        );
    }

    #[test]
    fn nothing_foreign_reaches_the_terminal_raw() {
        let hostile = "a\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{200b}\nb";
        assert_eq!(escape(hostile, 80), r"a\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{200b}\u{a}b");
        assert_eq!(escape("abcdef", 3), "abc…");
    }
}
