//! The committed recordings tell what they always told: `TAPIO_UPDATE_GOLDEN=1` rewrites what is expected.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings")
}

fn recordings() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.retain(|path| path.to_string_lossy().ends_with(".tapio.zst"));
    found.sort();
    found
}

fn replay(path: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    let out = command
        .args(["sniff", "--replay"])
        .arg(path)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[track_caller]
fn compare(golden: &Path, said: &str) {
    if std::env::var_os("TAPIO_UPDATE_GOLDEN").is_some() {
        fs::write(golden, said).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    assert!(expected == said, "{} differs; it now says:\n{said}", golden.display());
}

#[test]
fn each_recording_says_what_it_always_said() {
    assert!(!recordings().is_empty());
    for path in recordings() {
        let plain = path.with_extension("").with_extension("");
        compare(&plain.with_extension("jsonl"), &replay(&path, &["-o", "json"]));
        compare(&plain.with_extension("txt"), &replay(&path, &[]));
    }
}

#[test]
fn the_batch_size_changes_nothing() {
    for path in recordings() {
        let usual = replay(&path, &["-o", "json"]);
        for size in ["1", "7", "100000"] {
            assert_eq!(replay(&path, &["-o", "json", "--batch-size", size]), usual);
        }
    }
}

/// The ids that a scenario's head promises; `insights/tests/scenarios` proves the promise.
fn promised(scenario: &PathBuf) -> BTreeSet<String> {
    let text = fs::read_to_string(scenario).unwrap();
    let heads = text.lines().filter_map(|line| line.strip_prefix("# says "));
    heads
        .filter_map(|head| head.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_insight_has_a_recording_or_a_scenario_that_fires_it_and_one_that_does_not() {
    let ids = |path: &PathBuf| -> BTreeSet<String> {
        let said = replay(path, &["-o", "json"]);
        let ids = said
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone());
        ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    };
    let scenarios = fs::read_dir(folder().join("../../insights/tests/fires")).unwrap();
    let scenarios: Vec<PathBuf> = scenarios.map(|entry| entry.unwrap().path()).collect();
    let fired: Vec<BTreeSet<String>> = recordings()
        .iter()
        .map(ids)
        .chain(scenarios.iter().map(promised))
        .collect();
    for (id, _) in insights::MANUALS {
        assert!(fired.iter().any(|fired| fired.contains(*id)), "nothing fires {id}");
        assert!(fired.iter().any(|fired| !fired.contains(*id)), "everything fires {id}");
    }
}

#[test]
fn a_namespace_hides_the_insights_of_others() {
    let incident = folder().join("incident.tapio.zst");
    assert_eq!(replay(&incident, &["-n", "pay"]), "");
    assert_eq!(
        replay(&incident, &["-n", "shop", "-o", "json"]),
        replay(&incident, &["-o", "json"])
    );
}

#[test]
fn a_container_hides_the_insights_of_others() {
    let incident = folder().join("incident.tapio.zst");
    let usual = replay(&incident, &["-o", "json"]);
    assert_eq!(replay(&incident, &["-c", "app", "-o", "json"]), usual);
    let other = replay(&incident, &["-c", "proxy", "-o", "json"]);
    assert!(!other.contains(r#""kind":"container""#), "{other}");
}

#[test]
fn labels_of_pods_hide_the_insights_of_others() {
    let incident = folder().join("incident.tapio.zst");
    let nobody = replay(&incident, &["-l", "app=nobody", "-o", "json"]);
    assert!(!nobody.contains(r#""kind":"container""#), "{nobody}");
    assert_eq!(
        replay(&incident, &["-l", "!nonsense", "-o", "json"]),
        replay(&incident, &["-o", "json"])
    );
}

#[test]
fn since_tells_the_last_part_and_first_what_is_open_then() {
    let incident = folder().join("incident.tapio.zst");
    let said = |arguments: &[&str]| -> Vec<(String, String)> {
        let text = replay(&incident, &[&["-o", "json"], arguments].concat());
        let insights = text.lines().filter(|line| line.starts_with(r#"{"id""#));
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of = |insight: Value| (text(&insight["id"]), text(&insight["status"]));
        insights.map(read).map(of).collect()
    };
    let (all, last) = (said(&[]), said(&["--since", "3s"]));
    assert!(!last.is_empty() && last.len() < all.len(), "{last:?} of {all:?}");
    assert_eq!(last[0].1, "opened", "{last:?}");
    assert_eq!(said(&["--since", "1h"]), all);
}

#[test]
fn findings_set_the_exit_code() {
    let code = |name: &str, severity: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
        let path = folder().join(name);
        command
            .args(["sniff", "--fail-on", severity, "--replay"])
            .arg(path)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code("incident.tapio.zst", "critical"), Some(3));
    assert_eq!(code("healthy.tapio.zst", "info"), Some(0));
}
