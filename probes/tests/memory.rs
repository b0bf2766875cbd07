//! A real OOM kill and a real memory sample, seen by the kernel side.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use correlator::{Body, Fact, OomKill};
use live::{cgroup_id, find, load, own_memory_cgroup, skip};
use probes::Sighting;

const LIMIT: u64 = 16 << 20;

/// A child cgroup of ours, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path, name: &str) -> std::io::Result<Self> {
        let path = parent.join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Limits memory by whichever file this hierarchy has.
    fn limit(&self, bytes: u64) -> std::io::Result<()> {
        let v1 = self.0.join("memory.limit_in_bytes");
        let file = if v1.exists() { v1 } else { self.0.join("memory.max") };
        let _ = fs::write(self.0.join("memory.swap.max"), "0");
        fs::write(file, bytes.to_string())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A cgroup stays busy for a moment after its last process was reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// Runs a shell in the cgroup that keeps doubling a variable until it is killed; returns its pid.
fn run_out_of_memory(cgroup: &Path) -> u32 {
    let script = format!(
        "echo $$ > {}/cgroup.procs; x=0123456789abcdef; while :; do x=$x$x; done",
        cgroup.display()
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    child.wait().unwrap();
    pid
}

fn kill_of(sighting: &Sighting, pid: u32) -> Option<&OomKill> {
    match &sighting.body {
        Body::Fact(Fact::OomKill(kill)) if kill.pid == pid => Some(kill),
        _ => None,
    }
}

fn scratch(test: &str, parent: &Path, limit: Option<u64>) -> Option<Scratch> {
    let made = Scratch::new(parent, &format!("tapio-{test}-{}", std::process::id()));
    let limited = made.and_then(|made| limit.map_or(Ok(()), |limit| made.limit(limit)).map(|()| made));
    limited
        .map_err(|error| skip(test, &format!("cannot make a memory cgroup: {error}")))
        .ok()
}

/// The kernel counts resident pages per CPU and settles them 32 pages late, or more with many CPUs.
const UNSETTLED: u64 = 2 << 20;

fn assert_kill(sighting: &Sighting, pid: u32, own_limit: bool) {
    let kill = kill_of(sighting, pid).unwrap();
    assert_eq!(
        (&*kill.comm, kill.limit, kill.own_limit),
        ("sh", Some(LIMIT), own_limit)
    );
    let usage = kill.usage.unwrap();
    assert!(usage <= LIMIT && usage > LIMIT / 2, "{usage}");
    assert!(kill.anon > LIMIT / 4 && kill.anon <= LIMIT + UNSETTLED, "{kill:?}");
    assert!(kill.ns_pid > 0);
}

#[test]
fn an_oom_kill_is_seen_with_its_victim_and_its_own_limit() {
    let Some(mut loaded) = load("own", &probes::memory::PROBE) else {
        return;
    };
    let Some(cgroup) = scratch("own", &own_memory_cgroup(), Some(LIMIT)) else {
        return;
    };
    let id = cgroup_id(&cgroup.0);
    let pid = run_out_of_memory(&cgroup.0);
    let sighting = find(&mut loaded, |sighting| kill_of(sighting, pid).is_some());
    assert_kill(&sighting, pid, true);
    assert!(
        [sighting.task.memory, sighting.task.unified].contains(&id),
        "{sighting:?}, not {id}"
    );
}

#[test]
fn an_oom_kill_by_the_limit_of_the_cgroup_above_says_so() {
    let Some(mut loaded) = load("above", &probes::memory::PROBE) else {
        return;
    };
    let Some(pod) = scratch("above", &own_memory_cgroup(), Some(LIMIT)) else {
        return;
    };
    let Some(container) = scratch("container", &pod.0, None) else {
        return;
    };
    let pid = run_out_of_memory(&container.0);
    let sighting = find(&mut loaded, |sighting| kill_of(sighting, pid).is_some());
    assert_kill(&sighting, pid, false);
}

fn statm_resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .unwrap()
        .unwrap();
    pages * page as f64
}

#[test]
fn a_sample_sees_this_process_as_statm_does() {
    let Some(mut loaded) = load("sample", &probes::memory_sample::PROBE) else {
        return;
    };
    let ballast = vec![1_u8; 64 << 20];
    for _ in 0..2 {
        let mut ours = Vec::new();
        let see = |sighting: Sighting| {
            if sighting.task.pid == std::process::id() {
                ours.push(sighting.body);
            }
        };
        loaded.sample(see).unwrap();
        let [Body::Gauge(bytes)] = ours[..] else {
            panic!("{ours:?}")
        };
        let statm = statm_resident();
        assert!((bytes - statm).abs() < 0.2 * statm, "{bytes} sampled, {statm} by statm");
        assert!(bytes > ballast.len() as f64);
    }
    assert!(loaded.take_losses().is_empty());
}
