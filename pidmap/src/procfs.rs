//! What `/proc/<pid>` says of a task: the cgroups it is in and its command name.

use std::path::Path;

/// The paths of a task in the hierarchies that tapio knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) unified: Option<String>,
    pub(crate) memory: Option<String>,
}

/// Reads `<proc>/<pid>/cgroup`; `None` when the process is gone or hidden (hidepid, another pid namespace).
pub(crate) fn membership(proc: &Path, pid: u32) -> Option<Membership> {
    let bytes = std::fs::read(proc.join(pid.to_string()).join("cgroup")).ok()?;
    Some(parse_membership(&String::from_utf8_lossy(&bytes)))
}

/// Reads `<proc>/<pid>/comm`; empty when the process is gone.
pub(crate) fn comm(proc: &Path, pid: u32) -> String {
    let bytes = std::fs::read(proc.join(pid.to_string()).join("comm")).unwrap_or_default();
    let name = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    String::from_utf8_lossy(name).into_owned()
}

/// Parses lines of `hierarchy-id:controllers:path` (cgroups(7)). A dead v2 cgroup's path ends in ` (deleted)`.
fn parse_membership(text: &str) -> Membership {
    let mut membership = Membership::default();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let path = path.strip_suffix(" (deleted)").unwrap_or(path).to_owned();
        if number == "0" && controllers.is_empty() {
            membership.unified = Some(path);
        } else if controllers.split(',').any(|controller| controller == "memory") {
            membership.memory = Some(path);
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
}
