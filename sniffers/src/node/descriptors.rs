//! Open files of containers' processes against their limit (`RLIMIT_NOFILE`, which each process has for itself): of each
//! container the process that is nearest to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use correlator::{Subject, signals};
use pidmap::{ContainerCgroup, Layout};

use super::{Places, Said, Seen};

/// Processes that are looked at of a container, oldest first, and of all.
const OF_A_CONTAINER: usize = 64;
const OF_ALL: usize = 4096;
/// Entries that are counted one by one, where the kernel does not tell the number.
const COUNTED: usize = 65_536;
/// Another process is told of only when its share of the limit is so many times larger, so that two that are about as far do
/// not take turns.
const CLEARLY: f64 = 1.1;

/// Which process of each container was told of last, by container id.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    told: BTreeMap<Arc<str>, u32>,
}

/// A process and its open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: u32,
    open: u64,
    limit: u64,
}

/// What was found of a process.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Files(Process),
    /// It may not be counted.
    Refused,
    /// It is gone, or has no limit, or more files than are counted.
    Nothing,
}

impl Descriptors {
    /// Says it for every container. Containers without a process are forgotten.
    pub(super) fn read(&mut self, places: &Places, containers: &[ContainerCgroup], said: &mut Said, seen: &mut Seen) {
        let layout = Layout::of(&places.cgroup);
        let (mut told, mut left) = (BTreeMap::new(), OF_ALL);
        for container in containers {
            let pids = pids(&layout, container);
            let looked_at = pids.len().min(OF_A_CONTAINER).min(left);
            left -= looked_at;
            seen.too_many_processes += pids.len() - looked_at;
            let mut found = Vec::new();
            for pid in &pids[..looked_at] {
                match files(&places.proc, *pid) {
                    Found::Files(process) => found.push(process),
                    Found::Refused => seen.refused += 1,
                    Found::Nothing => {}
                }
            }
            let id = container.identity.container_id.clone().unwrap_or_default();
            if let Some(process) = fullest(&found, self.told.get(&id).copied()) {
                let subject = Subject::Container(Arc::clone(&container.identity));
                said.gauge(&subject, signals::FILES_LIMIT, process.limit);
                said.gauge(&subject, signals::FILES_OPEN, process.open);
                told.insert(id, process.pid);
            }
        }
        self.told = told;
    }
}

/// The process with the largest share of its limit, or the one that was told of last when it is not clearly behind.
fn fullest(found: &[Process], last: Option<u32>) -> Option<Process> {
    let share = |process: &Process| process.open as f64 / process.limit.max(1) as f64;
    let most = found.iter().copied().max_by(|a, b| share(a).total_cmp(&share(b)))?;
    let last = found.iter().copied().find(|process| Some(process.pid) == last);
    Some(
        last.filter(|last| share(last) * CLEARLY >= share(&most))
            .unwrap_or(most),
    )
}

/// The processes of a container's own cgroup.
fn pids(layout: &Layout, container: &ContainerCgroup) -> Vec<u32> {
    let unified = layout.unified.as_deref().zip(container.unified.as_deref());
    let memory = layout.memory.as_deref().zip(container.memory.as_deref());
    let read = |(tree, path): (&Path, &str)| {
        let place: PathBuf = tree.join(path.trim_start_matches('/'));
        let text = fs::read_to_string(place.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    let pids: Vec<u32> = unified.map(read).unwrap_or_default();
    // On hybrid hosts processes may be in the v1 hierarchies alone.
    if pids.is_empty() {
        memory.map(read).unwrap_or_default()
    } else {
        pids
    }
}

fn files(proc: &Path, pid: u32) -> Found {
    let place = proc.join(pid.to_string());
    let Some(limit) = fs::read_to_string(place.join("limits"))
        .ok()
        .and_then(|text| limit(&text))
    else {
        return Found::Nothing;
    };
    let open = match told(&place) {
        Some(open) => Ok(open),
        None => listed(&place),
    };
    match open {
        Ok(open) => Found::Files(Process { pid, open, limit }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Found::Refused,
        Err(_) => Found::Nothing,
    }
}

/// The number of open files as the size of the directory, which Linux tells since 6.2 and whoever asks (`proc_fd_getattr`
/// in `fs/proc/fd.c`).
fn told(process: &Path) -> Option<u64> {
    let size = fs::metadata(process.join("fd")).ok()?.len();
    (size > 0).then_some(size)
}

/// The number of entries of the directory.
fn listed(process: &Path) -> std::io::Result<u64> {
    let count = fs::read_dir(process.join("fd"))?.take(COUNTED + 1).count();
    if count > COUNTED {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(count as u64)
}

/// The soft limit on open files, from `/proc/<pid>/limits`.
fn limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, open: u64, limit: u64) -> Process {
        Process { pid, open, limit }
    }

    #[test]
    fn the_soft_limit_counts_and_unlimited_is_none() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max processes             95950                95950                processes \n\
            Max open files            1024                 524288               files     \n";
        assert_eq!(limit(text), Some(1024));
        assert_eq!(limit(&text.replace("1024  ", "unlimited")), None);
        assert_eq!(limit(""), None);
    }

    #[test]
    fn the_process_nearest_to_its_own_limit_is_told_of() {
        let found = [process(1, 500, 1024), process(2, 40_000, 1_048_576)];
        assert_eq!(fullest(&found, None), Some(found[0]));
        assert_eq!(fullest(&[], Some(1)), None);
    }

    #[test]
    fn two_that_are_about_as_far_do_not_take_turns() {
        let found = [process(1, 500, 1000), process(2, 530, 1000)];
        assert_eq!(fullest(&found, Some(1)), Some(found[0]));
        assert_eq!(fullest(&found, Some(3)), Some(found[1]));
        let found = [process(1, 500, 1000), process(2, 600, 1000)];
        assert_eq!(fullest(&found, Some(1)), Some(found[1]));
    }

    #[test]
    fn this_process_has_as_many_files_however_they_are_counted() {
        let own = Path::new("/proc").join(std::process::id().to_string());
        let before = listed(&own).unwrap();
        let held: Vec<fs::File> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        // Other tests of this process open and close files meanwhile.
        let after = listed(&own).unwrap();
        assert!(
            after.abs_diff(before + 50) < 40,
            "{before}, then {after} with {} more",
            held.len()
        );
        if let Some(told) = told(&own) {
            assert!(told.abs_diff(after) < 40, "told {told}, listed {after}");
        }
    }

    #[test]
    fn a_process_that_is_gone_says_nothing() {
        assert_eq!(files(Path::new("/proc"), u32::MAX), Found::Nothing);
    }
}
