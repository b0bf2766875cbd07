//! What goes to stderr: lines, and one line of progress that is written over while stderr is a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use textwrap::{Options, WordSplitter};

use crate::output::color::{environment, is_dumb};

/// Moves to the start of the line and empties it.
const EMPTIED: &str = "\r\u{1b}[2K";

#[derive(Debug)]
struct State {
    quiet: bool,
    /// Whether progress may be shown.
    moving: bool,
    /// Whether a line of progress stands there now.
    shown: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    quiet: false,
    moving: false,
    shown: false,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows progress from now on where there is a terminal for it; with `quiet` only what is wrong.
pub(crate) fn begin(quiet: bool) {
    let mut state = state();
    state.quiet = quiet;
    state.moving = !quiet && io::stderr().is_terminal() && !is_dumb(environment);
}

/// Says what is good to know.
pub(crate) fn tell(text: &str) {
    if !state().quiet {
        warn(text);
    }
}

/// Says what is wrong. A reader of stderr who went away is no reason to end.
pub(crate) fn warn(text: &str) {
    clear();
    let _ = if io::stderr().is_terminal() {
        writeln!(io::stderr(), "{}", wrapped(text, textwrap::termwidth()))
    } else {
        writeln!(io::stderr(), "{text}")
    };
}

/// Broken between words, the lines after the first set in.
fn wrapped(text: &str, width: usize) -> String {
    let options = Options::new(width)
        .subsequent_indent("   ")
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// Replaces the line of progress.
pub(crate) fn progress(text: &str) {
    let mut state = state();
    if state.moving {
        let fits: String = text.chars().take(textwrap::termwidth().saturating_sub(1)).collect();
        let _ = write!(io::stderr(), "{EMPTIED}{fits}");
        state.shown = true;
    }
}

/// Takes the line of progress away; to be called before anything else is written to the terminal.
pub(crate) fn clear() {
    let mut state = state();
    if state.shown {
        let _ = write!(io::stderr(), "{EMPTIED}");
        state.shown = false;
    }
}

/// stderr for logs.
pub(crate) fn for_logs() -> io::Stderr {
    clear();
    io::stderr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_keep_their_ends() {
        assert_eq!(
            wrapped("Stats: Events: 7452 | Dropped: 0\n", 20),
            "Stats: Events: 7452\n   | Dropped: 0\n"
        );
        assert_eq!(
            wrapped("/a/long-path/that-is-one-word", 10),
            "/a/long-path/that-is-one-word"
        );
    }
}
