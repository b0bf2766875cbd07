//! The marks of the human output, with a plain ASCII set for terminals that are not UTF-8.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use insights::escape;

/// Set when the user asked for ASCII.
static PLAIN: AtomicBool = AtomicBool::new(false);

/// One set of marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glyphs {
    pub(crate) bar: &'static str,
    pub(crate) bullet: &'static str,
    pub(crate) affected: &'static str,
    pub(crate) prediction: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) unseen: &'static str,
    pub(crate) stats: &'static str,
    pub(crate) good: &'static str,
    pub(crate) bad: &'static str,
}

pub(crate) const UNICODE: Glyphs = Glyphs {
    bar: "━━━",
    bullet: "•",
    affected: "📦 ",
    prediction: "🔮 ",
    actions: "🔧 ",
    unseen: "🙈 ",
    stats: "📊 ",
    good: "✓",
    bad: "×",
};

pub(crate) const ASCII: Glyphs = Glyphs {
    bar: "===",
    bullet: "*",
    affected: "",
    prediction: "",
    actions: "",
    unseen: "",
    stats: "",
    good: "+",
    bad: "x",
};

impl Glyphs {
    /// Text from outside, made harmless; in the ASCII set without anything that is not ASCII.
    pub(crate) fn text(&self, text: &str, most: usize) -> String {
        let text = escape(text, most);
        if self.bar != ASCII.bar || text.is_ascii() {
            return text;
        }
        let mut plain = String::new();
        for c in text.chars() {
            match c {
                '\u{2026}' => plain.push_str("..."),
                c if c.is_ascii() => plain.push(c),
                c => {
                    let _ = write!(plain, "\\u{{{:x}}}", u32::from(c));
                }
            }
        }
        plain
    }
}

/// Uses the ASCII set from now on, whatever the locale is.
pub(crate) fn use_ascii() {
    PLAIN.store(true, Ordering::Relaxed);
}

/// The set for the locale of the environment (`LC_ALL`, `LC_CTYPE`, `LANG`, in that order).
pub(crate) fn from_environment() -> Glyphs {
    let value = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(value)
        .unwrap_or_default();
    let is_plain = PLAIN.load(Ordering::Relaxed) || !is_utf8(&locale);
    if is_plain { ASCII } else { UNICODE }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_set_shows_text_from_outside_in_ascii_too() {
        assert_eq!(ASCII.text("caf\u{e9} abc", 5), "caf\\u{e9} ...");
        assert_eq!(UNICODE.text("caf\u{e9} \u{1b}", 9), "caf\u{e9} \\u{1b}");
    }

    #[test]
    fn only_a_utf8_locale_gets_more_than_ascii() {
        assert!(is_utf8("en_GB.UTF-8") && is_utf8("C.utf8"));
        assert!(!is_utf8("C") && !is_utf8("") && !is_utf8("de_DE.ISO-8859-1"));
        let plain = [
            ASCII.bar,
            ASCII.bullet,
            ASCII.affected,
            ASCII.stats,
            ASCII.good,
            ASCII.bad,
        ];
        assert!(plain.iter().all(|mark| mark.is_ascii()));
    }
}
