//! Bad input gets one clear line on stderr and the right exit code, and never a panic.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use correlator::Timestamp;
use sniffers::recording::{Header, Recorder};

fn tapio(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command
        .env_remove("KUBECONFIG")
        .env_remove("NODE_NAME")
        .env("LC_ALL", "C")
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs tapio and checks its exit code and that stderr says `part`, without a panic and with nothing on stdout.
#[track_caller]
fn refuses(arguments: &[&str], code: i32, part: &str) {
    let out = tapio(arguments);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(part), "{arguments:?}: {part:?} in {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "", "{arguments:?}");
}

#[test]
fn unknown_flags_and_values_are_usage_errors() {
    for (arguments, part) in [
        (
            &["sniff", "-o", "xml"][..],
            "possible values: human, wide, json, yaml, prometheus",
        ),
        (&["sniff", "--batch-size", "0"], "from 1 to 100000"),
        (&["sniff", "--batch-size", "many"], "from 1 to 100000"),
        (&["sniff", "--duration", "5"], "with its unit"),
        (&["sniff", "--ebpf-only", "--k8s-only"], "cannot be used with"),
        (&["sniff", "--replay", "x", "--record", "y"], "cannot be used with"),
        (&["sniff", "--k8s-dump", "x", "--replay", "y"], "cannot be used with"),
        (&["sniff", "-A", "-n", "shop"], "cannot be used with"),
        (&["sniff", "--recrod", "y"], "--record"),
        (&["sniff", "-l", "app is web"], "such as app=web"),
        (&["sniff", "--since", "5m"], "--replay"),
        (&["sniff", "--since", "5", "--replay", "x"], "with its unit"),
        (&["completion", "tcsh"], "possible values: bash"),
        (&["man", "snif"], "sniff"),
        (&["sniff", "--leader-elect", "tapio"], "such as monitoring/tapio"),
        (
            &["sniff", "--leader-elect", "Monitoring/tapio"],
            "the namespace is no name",
        ),
        (
            &["sniff", "--leader-elect", "a/b", "--node", "n1"],
            "cannot be used with",
        ),
        (
            &["sniff", "--fail-on", "bad"],
            "possible values: info, warning, critical",
        ),
        (&["sniff", "--listen", "9464"], "such as 127.0.0.1:9464"),
        (&["sniff", "--listen", ":9464", "--replay", "x"], "cannot be used with"),
        (&["agent", "--replay", "x"], "`tapio sniff` has this flag"),
        (&["snif"], "sniff"),
    ] {
        refuses(arguments, 2, part);
    }
}

#[test]
fn an_unknown_insight_is_named() {
    refuses(&["explain", "oom"], 1, "there is no insight \"oom\"");
}

#[test]
fn what_is_no_recording_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("text"), "hello\n").unwrap();
    refuses(&["sniff", "--replay", &path("missing")], 1, "there is no recording");
    refuses(&["sniff", "--replay", &path("empty")], 1, "empty");
    refuses(&["sniff", "--replay", &path("text")], 1, "no tapio recording");
    refuses(
        &["sniff", "--replay", folder.path().to_str().unwrap()],
        1,
        "is a directory",
    );
}

#[test]
fn a_recording_of_the_future_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let now = folder.path().join("now");
    Recorder::create(&now, Header::default()).unwrap().finish().unwrap();
    let future = folder.path().join("future");
    rewrite(&now, &future);
    refuses(&["sniff", "--replay", future.to_str().unwrap()], 1, "newer");
}

#[test]
fn a_port_that_cannot_be_had_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let agent = ["agent", "--k8s-only", "--listen"];
    refuses(
        &[&agent[..], &[address.as_str()]].concat(),
        1,
        "another program has this port",
    );
    let absent = [&agent[..], &["192.0.2.1:9464"]].concat();
    refuses(&absent, 1, "this machine has no such address");
}

/// Copies a recording with its block version raised and the block header's checksum mended.
fn rewrite(from: &Path, to: &Path) {
    let mut bytes = fs::read(from).unwrap();
    bytes[12..14].copy_from_slice(&2u16.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..52]);
    bytes[52..56].copy_from_slice(&sum.to_le_bytes());
    fs::write(to, bytes).unwrap();
}

#[test]
fn a_damaged_recording_is_replayed_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let mut recorder = Recorder::create(&path, Header::default()).unwrap();
    for second in 0..5 {
        recorder.tick(Timestamp::from_secs(second)).unwrap();
    }
    recorder.finish().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let out = tapio(&["sniff", "--replay", path.to_str().unwrap()]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("1 blocks lost (at offsets "), "{said}");
}

#[test]
fn a_recording_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("there");
    fs::write(&path, "precious").unwrap();
    refuses(
        &["sniff", "--k8s-only", "--record", path.to_str().unwrap()],
        1,
        "exists",
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_cluster_that_cannot_be_watched_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let malformed = write("malformed", "clusters: [\n");
    refuses(&["sniff", "--k8s-only", "--kubeconfig", &malformed], 1, &malformed);
    refuses(
        &["sniff", "--k8s-only", "--kubeconfig", "/does/not/exist"],
        1,
        "kubeconfig /does/not/exist",
    );
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let absent = write("absent", &fixtures::apiserver::kubeconfig(&url, "token"));
    let out = tapio(&["sniff", "--k8s-only", "--duration", "2s", "--kubeconfig", &absent]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains(&url) && !said.contains("panicked"), "{said}");
    let unknown = tapio(&["sniff", "--k8s-only", "--context", "nowhere", "--kubeconfig", &absent]);
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said.contains("nowhere"), "{said}");
}
