//! What a child process uses, and how tapio is ended.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

/// Resident memory of a process, MiB; zero when there is none.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
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
