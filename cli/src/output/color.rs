//! Whether what is written is coloured: what the user asked for, then what the environment says.

use std::io::{self, IsTerminal as _};

use crate::args::Color;

/// Colours what is written to stdout, or not, from now on.
pub(crate) fn set(asked: Color) {
    colored::control::set_override(wanted(asked, environment, io::stdout().is_terminal()));
}

/// Whether logs on stderr are coloured.
pub(crate) fn of_logs(asked: Color) -> bool {
    wanted(asked, environment, io::stderr().is_terminal())
}

/// Whether the terminal takes what moves its cursor.
pub(crate) fn is_dumb(value: impl Fn(&str) -> Option<String>) -> bool {
    value("TERM").is_some_and(|term| term == "dumb")
}

/// The value of a variable of the environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `NO_COLOR` (no-color.org) before `CLICOLOR_FORCE` and `CLICOLOR` (bixense.com/clicolors) before what the terminal is.
fn wanted(asked: Color, value: impl Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let is_set = |name: &str| value(name).is_some_and(|value| !value.is_empty());
    match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if is_set("CLICOLOR_FORCE") && value("CLICOLOR_FORCE").as_deref() != Some("0") => true,
        Color::Auto => is_terminal && value("CLICOLOR").as_deref() != Some("0") && !is_dumb(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: Color, set: &[(&str, &str)], is_terminal: bool) -> bool {
        let value = |name: &str| {
            set.iter()
                .find(|(set, _)| *set == name)
                .map(|(_, value)| (*value).to_owned())
        };
        wanted(asked, value, is_terminal)
    }

    #[test]
    fn a_terminal_is_coloured_and_a_pipe_is_not() {
        assert!(of(Color::Auto, &[("TERM", "xterm")], true));
        assert!(!of(Color::Auto, &[("TERM", "xterm")], false));
        assert!(!of(Color::Auto, &[("TERM", "dumb")], true));
        assert!(!of(Color::Auto, &[("CLICOLOR", "0")], true));
    }

    #[test]
    fn the_environment_is_asked_in_order_and_the_flag_comes_before_it() {
        assert!(of(Color::Auto, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false));
        assert!(!of(Color::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(!of(Color::Auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true));
        assert!(of(Color::Auto, &[("NO_COLOR", "")], true));
        assert!(of(Color::Always, &[("NO_COLOR", "1")], false));
        assert!(!of(Color::Never, &[("CLICOLOR_FORCE", "1")], true));
    }
}
