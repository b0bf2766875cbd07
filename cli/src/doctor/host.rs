//! What the machine is: kernel, cgroups, pressure files, process ids, clocks. Reads below a root folder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pidmap::Layout;
use sniffers::clock::{self, Anchor};

use super::row::{Mark, Row, bad, good};

/// The oldest kernel that the probes were tried on.
const OLDEST: (u32, u32) = (5, 10);
/// The pid namespace that the machine starts with, `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
/// 2024, in seconds: no machine that runs this is older.
const EARLIEST: u64 = 1_704_067_200;
/// How long the two clocks are compared, and by how much they may differ in that time.
const COMPARE: Duration = Duration::from_millis(50);
const DRIFT: Duration = Duration::from_millis(5);

/// A row each.
pub(crate) fn rows(root: &Path) -> Vec<Row> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    vec![
        kernel(read("proc/sys/kernel/osrelease").trim()),
        cgroups(&root.join("sys/fs/cgroup")),
        pressure(root),
        processes(root, &read("proc/self/mounts")),
        clocks(),
    ]
}

fn kernel(release: &str) -> Row {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => good("kernel", format!("Linux {release}")),
        (Some(Ok(_)), Some(Ok(_))) => {
            let hint = "the probes need Linux 5.10 or later; `tapio sniff --k8s-only` works everywhere";
            bad(Mark::Fail, "kernel", format!("Linux {release}"), hint)
        }
        _ => bad(Mark::Warn, "kernel", "its version cannot be read", "mount /proc"),
    }
}

fn cgroups(root: &Path) -> Row {
    let Layout { unified, memory } = Layout::of(root);
    match (unified, memory) {
        (None, None) => {
            let hint = "run as root on the node; in a pod, mount the host's /sys/fs/cgroup read-only";
            bad(Mark::Fail, "cgroups", "no tree can be read under /sys/fs/cgroup", hint)
        }
        (None, Some(_)) => good("cgroups", "v1"),
        (Some(_), Some(_)) => good("cgroups", "hybrid: controllers in v1, processes in v2 too"),
        (Some(unified), None) => {
            let controllers = fs::read_to_string(unified.join("cgroup.controllers")).unwrap_or_default();
            if controllers.split_whitespace().any(|name| name == "memory") {
                good("cgroups", "v2")
            } else {
                let hint = "boot without cgroup_disable=memory; memory limits and usage are not seen";
                bad(Mark::Warn, "cgroups", "v2 without the memory controller", hint)
            }
        }
    }
}

fn pressure(root: &Path) -> Row {
    match fs::read_to_string(root.join("proc/pressure/memory")) {
        Ok(text) if text.starts_with("some ") => good("pressure", "/proc/pressure is there"),
        _ => {
            let hint = "boot with psi=1 (CONFIG_PSI); stalls for memory, CPU and disk are not seen";
            bad(Mark::Warn, "pressure", "the kernel tells no pressure (PSI)", hint)
        }
    }
}

fn processes(root: &Path, mounts: &str) -> Row {
    let namespace = fs::read_link(root.join("proc/self/ns/pid")).unwrap_or_default();
    let is_first = namespace.as_os_str() == FIRST_PID_NAMESPACE;
    if !is_first {
        let hint = "in a pod, set hostPID: true; processes are known by their cgroup only";
        return bad(
            Mark::Warn,
            "processes",
            "/proc shows another pid namespace than the node's",
            hint,
        );
    }
    if hides_processes(mounts) {
        let hint = "run as root, or mount /proc without hidepid";
        return bad(
            Mark::Warn,
            "processes",
            "/proc hides the processes of other users (hidepid)",
            hint,
        );
    }
    good("processes", "/proc shows those of the node")
}

/// Whether `/proc` is mounted with `hidepid` above 0; root sees all the same, but says so.
fn hides_processes(mounts: &str) -> bool {
    let fields = |line: &str| -> Option<(String, String)> {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
    };
    mounts.lines().filter_map(fields).any(|(place, options)| {
        let hidden = |option: &str| {
            option
                .strip_prefix("hidepid=")
                .is_some_and(|value| !["0", "off"].contains(&value))
        };
        place == "/proc" && options.split(',').any(hidden)
    })
}

