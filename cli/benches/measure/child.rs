//! What a child process uses, and how tapio is ended.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

/// Resident memory of a process, MiB; zeros when there is none.
pub(crate) struct Resident {
    pub(crate) all: f64,
    /// Heap and stacks.
    pub(crate) anonymous: f64,
    /// The program, its libraries, and rings that it shares with the kernel.
    pub(crate) files: f64,
}

impl Resident {
    pub(crate) fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mib = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
        };
        Self {
            all: mib("VmRSS:"),
            anonymous: mib("RssAnon:"),
            files: mib("RssFile:") + mib("RssShmem:"),
        }
    }
}

/// CPU time of a process, user and system, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields
        .get(11..13)
        .unwrap_or_default()
        .iter()
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Ends tapio as Ctrl-C does and gives back its last line.
pub(crate) fn summary(tapio: &mut Child) -> String {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(tapio.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    let out = tapio.stdout.take().map(BufReader::new);
    let last = out.and_then(|out| out.lines().map_while(Result::ok).last());
    tapio.wait().expect("a child");
    last.unwrap_or_else(|| "tapio said nothing".to_owned())
}
