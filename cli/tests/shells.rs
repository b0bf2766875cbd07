//! Completion scripts, manual pages and `kubectl tapio`, with the programs that read them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];
const COMMANDS: [&str; 7] = ["agent", "completion", "doctor", "explain", "man", "sniff", "version"];

/// A folder with tapio under all its names.
fn linked() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tapio", "kubectl-tapio", "kubectl_complete-tapio"] {
        symlink(env!("CARGO_BIN_EXE_tapio"), folder.path().join(name)).unwrap();
    }
    folder
}

fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Whether the program is on this machine.
fn has(program: &str, test: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    if !found {
        fixtures::skipped(test, &format!("there is no {program}"));
    }
    found
}

/// What stands at the prompt of a bash in which the script is loaded, when Tab is pressed.
fn completed_by_bash(folder: &Path, program: &str, words: &[&str]) -> Vec<String> {
    let function = "_$(complete -p \"$PROGRAM\" | sed 's/.*-F _//; s/ .*//')";
    let script = format!(
        "source <(\"$FOLDER/$PROGRAM\" completion bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($#-1)); \
         {function} \"$PROGRAM\" \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script, "bash"]).args(words);
    let output = bash.env("FOLDER", folder).env("PROGRAM", program).output().unwrap();
    said(&output).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let folder = linked();
    let by = |program: &str, words: &[&str]| completed_by_bash(folder.path(), program, words);
    assert_eq!(by("tapio", &["tapio", "sn"]), ["sniff"]);
    assert_eq!(by("tapio", &["tapio", "doctor", "--k8s"]), ["--k8s-only"]);
    assert_eq!(by("tapio", &["tapio", "sniff", "--color", "a"]), ["auto", "always"]);
    assert!(by("tapio", &["tapio", "explain", "oom-ki"]).contains(&"oom-killed".to_owned()));
    assert_eq!(by("kubectl-tapio", &["kubectl-tapio", "ver"]), ["version"]);
}

#[test]
fn every_shell_that_is_here_can_parse_its_script() {
    for shell in SHELLS {
        let script = said(&run(env!("CARGO_BIN_EXE_tapio"), &["completion", shell]));
        assert!(script.contains("fail-on"), "{shell}: {script}");
        let checks = ["bash", "fish", "zsh"].contains(&shell);
        if checks && has(shell, "every_shell_that_is_here_can_parse_its_script") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("script");
            fs::write(&path, &script).unwrap();
            said(&run(shell, &["-n", path.to_str().unwrap()]));
        }
    }
}

#[test]
fn the_manual_has_a_page_for_each_command_and_formats_without_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    said(&run(
        env!("CARGO_BIN_EXE_tapio"),
        &["man", "--dir", pages.to_str().unwrap()],
    ));
    let names = COMMANDS.map(|command| format!("tapio-{command}.1"));
    for name in names.iter().map(String::as_str).chain(["tapio.1"]) {
        let page = pages.join(name);
        let page = page.to_str().unwrap();
        if has("man", "the_manual") {
            let mut man = Command::new("man");
            let output = man
                .args(["--warnings", "-l", page])
                .env("MANPAGER", "cat")
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
            assert!(said(&output).contains("SYNOPSIS"), "{name}");
        }
        if has("mandoc", "the_manual") {
            said(&run("mandoc", &["-T", "lint", "-W", "error", page]));
        }
    }
    let sniff = said(&run(env!("CARGO_BIN_EXE_tapio"), &["man", "sniff"]));
    assert_eq!(sniff, fs::read_to_string(pages.join("tapio-sniff.1")).unwrap());
    let tapio = said(&run(env!("CARGO_BIN_EXE_tapio"), &["man"]));
    assert!(
        tapio.contains("Exit codes:")
            && COMMANDS
                .iter()
                .all(|name| tapio.contains(&format!("tapio\\-{name}(1)")))
    );
}

#[test]
fn as_a_plugin_tapio_calls_itself_what_the_user_types() {
    let folder = linked();
    let plugin = folder.path().join("kubectl-tapio");
    let help = said(&run(&plugin, &["sniff", "--help"]));
    assert!(help.contains("Usage: kubectl tapio sniff [OPTIONS]"), "{help}");
    let wrong = run(&plugin, &["sniff", "--recrod"]);
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(error.contains("Usage: kubectl tapio sniff"), "{error}");
}

#[test]
fn kubectl_runs_and_completes_the_plugin() {
    if !has("kubectl", "kubectl_runs_and_completes_the_plugin") {
        return;
    }
    let folder = linked();
    let paths = std::env::var("PATH").unwrap_or_default();
    let kubectl = |arguments: &[&str]| {
        let path = format!("{}:{paths}", folder.path().display());
        let mut command = Command::new("kubectl");
        said(&command.args(arguments).env("PATH", path).output().unwrap())
    };
    assert_eq!(
        kubectl(&["tapio", "version"]),
        format!("tapio {}\n", env!("CARGO_PKG_VERSION"))
    );
    let version: serde_json::Value = serde_json::from_str(&kubectl(&["version", "--client", "-o", "json"])).unwrap();
    let minor: u32 = version["clientVersion"]["minor"]
        .as_str()
        .unwrap()
        .trim_end_matches('+')
        .parse()
        .unwrap();
    if minor < 26 {
        // It does not ask plugins yet.
        return;
    }
    let candidates = kubectl(&["__complete", "tapio", "sniff", "--k8s-d"]);
    assert!(
        candidates.starts_with("--k8s-dump\t") && candidates.ends_with(":4\n"),
        "{candidates}"
    );
}
