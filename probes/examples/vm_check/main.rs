//! The first process of a virtual machine that runs another kernel: loads every probe, does something for it to see, and
//! says on the console how that went. `probes/kernels` starts it and reads the lines:
//!
//! ```text
//! ok NAME HOOKS | seen            the probe saw what was done
//! ok NAME HOOKS | loaded only     it loads and attaches; nothing is done for it here
//! fail NAME REASON
//! log LINE                        the end of the verifier's log
//! done KERNEL                     the last line; without it the machine crashed
//! ```

#![expect(clippy::print_stdout, reason = "the console is the only way out of the machine")]

mod child;
mod doctor;
mod exercise;
mod machine;
mod sniff;
mod watch;

use std::process::ExitCode;

use aya::programs::ProgramError;
use probes::{Kernel, LoadError, Loaded, Probe};
use watch::Watch;

/// Lines of the verifier's log that are worth showing.
const LOG_LINES: usize = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if std::process::id() != 1 {
        return child::run(&arguments);
    }
    match machine::prepare() {
        Ok(()) => check(),
        Err(error) => println!("fail machine {error}"),
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    println!("done {}", release.unwrap_or_default().trim());
    machine::restart();
    ExitCode::FAILURE
}

fn check() {
    match Kernel::open() {
        Ok(mut kernel) => probes::all().iter().for_each(|probe| report(&mut kernel, probe)),
        Err(error) => println!("fail kernel {}", error.why()),
    }
    if doctor::is_here() {
        passed("sniff-v2-container", sniff::sees_a_v2_container());
        passed("doctor", doctor::finds_nothing());
        passed("doctor-without-btf", doctor::misses_btf());
    }
}

fn report(kernel: &mut Kernel, probe: &'static Probe) {
    let name = probe.name;
    let loaded = match kernel.load(probe) {
        Ok(loaded) => loaded,
        Err(error) => return refused(name, &error),
    };
    let hooks = hooks(&loaded);
    match exercise::of(name) {
        None => println!("ok {name} {hooks} | loaded only"),
        Some(exercise) => match exercise(&mut Watch::new(loaded)) {
            Ok(()) => println!("ok {name} {hooks} | seen"),
            Err(reason) => println!("fail {name} {hooks}: {reason}"),
        },
    }
}

/// Says why, with the end of the verifier's log.
fn refused(name: &str, error: &LoadError) {
    println!("fail {name} {}", error.why());
    let LoadError::Load { source, .. } = error else { return };
    let ProgramError::LoadError { verifier_log, .. } = &**source else {
        return;
    };
    let log = verifier_log.to_string();
    let lines: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
        println!("log {line}");
    }
}

fn hooks(loaded: &Loaded) -> String {
    let hooks: Vec<String> = loaded.hooks().map(|hook| hook.to_string()).collect();
    hooks.join(" ")
}

fn passed(name: &str, result: Result<(), String>) {
    match result {
        Ok(()) => println!("ok {name} - | passed"),
        Err(reason) => println!("fail {name} {}", reason.replace('\n', " ")),
    }
}
