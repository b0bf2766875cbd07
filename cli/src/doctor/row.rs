//! One line of the doctor's report, and the report as a table.

use std::fmt::Write as _;

use colored::Colorize as _;
use serde::Serialize;
use textwrap::{Options, WordSplitter};

use crate::output::glyphs::Glyphs;

/// Longest text of a cell, characters.
const LONGEST: usize = 600;

/// Fewest columns that a cell is wrapped to.
const NARROWEST: usize = 20;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    /// It works.
    Ok,
    /// tapio works without it, and sees less.
    Warn,
    /// tapio needs it.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) check: String,
    #[serde(rename = "status")]
    pub(crate) mark: Mark,
    pub(crate) found: String,
    /// What to do; only where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

/// It works.
pub(crate) fn good(check: impl Into<String>, found: impl Into<String>) -> Row {
    Row {
        check: check.into(),
        mark: Mark::Ok,
        found: found.into(),
        hint: None,
    }
}

/// It does not, and this is what to do.
pub(crate) fn bad(mark: Mark, check: impl Into<String>, found: impl Into<String>, hint: impl Into<String>) -> Row {
    Row {
        check: check.into(),
        mark,
        found: found.into(),
        hint: Some(hint.into()),
    }
}

/// The rows below each other, each hint under its row, and what came of it; no wider than so many columns where words allow.
pub(crate) fn table(rows: &[Row], glyphs: &Glyphs, columns: usize) -> String {
    let width = rows
        .iter()
        .map(|row| row.check.chars().count())
        .max()
        .unwrap_or_default();
    let indent = " ".repeat(width + 4);
    let left = columns.saturating_sub(indent.len()).max(NARROWEST);
    let options = Options::new(left)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    let cell = |text: &str| {
        let lines = textwrap::wrap(&glyphs.text(text, LONGEST), &options).join("\n");
        lines.replace('\n', &format!("\n{indent}"))
    };
    let mut text = String::new();
    for row in rows {
        let mark = match row.mark {
            Mark::Ok => glyphs.good.green(),
            Mark::Warn => "!".yellow(),
            Mark::Fail => glyphs.bad.red(),
        };
        let _ = writeln!(text, "{mark} {:width$}  {}", row.check, cell(&row.found));
        if let Some(hint) = &row.hint {
            let _ = writeln!(text, "  {:width$}  {}", "", cell(hint).dimmed());
        }
    }
    let count = |mark| rows.iter().filter(|row| row.mark == mark).count();
    let (good, warn, fail) = (count(Mark::Ok), count(Mark::Warn), count(Mark::Fail));
    let _ = writeln!(text, "\n{good} ok, {warn} warnings, {fail} failed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::glyphs::ASCII;

    #[test]
    fn the_hint_is_under_its_row_and_foreign_text_is_escaped() {
        colored::control::set_override(false);
        let rows = [
            good("kernel", "6.12\u{1b}[31m"),
            bad(Mark::Fail, "BTF", "none", "build it"),
        ];
        let text = table(&rows, &ASCII, 80);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(
            text.ends_with("x BTF     none\n          build it\n\n1 ok, 0 warnings, 1 failed\n"),
            "{text}"
        );
    }

    #[test]
    fn long_cells_are_wrapped_below_where_they_begin() {
        colored::control::set_override(false);
        let rows = [good("clock", "wall clock and monotonic clock run alike")];
        let text = table(&rows, &ASCII, 40);
        assert!(
            text.starts_with("+ clock  wall clock and monotonic clock\n         run alike\n"),
            "{text}"
        );
        assert!(table(&rows, &ASCII, usize::MAX).starts_with("+ clock  wall clock and monotonic clock run alike\n"));
    }

    #[test]
    fn json_has_no_hint_where_nothing_is_wrong() {
        let line = serde_json::to_string(&good("kernel", "6.12")).unwrap();
        assert_eq!(line, r#"{"check":"kernel","status":"ok","found":"6.12"}"#);
    }
}