fn clocks() -> Row {
    let zero = || Anchor::take().wall_of(0).as_nanos();
    let before = zero();
    std::thread::sleep(COMPARE);
    judge_clocks(clock::now().as_nanos(), before, zero())
}

/// `now` by the wall clock; when the monotonic clock was zero by the wall clock, seen twice.
fn judge_clocks(now: u64, zero: u64, zero_again: u64) -> Row {
    let step = Duration::from_nanos(zero.abs_diff(zero_again));
    if now / 1_000_000_000 < EARLIEST {
        let hint = "set the clock; times of events cannot be compared with the API server's";
        return bad(Mark::Warn, "clock", "the wall clock stands before 2024", hint);
    }
    if step > DRIFT {
        let hint = "look at the time service; times of events may be wrong by as much";
        let found = format!("the wall clock jumped by {} ms while it was watched", step.as_millis());
        return bad(Mark::Warn, "clock", found, hint);
    }
    good("clock", "wall clock and monotonic clock run alike")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_since_5_10_are_good() {
        for (release, mark) in [
            ("5.10.0-30-cloud-amd64", Mark::Ok),
            ("6.18.44", Mark::Ok),
            ("5.4.0-150-generic", Mark::Fail),
            ("4.18.0", Mark::Fail),
            ("", Mark::Warn),
        ] {
            assert_eq!(kernel(release).mark, mark, "{release}");
        }
    }

    #[test]
    fn the_cgroup_mode_is_told_and_a_missing_tree_fails() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| fs::create_dir_all(root.path().join(path)).unwrap();
        assert_eq!(cgroups(root.path()).mark, Mark::Fail);
        make("memory");
        assert_eq!(cgroups(root.path()).found, "v1");
        make("unified");
        assert!(cgroups(root.path()).found.starts_with("hybrid"));
        fs::write(root.path().join("cgroup.controllers"), "cpu io memory pids\n").unwrap();
        assert_eq!(cgroups(root.path()).found, "v2");
        fs::write(root.path().join("cgroup.controllers"), "cpu io pids\n").unwrap();
        assert_eq!(cgroups(root.path()).mark, Mark::Warn);
    }

    #[test]
    fn a_kernel_without_pressure_is_a_warning() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(pressure(root.path()).mark, Mark::Warn);
        fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n";
        fs::write(root.path().join("proc/pressure/memory"), text).unwrap();
        assert_eq!(pressure(root.path()).mark, Mark::Ok);
    }

    #[test]
    fn fault_13_another_pid_namespace_and_hidden_processes_are_told() {
        let root = tempfile::tempdir().unwrap();
        let of = |namespace: &str, mounts: &str| {
            let link = root.path().join("proc/self/ns/pid");
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(namespace, &link).unwrap();
            processes(root.path(), mounts).mark
        };
        let mounts = "sysfs /sys sysfs rw 0 0\nproc /proc proc rw,nosuid 0 0\n";
        assert_eq!(of(FIRST_PID_NAMESPACE, mounts), Mark::Ok);
        assert_eq!(of("pid:[4026532201]", mounts), Mark::Warn);
        assert_eq!(
            of(FIRST_PID_NAMESPACE, "proc /proc proc rw,hidepid=2 0 0\n"),
            Mark::Warn
        );
        assert_eq!(
            of(FIRST_PID_NAMESPACE, "proc /proc proc rw,hidepid=off 0 0\n"),
            Mark::Ok
        );
    }

    #[test]
    fn a_clock_that_jumps_or_was_never_set_is_a_warning() {
        let now = 1_800_000_000_000_000_000;
        assert_eq!(judge_clocks(now, 5, 5).mark, Mark::Ok);
        assert_eq!(judge_clocks(now, 5, 3_600_000_000_005).mark, Mark::Warn);
        assert_eq!(judge_clocks(1_000, 5, 5).mark, Mark::Warn);
    }
}
