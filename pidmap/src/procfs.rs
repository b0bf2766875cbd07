//! What `/proc/<pid>` says of a task: the cgroups it is in, when it started, its command name.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// The paths of a task in the hierarchies that tapio knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) unified: Option<String>,
    pub(crate) memory: Option<String>,
}

/// One process, whatever becomes of its pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// Clock ticks after boot.
    pub(crate) started: u64,
    /// It has ended and was not waited for. The v1 hierarchies then say that it is in the root.
    pub(crate) is_zombie: bool,
    pub(crate) membership: Membership,
}

/// Reads `<proc>/<pid>/cgroup`; `None` when the process is gone or hidden (hidepid, another pid namespace).
pub(crate) fn membership(proc: &Path, pid: u32) -> Option<Membership> {
    let file = File::open(proc.join(format!("{pid}/cgroup"))).ok()?;
    Some(parse_membership(&text_of(file)?))
}

/// Reads when a process started and where it is; `None` when it is gone or hidden. Both files are opened through one
/// handle of `<proc>/<pid>`, which stays that process's when the pid is used again.
pub(crate) fn process(proc: &Path, pid: u32) -> Option<Process> {
    let flags = OFlag::O_CLOEXEC | OFlag::O_RDONLY;
    let folder = open(&proc.join(pid.to_string()), flags | OFlag::O_DIRECTORY, Mode::empty()).ok()?;
    let read = |name: &str| {
        let file: OwnedFd = openat(folder.as_fd(), name, flags, Mode::empty()).ok()?;
        text_of(file.into())
    };
    let (started, is_zombie) = parse_stat(&read("stat")?)?;
    let membership = parse_membership(&read("cgroup")?);
    Some(Process {
        started,
        is_zombie,
        membership,
    })
}

/// Reads `<proc>/<pid>/comm`; empty when the process is gone.
pub(crate) fn comm(proc: &Path, pid: u32) -> String {
    let bytes = std::fs::read(proc.join(pid.to_string()).join("comm")).unwrap_or_default();
    let name = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    String::from_utf8_lossy(name).into_owned()
}

/// All of a file of `/proc` whose one record ends with a newline: the kernel gives a record whole when it fits, so most
/// take one read. Asking for a length, which such files do not have, is spared too.
fn text_of(mut file: File) -> Option<String> {
    let mut bytes = [0; 2048];
    let length = file.read(&mut bytes).ok()?;
    let is_all = length < bytes.len() && bytes[..length].last().is_none_or(|last| *last == b'\n');
    let mut all = bytes[..length].to_vec();
    if !is_all {
        file.read_to_end(&mut all).ok()?;
    }
    Some(match String::from_utf8(all) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The start time (field 22 of `proc_pid_stat(5)`) and whether the state is that of a zombie. The command name before them
/// is in parentheses and may hold any byte, parentheses and newlines too.
fn parse_stat(text: &str) -> Option<(u64, bool)> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X" | "x");
    Some((fields.nth(18)?.parse().ok()?, is_zombie))
}

/// Parses lines of `hierarchy-id:controllers:path` (cgroups(7)). A dead v2 cgroup's path ends in ` (deleted)`.
fn parse_membership(text: &str) -> Membership {
    let mut membership = Membership::default();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        if number == "0" && controllers.is_empty() {
            membership.unified = Some(path.to_owned());
        } else if controllers.split(',').any(|controller| controller == "memory") {
            membership.memory = Some(path.to_owned());
        }
    }
    membership
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_host_names_both_paths() {
        let text = "9:name=systemd:/a\n4:hugetlb,memory:/kubepods/x:y\n1:cpu:/c\n0::/b (deleted)\n";
        let membership = parse_membership(text);
        assert_eq!(membership.memory.as_deref(), Some("/kubepods/x:y"));
        assert_eq!(membership.unified.as_deref(), Some("/b"));
    }

    #[test]
    fn junk_lines_are_skipped() {
        assert_eq!(parse_membership("\n::\n4\n4:memoryx:/a\n:\n"), Membership::default());
    }

    #[test]
    fn a_comm_of_junk_bytes_is_read_lossily_and_keeps_its_inner_newline() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("7")).unwrap();
        std::fs::write(root.path().join("7/comm"), b"a)\n\xff\x1b\n").unwrap();
        assert_eq!(comm(root.path(), 7), "a)\n\u{fffd}\u{1b}");
        assert_eq!(comm(root.path(), 8), "");
    }

    #[test]
    fn the_start_is_found_behind_any_command_name() {
        for name in ["sh", "a b", ") Z 1 2 3", "a)\n(b", "))))", "\u{fffd}"] {
            let text = format!("7 ({name}) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 8812345 99 1 2\n");
            assert_eq!(parse_stat(&text), Some((8_812_345, false)), "{name}");
        }
        assert_eq!(
            parse_stat("7 (sh) Z 1 7 7 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0\n"),
            Some((5, true))
        );
        for cut in [
            "",
            "7 (sh",
            "7 (sh) S",
            "7 (sh) S 1 7 7 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 x 0",
        ] {
            assert_eq!(parse_stat(cut), None);
        }
    }

    #[test]
    fn a_file_longer_than_the_first_read_is_read_to_its_end() {
        let root = tempfile::tempdir().unwrap();
        for length in [0, 1, 2047, 2048, 2049, 9000] {
            let place = root.path().join("cgroup");
            std::fs::write(&place, "x".repeat(length)).unwrap();
            assert_eq!(text_of(File::open(&place).unwrap()).unwrap().len(), length);
        }
    }

    #[test]
    fn this_process_is_found_and_one_that_was_waited_for_is_not() {
        let proc = Path::new("/proc");
        let me = process(proc, std::process::id()).unwrap();
        assert_eq!((me.started > 0, me.is_zombie), (true, false));
        assert_eq!(Some(me.membership), membership(proc, std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(process(proc, child.id()), None);
    }
}
