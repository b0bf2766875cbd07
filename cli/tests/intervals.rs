//! Things are looked at as often as the configuration says: a live run beside a container of the test's own.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test may panic; the shared node serves several tests"
)]

mod node;

use std::process::Command;

use correlator::Subject;
use node::{Node, be_workload};
use sniffers::recording::{Reader, Record};

const WEB_UID: &str = "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0002";

#[test]
#[ignore = "not a test: what this binary does when it is run as a container"]
fn workload() {
    be_workload();
}

/// How many events of these signals about the container or the node four seconds bring, with these intervals. Other containers of the
/// machine are not counted.
fn events<const N: usize>(intervals: &str, signals: [&str; N]) -> [usize; N] {
    let folder = tempfile::tempdir().unwrap();
    let (file, recording) = (folder.path().join("tapio.yaml"), folder.path().join("run.tapio.zst"));
    let text = format!(
        "intervals: {{{intervals}}}\nnode: {{kubeletRoot: {}}}\nprofile: custom\nprobes: {{memory_sample: true}}\n",
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_tapio"))
        .args(["sniff", "--ebpf-only", "--duration", "4s", "--config"])
        .arg(file)
        .arg("--record")
        .arg(&recording)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut counts = [0; N];
    for record in Reader::open(&recording).unwrap() {
        let Record::Event(event) = record.unwrap() else {
            continue;
        };
        let is_ours = match &event.subject {
            Subject::Container(container) => &*container.uid == WEB_UID,
            Subject::Node(_) => true,
            _ => false,
        };
        let signal = signals.iter().position(|signal| *signal == event.signal.name());
        if let (true, Some(signal)) = (is_ours, signal) {
            counts[signal] += 1;
        }
    }
    counts
}

#[test]
fn each_interval_is_the_one_of_the_file() {
    if let Some(reason) = node::missing() {
        return fixtures::skipped("each_interval_is_the_one_of_the_file", &reason);
    }
    let mut node = Node::new("intervals");
    node.start(WEB_UID, 64 << 20, "10.244.1.7", "serve 8080");
    let signals = [
        "memory.usage",
        "memory.rss",
        "node.memory_available",
        "node.disk_available_bytes",
    ];
    let often = "cgroup: 200ms, memorySample: 2s, node: 100ms, disk: 1s";
    let [cgroup, sample, memory, disk] = events(often, signals);
    assert!((10..=21).contains(&cgroup), "{cgroup}");
    assert!((1..=3).contains(&sample), "{sample}");
    assert!((20..=41).contains(&memory), "{memory}");
    assert!((3..=5).contains(&disk), "{disk}");
    let [cgroup, sample, memory, disk] = events("cgroup: 2s, memorySample: 100ms, node: 2s, disk: 4s", signals);
    assert!((1..=3).contains(&cgroup), "{cgroup}");
    assert!((20..=41).contains(&sample), "{sample}");
    assert!((1..=3).contains(&memory), "{memory}");
    assert!((1..=2).contains(&disk), "{disk}");
}
