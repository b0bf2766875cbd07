//! What may follow on the command line `kubectl tapio ..`, said the way kubectl asks plugins for it: one candidate a line,
//! its meaning behind a tab, and how to go on in the last line.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::builder::PossibleValue;
use clap::{Arg, Command};

/// What the shell does besides (`ShellCompDirective` of cobra): name files, or nothing.
const FILES: u8 = 0;
const NO_FILES: u8 = 4;

/// Writes the answer for these words, of which the last is not complete.
pub(crate) fn run(command: Command, words: &[String]) -> Result<ExitCode> {
    let answer = answer(command, words);
    io::stdout().write_all(answer.as_bytes()).context("writing to stdout")?;
    Ok(ExitCode::SUCCESS)
}

fn answer(mut command: Command, words: &[String]) -> String {
    command.build();
    let (last, before) = words.split_last().map_or(("", words), |(last, rest)| (&**last, rest));
    let mut command = &command;
    // The option whose value comes next.
    let mut open: Option<&Arg> = None;
    for word in before {
        if open.take().is_none() {
            open = option(command, word);
            command = command.find_subcommand(word).unwrap_or(command);
        }
    }
    let mut text = String::new();
    let directive = if let Some(arg) = open {
        values(&mut text, arg, last)
    } else if let Some((arg, value)) = last
        .split_once('=')
        .and_then(|(name, value)| Some((option(command, name)?, value)))
    {
        values(&mut text, arg, value)
    } else if last.starts_with('-') {
        flags(&mut text, command, last)
    } else {
        words_of(&mut text, command, last)
    };
    let _ = writeln!(text, ":{directive}");
    text
}

/// The option of this name, if it takes a value.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let is_it = |arg: &&Arg| {
        let long = word.strip_prefix("--").is_some_and(|name| arg.get_long() == Some(name));
        let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
        let letter = letters.next();
        long || (letter.is_some() && letters.next().is_none() && arg.get_short() == letter)
    };
    let found = command.get_arguments().find(is_it);
    found.filter(|arg| arg.get_action().takes_values())
}

fn line(text: &mut String, candidate: &str, meaning: Option<String>) {
    let meaning = meaning.unwrap_or_default();
    let _ = writeln!(text, "{candidate}\t{}", meaning.lines().next().unwrap_or_default());
}

/// The values of an option or argument; where they are not known, files.
fn values(text: &mut String, arg: &Arg, begun: &str) -> u8 {
    let known = arg.get_possible_values();
    let visible = known.iter().filter(|value| value.get_name().starts_with(begun));
    for value in visible {
        line(text, value.get_name(), value.get_help().map(ToString::to_string));
    }
    if known.is_empty() { FILES } else { NO_FILES }
}

fn flags(text: &mut String, command: &Command, begun: &str) -> u8 {
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let flag = arg.get_long().map(|long| format!("--{long}")).unwrap_or_default();
        if !flag.is_empty() && flag.starts_with(begun) {
            line(text, &flag, arg.get_help().map(ToString::to_string));
        }
    }
    NO_FILES
}

fn words_of(text: &mut String, command: &Command, begun: &str) -> u8 {
    for sub in command.get_subcommands() {
        if sub.get_name().starts_with(begun) {
            line(text, sub.get_name(), sub.get_about().map(ToString::to_string));
        }
    }
    let positional = command.get_positionals().next();
    let known: Vec<PossibleValue> = positional.map(Arg::get_possible_values).unwrap_or_default();
    for value in known.iter().filter(|value| value.get_name().starts_with(begun)) {
        line(text, value.get_name(), None);
    }
    NO_FILES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::called::Called;

    /// The candidates without their meaning, and the directive.
    fn after(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let answer = answer(Called::Completer.command(), &words);
        let candidate = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        answer.lines().map(candidate).collect()
    }

    #[test]
    fn commands_flags_and_values_are_offered_where_they_may_stand() {
        assert_eq!(after(&["sn"]), ["sniff", ":4"]);
        assert_eq!(after(&["doctor", "--k8s"]), ["--k8s-only", ":4"]);
        assert_eq!(after(&["doctor", "-o", "j"]), ["json", ":4"]);
        assert_eq!(after(&["sniff", "--color=n"]), ["never", ":4"]);
        assert_eq!(after(&["completion", "z"]), ["zsh", ":4"]);
        assert!(after(&["explain", "oom-k"]).contains(&"oom-killed".to_owned()));
    }

    #[test]
    fn where_a_value_is_free_files_are_offered_and_the_value_is_no_command() {
        assert_eq!(after(&["sniff", "--replay", ""]), [":0"]);
        assert_eq!(after(&["sniff", "-n", "doctor", "--learn"]), ["--learn", ":4"]);
    }
}
