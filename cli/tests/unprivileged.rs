//! tapio as a user who is nobody but may load BPF programs: it watches all the same, and gives up even that.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test may panic; the shared node serves several tests"
)]

mod node;

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use node::{Node, be_workload, missing};

const POD: &str = "5eed0001-8a77-4a3b-9c55-1f2e3d4c5b6a";
const CAPABILITIES: &str = "+bpf,+perfmon,+net_admin";

#[test]
#[ignore = "not a test: what this binary does when it is run as a container"]
fn workload() {
    be_workload();
}

fn reason_to_skip() -> Option<String> {
    let setpriv = Command::new("setpriv").arg("--version").output();
    match setpriv {
        Ok(output) if output.status.success() => missing(),
        _ => Some("needs setpriv (util-linux)".to_owned()),
    }
}

/// tapio as nobody with these capabilities, under a folder that everyone may enter; its report is JSON-free metrics.
fn start(folder: &Path) -> Child {
    let binary = folder.join("tapio");
    std::fs::copy(env!("CARGO_BIN_EXE_tapio"), &binary).unwrap();
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    Command::new("setpriv")
        .args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "--inh-caps",
            CAPABILITIES,
        ])
        .args(["--ambient-caps", CAPABILITIES, "--"])
        .arg(binary)
        .args(["sniff", "--ebpf-only", "-o", "prometheus", "--duration", "4s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The effective and permitted capabilities of every thread, in hexadecimal.
fn capabilities(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let statuses = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    let masks = |status: String| {
        let lines = status
            .lines()
            .filter(|line| line.starts_with("CapEff") || line.starts_with("CapPrm"));
        lines
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    statuses.flat_map(masks).collect()
}

#[test]
fn nobody_with_three_capabilities_watches_and_gives_them_up() {
    if let Some(reason) = reason_to_skip() {
        return fixtures::skipped("nobody_with_three_capabilities_watches_and_gives_them_up", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut tapio = start(folder.path());
    let mut log = BufReader::new(tapio.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said = log.find(|line| line.contains("ebpf: ")).unwrap();
    assert!(said.contains("ebpf: watching"), "{said}");
    let masks = capabilities(tapio.id());
    assert!(
        masks.len() >= 4 && masks.iter().all(|mask| mask == "0000000000000000"),
        "{masks:?}"
    );

    // What happens from now on is seen without any capability.
    let mut node = Node::new("unprivileged");
    let _server = node.start(POD, 64 << 20, "10.244.1.7", "serve 8080");
    let refused = node.start(POD, 64 << 20, "10.244.1.8", "call 127.0.0.1:9");
    std::thread::sleep(Duration::from_secs(1));
    node.wait(&refused);
    let output = tapio.wait_with_output().unwrap();
    let metrics = String::from_utf8(output.stdout).unwrap();
    for sign in [
        r#"tapio_events_total{source="ebpf",signal="memory.rss"}"#,
        r#"tapio_events_total{source="cgroup",signal="memory.usage"}"#,
        r#"tapio_events_total{source="ebpf",signal="tcp.connect"}"#,
        r#"tapio_events_total{source="ebpf",signal="process.exit"}"#,
    ] {
        assert!(metrics.contains(sign), "no {sign} in {metrics}");
    }
}
