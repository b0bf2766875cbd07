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

/// Usage, limit, kill and process count of the container are in the metrics, by its cgroup files.
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
    let limit = value("memory_limit_bytes").is_some_and(|limit| (limit - LIMIT as f64).abs() < 1.0);
    let kills = value("memory_cgroup_oom_kills_total").is_some_and(|kills| (kills - 1.0).abs() < 0.1);
    if limit && kills && value("memory_usage_bytes").is_some() && value("processes").is_some() {
        Ok(())
    } else {
        Err(format!("wrong about the container: {metrics}"))
    }
}
