//! What the first process starts itself as, to have a process that does one thing.

use std::process::{Child, Command, ExitCode};
use std::time::Duration;

/// Starts this program again as the child that `arguments` name.
pub(crate) fn start(arguments: &[&str]) -> Result<Child, String> {
    Command::new("/init")
        .args(arguments)
        .spawn()
        .map_err(|error| format!("starting a child: {error}"))
}

/// Acts as the child that the arguments name.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["exit", code] => ExitCode::from(code.parse::<u8>().unwrap_or(1)),
        ["sleep"] => {
            std::thread::sleep(Duration::from_secs(60));
            ExitCode::FAILURE
        }
        ["spin"] => spin(),
        ["eat", cgroup] => eat(cgroup),
        _ => ExitCode::FAILURE,
    }
}

/// Keeps the processor busy for a while.
fn spin() -> ExitCode {
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        std::hint::spin_loop();
    }
    ExitCode::SUCCESS
}

/// Moves into the cgroup and takes memory until it is killed.
fn eat(cgroup: &str) -> ExitCode {
    let pid = std::process::id().to_string();
    if std::fs::write(format!("{cgroup}/cgroup.procs"), pid).is_err() {
        return ExitCode::FAILURE;
    }
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    while eaten.len() < 256 {
        eaten.push(vec![1; 1 << 20]);
    }
    ExitCode::SUCCESS
}
