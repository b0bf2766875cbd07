//! The marks of the human output, with a plain ASCII set for terminals that are not UTF-8.

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

/// The set for the locale of the environment (`LC_ALL`, `LC_CTYPE`, `LANG`, in that order).
pub(crate) fn from_environment() -> Glyphs {
    let value = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(value)
        .unwrap_or_default();
    if is_utf8(&locale) { UNICODE } else { ASCII }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

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
