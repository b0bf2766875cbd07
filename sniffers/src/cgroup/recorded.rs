//! The reader on cgroup v2 files of a real kernel, as a recorder of its own found them at the same moment
//! (`fixtures/traces`): both must come to the same figures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pidmap::{ContainerCgroup, Hierarchy, Layout};
use serde_json::Value;

use super::reading::{Counter, read};
use super::room::Above;

fn snapshots() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces/v2");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.to_string_lossy().ends_with(".raw.jsonl"));
    files.sort();
    let lines = |path: &PathBuf| {
        let (name, text) = (path.display().to_string(), fs::read_to_string(path).unwrap());
        let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
        values.map(|value| (name.clone(), value)).collect::<Vec<_>>()
    };
    files.iter().flat_map(lines).collect()
}

/// The figure of this name that the recorder made.
fn figure(snapshot: &Value, name: &str) -> Option<u64> {
    snapshot[name].as_u64()
}

#[test]
fn the_figures_of_real_v2_containers_are_those_of_another_reader() {
    let snapshots = snapshots();
    assert!(snapshots.len() >= 16, "only {} snapshots", snapshots.len());
    for (name, snapshot) in &snapshots {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory pids\n").unwrap();
        for (path, text) in snapshot["files"].as_object().unwrap() {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.as_str().unwrap()).unwrap();
        }
        let container = ContainerCgroup {
            identity: Arc::default(),
            unified: snapshot["container"].as_str().map(Into::into),
            memory: None,
        };
        let layout = Layout::of(root.path());
        let reading = read(root.path(), &layout, &container, &mut Above::default());
        let memory = reading.memory.unwrap();
        let split = memory.split.unwrap();
        let ours = [
            ("usage", Some(memory.usage)),
            ("limit", memory.limit),
            ("headroom", memory.headroom),
            ("unreclaimable", Some(split.unreclaimable)),
            ("cache", Some(split.cache)),
            ("active_cache", Some(split.active)),
            ("limit_hits", reading.limit_hits.map(|hits| hits.value)),
            ("oom_kills", reading.oom_kills.map(|kills| kills.value)),
        ];
        for (what, value) in ours {
            assert!(value.is_some(), "{name}: no {what}");
            assert_eq!(value, figure(snapshot, what), "{name}: {what}");
        }
        let from = |counter: Option<Counter<u64>>| counter.map(|counter| counter.from);
        assert_eq!(from(reading.limit_hits), Some(Hierarchy::Unified));
    }
    // Nothing is proven by zeros alone.
    let some = |what: &str| snapshots.iter().any(|(_, snapshot)| figure(snapshot, what) > Some(0));
    for what in ["active_cache", "limit_hits", "oom_kills", "headroom", "cache"] {
        assert!(some(what), "no snapshot has any {what}");
    }
}
