//! Makes a bare machine habitable, and ends it.

use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

/// The cgroup that the first process and its children are in, so that no id is the root's.
pub(crate) const OWN_CGROUP: &str = "/sys/fs/cgroup/check";

const MOUNTS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("tracefs", "/sys/kernel/tracing"),
    ("bpf", "/sys/fs/bpf"),
];

/// Mounts what programs expect, turns the loopback interface on and moves this process into a cgroup of its own.
pub(crate) fn prepare() -> Result<(), String> {
    for (kind, place) in MOUNTS {
        let _ = fs::create_dir(place);
        mount(Some(*kind), *place, Some(*kind), MsFlags::empty(), None::<&str>)
            .map_err(|error| format!("mounting {kind} on {place}: {error}"))?;
    }
    // IFF_UP | IFF_LOOPBACK
    write("/sys/class/net/lo/flags", "0x9")?;
    write("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids +cpu +io")?;
    fs::create_dir(OWN_CGROUP).map_err(|error| format!("{OWN_CGROUP}: {error}"))?;
    write(&format!("{OWN_CGROUP}/cgroup.procs"), "1")
}

/// Writes a kernel file.
pub(crate) fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(Path::new(path), text).map_err(|error| format!("writing {text} to {path}: {error}"))
}

/// Ends the machine: it is started so that a restart stops it.
pub(crate) fn restart() {
    let _ = reboot(RebootMode::RB_AUTOBOOT);
}
