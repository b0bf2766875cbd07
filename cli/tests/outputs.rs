//! What stdout looks like: the same in YAML as in JSON, wide, in ASCII, and coloured only when asked for.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

const INCIDENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/recordings/incident.tapio.zst");

fn replayed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command.args(["sniff", "--replay", INCIDENT]).args(arguments);
    command.env("LC_ALL", "C.UTF-8").envs(variables.iter().copied());
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn yaml_is_a_document_for_each_line_of_json() {
    let json = replayed(&["-o", "json"], &[]);
    let json: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let yaml = replayed(&["-o", "yaml"], &[]);
    assert_eq!(serde_saphyr::from_multiple::<Value>(&yaml).unwrap(), json);
    assert_eq!(yaml.matches("---\n").count(), json.len());
}

#[test]
fn another_reader_of_yaml_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (yaml, json) = (
        write("yaml", replayed(&["-o", "yaml"], &[])),
        write("json", replayed(&["-o", "json"], &[])),
    );
    let script = "import sys, json, yaml\n\
        documents = list(yaml.safe_load_all(open(sys.argv[1])))\n\
        assert documents == [json.loads(line) for line in open(sys.argv[2])], documents\n";
    let module = Command::new("python3").args(["-c", "import yaml"]).output();
    if !module.is_ok_and(|output| output.status.success()) {
        return fixtures::skipped("another_reader_of_yaml_agrees", "there is no python3 with yaml");
    }
    let out = Command::new("python3")
        .args(["-c", script])
        .args([yaml, json])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn wide_shows_dates_ids_and_all_of_an_update() {
    let wide = replayed(&["-o", "wide"], &[]);
    for part in [
        "container id: 0000",
        "pod uid: 5f2b1c7e-",
        "owner: Deployment cart",
        "node: node-a",
    ] {
        assert!(wide.contains(part), "{part:?} in {wide}");
    }
    let of_update = wide
        .split("\u{2501}\u{2501}\u{2501} ")
        .find(|part| part.contains("(update)"))
        .unwrap();
    assert!(of_update.contains("Recommended actions:"), "{of_update}");
    let usual = replayed(&[], &[]);
    assert!(!usual.contains("pod uid:") && usual.len() < wide.len());
}

#[test]
fn nothing_is_wrapped_where_there_is_no_terminal() {
    let longest = replayed(&[], &[("COLUMNS", "40")])
        .lines()
        .map(|line| line.chars().count())
        .max();
    assert!(longest > Some(100), "{longest:?}");
}

#[test]
fn ascii_is_all_there_is_when_asked_for_or_when_the_locale_has_no_more() {
    let plain = replayed(&["--ascii"], &[]);
    assert!(plain.is_ascii() && plain.contains("=== CRITICAL ==="), "{plain}");
    assert_eq!(replayed(&[], &[("LC_ALL", "C")]), plain);
    assert_eq!(
        replayed(&[], &[("LC_ALL", ""), ("LC_CTYPE", ""), ("LANG", "POSIX")]),
        plain
    );
    assert!(!replayed(&[], &[]).is_ascii());
}

#[test]
fn colour_is_there_when_asked_for_and_nowhere_else() {
    let is_coloured =
        |arguments: &[&str], variables: &[(&str, &str)]| replayed(arguments, variables).contains('\u{1b}');
    assert!(!is_coloured(&[], &[]), "stdout is no terminal");
    assert!(is_coloured(&["--color", "always"], &[]));
    assert!(
        is_coloured(&["--color", "always"], &[("NO_COLOR", "1")]),
        "the flag comes first"
    );
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn histograms_have_the_buckets_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tapio.yaml");
    std::fs::write(&path, "buckets: {latency: [0.0005, 0.002, 1]}\n").unwrap();
    let text = replayed(&["-o", "prometheus", "--config", path.to_str().unwrap()], &[]);
    let usual = replayed(&["-o", "prometheus"], &[]);
    let of = |text: &str| -> Vec<(String, u64)> {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("tapio_tcp_connect_latency_seconds_bucket{"));
        let mut first = String::new();
        let own = |line: &str| {
            let (owner, rest) = line.split_once("le=\"")?;
            if first.is_empty() {
                owner.clone_into(&mut first);
            }
            let (bound, count) = rest.split_once("\"} ")?;
            (owner == first).then(|| (bound.to_owned(), count.parse().unwrap()))
        };
        lines.filter_map(own).collect()
    };
    let (chosen, usual) = (of(&text), of(&usual));
    let bounds: Vec<&str> = chosen.iter().map(|(bound, _)| bound.as_str()).collect();
    assert_eq!(bounds, ["0.0005", "0.002", "1.0", "+Inf"]);
    assert_eq!(usual.len(), 17);
    for shared in ["0.0005", "1.0", "+Inf"] {
        let count = |of: &[(String, u64)]| of.iter().find(|(bound, _)| bound == shared).unwrap().1;
        assert_eq!(count(&chosen), count(&usual), "{shared}");
    }
    assert!(chosen.last().unwrap().1 > 0);
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checker) = promtool else {
        return fixtures::skipped(
            "histograms_have_the_buckets_of_the_configuration",
            "there is no promtool",
        );
    };
    checker.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = checker.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
