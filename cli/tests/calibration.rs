//! `--calibration`: what a run learns of its OOM forecasts outlives it, and nothing else touches the file.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fixtures::apiserver::ApiServer;
use serde_json::Value;

fn incident() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings/incident.tapio.zst")
}

fn sniff(arguments: &[&str], calibration: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command
        .arg("sniff")
        .args(arguments)
        .arg("--calibration")
        .arg(calibration);
    command.env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn replay(arguments: &[&str], calibration: &Path) -> Output {
    let incident = incident();
    sniff(
        &[&["--replay", incident.to_str().unwrap()], arguments].concat(),
        calibration,
    )
}

fn kills(calibration: &Path) -> u64 {
    let text = fs::read_to_string(calibration).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["kills"].as_u64().unwrap()
}

#[test]
fn a_replay_changes_the_file_only_when_asked_and_goes_on_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calibration.json");
    assert!(replay(&[], &file).status.success());
    assert!(!file.exists());
    assert!(replay(&["--learn"], &file).status.success());
    assert_eq!(kills(&file), 1);
    let before = fs::read(&file).unwrap();
    let metrics = replay(&["-o", "prometheus"], &file);
    assert!(String::from_utf8_lossy(&metrics.stdout).contains("\ntapio_prediction_kills_total 2\n"));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(replay(&["--learn"], &file).status.success());
    assert_eq!(kills(&file), 2);
}

#[test]
fn a_replay_learns_into_the_file_of_the_configuration_and_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let (config, file) = (folder.path().join("tapio.yaml"), folder.path().join("calibration.json"));
    let learn = |text: &str| {
        fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
        command.args(["sniff", "--learn", "--replay"]).arg(incident());
        command.arg("--config").arg(&config).output().unwrap()
    };
    let out = learn("");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said.contains("--learn has no file to write to: give --calibration FILE"),
        "{said}"
    );
    assert!(learn(&format!("calibration: {}", file.display())).status.success());
    assert_eq!(kills(&file), 1);
}

#[test]
fn the_batch_size_changes_nothing_that_is_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let learnt = ["1", "7", "100"].map(|size| {
        let file = folder.path().join(size);
        assert!(replay(&["--learn", "--batch-size", size], &file).status.success());
        fs::read(&file).unwrap()
    });
    assert!(learnt[0] == learnt[1] && learnt[1] == learnt[2]);
}

#[test]
fn a_live_run_makes_the_file_at_its_end() {
    let api = ApiServer::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, kubeconfig) = (folder.path().join("calibration.json"), folder.path().join("config"));
    fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let out = sniff(&["--k8s-only", "--kubeconfig", kubeconfig, "--duration", "1s"], &file);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(kills(&file), 0);
}

#[test]
fn a_file_that_is_no_calibration_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "milk, eggs").unwrap();
    let out = replay(&["--learn"], &file);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said.contains("notes.txt: this is no calibration; name another file"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "milk, eggs");
}

#[test]
fn a_folder_that_is_not_there_is_said_at_the_start() {
    let out = replay(&["--learn"], Path::new("/nonexistent/calibration.json"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said.contains("name a file in a folder that this user may write to"),
        "{said}"
    );
}
