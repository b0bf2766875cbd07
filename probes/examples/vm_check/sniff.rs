//! `tapio sniff` in the machine, on a container in a cgroup v2 tree that runs into its memory limit.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::child;
use crate::machine::write;

const FOLDERS: &[&str] = &[
    "/sys/fs/cgroup/kubepods",
    "/sys/fs/cgroup/kubepods/burstable",
    "/sys/fs/cgroup/kubepods/burstable/pod5eed0000-8a77-4a3b-9c55-1f2e3d4c5b6a",
];
const CONTAINER: &str = "/sys/fs/cgroup/kubepods/burstable/pod5eed0000-8a77-4a3b-9c55-1f2e3d4c5b6a/\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const LIMIT: u64 = 32 << 20;
/// Bytes by which two readings, one after the other, may differ.
const SLACK: f64 = 1e6;

/// Usage, limit, kill, process count, and what is left of the container are in the metrics as its cgroup files have them.
pub(crate) fn sees_a_v2_container() -> Result<(), String> {
    for folder in FOLDERS {
        std::fs::create_dir(folder).map_err(|error| format!("{folder}: {error}"))?;
        write(&format!("{folder}/cgroup.subtree_control"), "+memory +pids +cpu")?;
    }
    std::fs::create_dir(CONTAINER).map_err(|error| format!("{CONTAINER}: {error}"))?;
    write(&format!("{CONTAINER}/memory.max"), &LIMIT.to_string())?;
    let mut tapio = Command::new("/bin/tapio")
        .args(["sniff", "--ebpf-only", "-o", "prometheus", "--duration", "5s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let log = tapio.stderr.take().ok_or("no stderr")?;
    let watches = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.contains("cgroup: watching"));
    let mut log = BufReader::new(log).lines();
    log.find(watches)
        .ok_or("tapio does not watch")?
        .map_err(|error| error.to_string())?;
    // The first reading of a container is the mark that kills are counted from.
    std::thread::sleep(Duration::from_millis(1_500));
    let mut victim = child::start(&["eat", CONTAINER])?;
    victim.wait().map_err(|error| error.to_string())?;
    let output = tapio.wait_with_output().map_err(|error| error.to_string())?;
    judge(&String::from_utf8_lossy(&output.stdout))
}

fn judge(metrics: &str) -> Result<(), String> {
    let value = |name: &str| -> Option<f64> {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("tapio_{name}{{")))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let is = |name: &str, expected: f64, off: f64| value(name).is_some_and(|value| (value - expected).abs() <= off);
    let (held, hits) = files()?;
    let right = [
        is("memory_limit_bytes", LIMIT as f64, 0.0),
        is("memory_cgroup_oom_kills_total", 1.0, 0.0),
        is("memory_limit_hits_total", hits as f64, 0.0),
        // The dead process's last pages are given back a moment later.
        is("memory_unreclaimable_bytes", held as f64, SLACK),
        is("memory_headroom_bytes", LIMIT.saturating_sub(held) as f64, SLACK),
        hits > 0 && value("memory_usage_bytes").is_some() && value("processes").is_some(),
    ];
    if right.iter().all(|right| *right) {
        Ok(())
    } else {
        Err(format!(
            "wrong about the container ({right:?}, {held} held, {hits} hits): {metrics}"
        ))
    }
}

/// What the container holds that cannot be reclaimed, and how often it met its limit, by its files.
fn files() -> Result<(u64, u64), String> {
    let text = |file: &str| {
        let path = format!("{CONTAINER}/{file}");
        std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    };
    let (stat, current, events) = (text("memory.stat")?, text("memory.current")?, text("memory.events")?);
    let key = |text: &str, key: &str| -> u64 {
        let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
        let found = pairs.find(|(name, _)| *name == key);
        found.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
    };
    let freeable = ["active_file", "inactive_file", "slab_reclaimable"].map(|name| key(&stat, name));
    let current: u64 = current
        .trim()
        .parse()
        .map_err(|_| format!("memory.current is {current}"))?;
    let held = current.saturating_sub(freeable.iter().sum());
    Ok((held, key(&events, "max")))
}
