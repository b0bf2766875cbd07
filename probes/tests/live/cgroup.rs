//! Child cgroups in the v2 hierarchy, and processes in them; both gone when dropped.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use probes::{Loaded, Sighting};

use super::{cgroup_id, skip};

/// A cgroup of ours.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Below this process's own; `None`, said aloud, where that is not allowed.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let path = own_unified_cgroup().join(format!("tapio-{test}-{}", std::process::id()));
        let made = fs::create_dir(&path).map(|()| Self(path));
        made.map_err(|error| skip(test, &format!("cannot make a cgroup: {error}")))
            .ok()
    }

    /// The v2 id that the kernel side gives.
    pub(crate) fn id(&self) -> u64 {
        cgroup_id(&self.0)
    }

    /// Runs a shell script in the cgroup; the shell itself is the process.
    pub(crate) fn spawn(&self, script: &str) -> Running {
        let joined = format!("echo $$ > {}/cgroup.procs; {script}", self.0.display());
        let mut shell = Command::new("sh");
        Running(shell.args(["-c", &joined]).stderr(Stdio::null()).spawn().unwrap())
    }

    /// As [`Cgroup::spawn`]; what it says can be read by line.
    pub(crate) fn spawn_piped(&self, script: &str) -> Running {
        let joined = format!("echo $$ > {}/cgroup.procs; {script}", self.0.display());
        let mut shell = Command::new("sh");
        Running(shell.args(["-c", &joined]).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// As [`Cgroup::spawn`], to its end.
    pub(crate) fn run(&self, script: &str) {
        self.spawn(script).0.wait().unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A cgroup stays busy for a moment after its last process was reaped.
        let deadline = Instant::now() + Duration::from_secs(1);
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A process of ours, killed when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// The next line that it says; for one that was spawned to be read.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        let said = self.0.stdout.as_mut().unwrap();
        while said.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// A file of its folder in `/proc`.
    pub(crate) fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap()
    }

    /// Stops it, and waits until it is off its CPU: `syscall` says `running` until then, the state comes earlier.
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.proc("stat").contains(") T ") || self.proc("syscall").starts_with("running") {
            assert!(Instant::now() < deadline, "not stopped: {}", self.proc("stat"));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn own_unified_cgroup() -> PathBuf {
    let mount = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let mount = mount
        .iter()
        .find(|mount| mount.join("cgroup.controllers").exists())
        .unwrap();
    let text = fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    mount.join(path)
}

/// What the probe's tables rose since they were last read.
pub(crate) fn rises(loaded: &mut Loaded) -> Vec<Sighting> {
    let mut rises = Vec::new();
    loaded.read_tables(|sighting| rises.push(sighting)).unwrap();
    rises
}

/// Those of the cgroup with this v2 id.
pub(crate) fn within(rises: &[Sighting], cgroup: u64) -> Vec<Sighting> {
    let rises = rises.iter().filter(|sighting| sighting.task.unified == cgroup);
    rises.cloned().collect()
}
