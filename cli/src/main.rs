//! The `tapio` binary: what is wrong with a Kubernetes workload, why, and which kubectl command fixes it.

mod args;
mod calibration;
mod called;
mod candidates;
mod collector;
mod config;
mod doctor;
mod dump;
mod explain;
mod filter;
mod heap;
mod http;
mod metrics;
mod notices;
mod output;
mod privileges;
mod profile;
mod replay;
mod scope;
mod selector;
mod session;
mod shells;
mod sinks;
mod sniff;
mod sources;
mod stderr;
mod stop;
mod tally;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use tracing_subscriber::EnvFilter;

use crate::args::{Command, ConfigCommand, Output};
use crate::called::Called;
use crate::output::{color, glyphs};

/// What is logged unless `TAPIO_LOG` says otherwise. The Kubernetes client calls an error, each time, what tapio
/// recovers from or says once.
const LOG: &str = "warn,kube_client=off,kube_runtime=off";

fn main() -> ExitCode {
    match run(std::env::args_os().collect()) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            stderr::warn(&format!("tapio: {}", insights::escape(&format!("{error:#}"), 1000)));
            ExitCode::FAILURE
        }
    }
}

fn run(words: Vec<OsString>) -> Result<ExitCode> {
    let called = Called::by(words.first().map(OsString::as_os_str));
    if called == Called::Completer {
        let words = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
        return candidates::run(called.command(), &words.collect::<Vec<_>>());
    }
    let (arguments, matches) = called::arguments(called, words);
    let mut own = &matches;
    while let Some((_, inner)) = own.subcommand() {
        own = inner;
    }
    let look = arguments.look();
    if look.ascii {
        glyphs::use_ascii();
    }
    color::set(look.color);
    start_log(color::of_logs(look.color));
    privileges::take_up();
    match arguments.command {
        Command::Sniff(sniff) => sniff::run(&sniff, own, Some(sniff.output.unwrap_or(Output::Human))),
        Command::Agent(agent) => sniff::run(&agent.sniff, own, agent.sniff.output),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Explain { id } => explain::run(id.as_deref()),
        Command::Completion { shell } => shells::completion(shell, called),
        Command::Man(manual) => shells::manual(&manual),
        Command::Config(ConfigCommand::View(view)) => config::view(&view, own),
        Command::Config(ConfigCommand::Schema) => config::schema(),
        Command::Version => explain::version(),
    }
}

/// Logs go to stderr; `TAPIO_LOG=debug` shows more.
fn start_log(ansi: bool) {
    let filter = EnvFilter::try_from_env("TAPIO_LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(stderr::for_logs)
        // It would tell of a closed stderr on stderr, and panic.
        .log_internal_errors(false)
        .init();
}

/// The reader of our output went away (`tapio sniff | head`): a normal end.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(broken)
}
