//! What an exit code or a signal says about how a container ended.

/// How a container's main process ended: `code` is as the kubelet gives it (128 + signal when a signal ended it).
pub(crate) fn meaning(code: i32) -> String {
    match code {
        0 => "it finished by itself with success".to_owned(),
        126 => "the command was found but may not be executed".to_owned(),
        127 => "the command was not found in the image".to_owned(),
        128 => "the runtime could not start the command".to_owned(),
        129..=192 => format!("it was ended by {}", signal_name(code - 128)),
        _ => "the application ended itself with an error".to_owned(),
    }
}

/// The signal's name (signal(7), x86-64 and arm64 numbers).
pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP (terminal or supervisor gone)",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL (illegal instruction, perhaps a wrong CPU)",
        6 => "SIGABRT (it aborted itself: assertion, allocator, runtime)",
        7 => "SIGBUS (bad memory access, perhaps a truncated mapped file)",
        8 => "SIGFPE (arithmetic)",
        9 => "SIGKILL",
        11 => "SIGSEGV (bad memory access)",
        13 => "SIGPIPE",
        15 => "SIGTERM (asked to stop)",
        31 => "SIGSYS (system call forbidden by seccomp)",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_above_128_are_signals() {
        assert!(meaning(137).contains("SIGKILL"));
        assert!(meaning(139).contains("SIGSEGV"));
        assert!(meaning(255).contains("application"));
    }
}
