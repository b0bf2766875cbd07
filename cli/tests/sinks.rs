//! What an incident becomes outside: alerts in a real Alertmanager, JSON at a webhook, and nothing at a sink that is silent.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use fixtures::alertmanager::Alertmanager;
use ring::hmac;
use serde_json::Value;

fn incident() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings/incident.tapio.zst")
}

fn replay(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command.args(["sniff", "-o", "json", "--replay"]).arg(incident());
    let out = command.args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out
}

/// What was written to stdout, without the summary.
fn insights(out: &Output) -> Vec<Value> {
    let lines = out.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let values = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    values.filter(|value| value.get("id").is_some()).collect()
}

#[test]
fn an_incident_stands_in_a_real_alertmanager() {
    if let Some(reason) = Alertmanager::missing() {
        return fixtures::skipped("an_incident_stands_in_a_real_alertmanager", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Alertmanager::start(folder.path()).unwrap();
    let out = replay(&["--alertmanager", &server.url()]);
    let said = insights(&out);
    let alerts = server.alerts().unwrap();
    let alert = alerts
        .iter()
        .find(|alert| alert["labels"]["alertname"] == "TapioOomKilled");
    let alert = alert.unwrap_or_else(|| panic!("{alerts:?}"));
    let insight = said.iter().find(|insight| insight["id"] == "oom-killed").unwrap();
    for label in ["namespace", "pod", "container"] {
        assert_eq!(alert["labels"][label], insight["subject"][label], "{label}");
    }
    assert_eq!(alert["annotations"]["summary"], insight["title"]);
    assert_eq!(alert["startsAt"], insight["at"]);
    assert_eq!(alert["status"]["state"], "active");
    let severity = |id: &str| said.iter().rfind(|insight| insight["id"] == id).unwrap()["severity"].clone();
    for alert in &alerts {
        let id = alert["labels"]["id"].as_str().unwrap();
        assert_eq!(
            alert["labels"]["severity"],
            severity(id),
            "the alert of an older severity is over"
        );
    }
}

/// Takes `count` requests one after the other and gives back their heads and bodies.
fn take(listener: &TcpListener, count: usize) -> Vec<(String, Vec<u8>)> {
    let mut taken = Vec::new();
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    while taken.len() < count {
        let mut some = [0; 8_192];
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "it hung up after {taken:?}");
        bytes.extend_from_slice(&some[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let all = end + 4 + length.parse::<usize>().unwrap();
        if bytes.len() < all {
            continue;
        }
        taken.push((head, bytes[end + 4..all].to_vec()));
        bytes.drain(..all);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    }
    taken
}

#[test]
fn a_webhook_gets_each_insight_once_with_a_key_that_a_second_replay_gives_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in?x=1", listener.local_addr().unwrap());
    let once = || {
        let (url, listener) = (url.clone(), listener.try_clone().unwrap());
        let count = insights(&replay(&[])).len();
        let server = thread::spawn(move || take(&listener, count));
        let out = replay(&["--webhook", &url]);
        let taken = server.join().unwrap().into_iter();
        let taken = taken.map(|(head, body)| (head, serde_json::from_slice(&body).unwrap()));
        (insights(&out), taken.collect::<Vec<(String, Value)>>())
    };
    let (said, first) = once();
    let (_, second) = once();
    assert!(said.len() > 3);
    for ((head, body), insight) in first.iter().zip(&said) {
        assert!(head.starts_with("post /in?x=1 http/1.1"), "{head}");
        let key = format!("idempotency-key: \"{}\"", body["event_id"].as_str().unwrap());
        assert!(head.contains(&key), "{head}");
        for (name, value) in insight.as_object().unwrap() {
            assert_eq!(&body[name], value, "{name}");
        }
    }
    let keys =
        |taken: &[(String, Value)]| -> Vec<Value> { taken.iter().map(|(_, body)| body["event_id"].clone()).collect() };
    assert_eq!(keys(&first), keys(&second));
}

/// A configuration of these sinks, beside whose file stand a secret and a token.
fn configured(folder: &Path, sinks: &str) -> String {
    let path = |name: &str| folder.join(name);
    fs::write(path("secret"), "s3cret\n").unwrap();
    fs::write(path("token"), "t0ken\n").unwrap();
    let sinks = sinks.replace("FOLDER", folder.to_str().unwrap());
    fs::write(path("tapio.yaml"), format!("sinks:\n{sinks}")).unwrap();
    path("tapio.yaml").to_str().unwrap().to_owned()
}

#[test]
fn the_file_says_how_it_is_sent_and_a_flag_only_where_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = configured(
        folder.path(),
        "  cluster: west\n  webhook:\n    url: http://127.0.0.1:1\n    secretFile: FOLDER/secret\n    \
         connection: {bearerTokenFile: FOLDER/token}\n",
    );
    let count = insights(&replay(&[])).len();
    let server = thread::spawn(move || take(&listener, count));
    replay(&["--config", &file, "--webhook", &url]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
    for (head, body) in server.join().unwrap() {
        let signature = hmac::sign(&key, &body);
        let hex = signature
            .as_ref()
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert!(head.contains(&format!("x-tapio-signature-256: sha256={hex}")), "{head}");
        assert!(head.contains("authorization: bearer t0ken"), "{head}");
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["cluster"], "west");
    }
}

#[test]
fn a_recording_is_not_sent_to_whom_only_the_file_names() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = silent.local_addr().unwrap();
    let file = configured(folder.path(), &format!("  alertmanager: {{urls: ['http://{url}']}}\n"));
    let out = replay(&["--config", &file]);
    assert_eq!(silent.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(
        told.contains("nothing is sent to the alertmanager of the file"),
        "{told}"
    );
}

#[test]
fn no_more_waits_than_the_file_allows() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path(), "  webhook:\n    queue: {items: 2}\n");
    let out = replay(&["--config", &file, "--webhook", &url]);
    assert!(insights(&out).len() > 3);
    let told = String::from_utf8(out.stderr).unwrap();
    // Two wait, and one is under way.
    assert!(
        told.contains("webhook: 3 were not sent before the end of the run"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_sent_is_told_with_its_key_before_anything_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let absent = "FOLDER/absent";
    fs::write(folder.path().join("empty"), "").unwrap();
    let webhook = |more: &str| format!("  webhook:\n    {more}\n");
    for (sinks, says) in [
        (
            webhook(&format!("secretFile: {absent}")),
            "sinks.webhook.secretFile: name a file that this user may read",
        ),
        (
            webhook("secretFile: FOLDER/empty"),
            "/empty is empty; put the secret in",
        ),
        (
            webhook(&format!("connection: {{bearerTokenFile: {absent}}}")),
            "sinks.webhook.connection.bearerTokenFile: name a file that this user may read",
        ),
        (
            webhook(&format!("connection: {{caFile: {absent}}}")),
            "sinks.webhook.connection: caFile: reading the certificate authorities in",
        ),
        (
            webhook("secretfile: x"),
            ":3:5: unknown key \"secretfile\"; did you mean \"secretFile\"?",
        ),
        (
            "  webhok: {}\n".to_owned(),
            ":2:3: unknown key \"webhok\"; did you mean \"webhook\"?",
        ),
        (
            "  alertmanager: {generatorUrl: grafana}\n".to_owned(),
            ":2:32: \"grafana\" cannot be used: give a URL such as",
        ),
        (
            "  otlp: {url: nowhere}\n".to_owned(),
            ":2:15: \"nowhere\" cannot be used: give a URL such as",
        ),
        (
            "  otlp: {url: 'http://x', interval: 10ms}\n".to_owned(),
            ":2:37: \"10ms\" cannot be used: give a time from 1s to 1h",
        ),
        (
            webhook("queue: {items: 0}"),
            ":3:20: 0 cannot be used: give a whole number from 1 to 1000000",
        ),
        (
            webhook("queue: {bytes: 1}"),
            ":3:20: \"1\" cannot be used: give a size from 64KiB to 1GiB",
        ),
        (
            "  otlp: {logs: false}\n".to_owned(),
            ": sinks.otlp.url: there is no address; give one here or with --otlp",
        ),
    ] {
        let file = configured(folder.path(), &sinks);
        let out = Command::new(env!("CARGO_BIN_EXE_tapio"))
            .args(["sniff", "--config", &file, "--replay"])
            .arg(incident())
            .env("TAPIO_WEBHOOK", "http://127.0.0.1:1")
            .output()
            .unwrap();
        let told = String::from_utf8(out.stderr).unwrap();
        assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0), "{told}");
        assert!(told.contains(says), "{sinks}\n  said: {told}  not: {says}");
    }
}

#[test]
fn a_silent_sink_changes_nothing_on_stdout_and_is_told_at_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let usual = replay(&[]);
    let began = Instant::now();
    let out = replay(&["--webhook", &url]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(out.stdout, usual.stdout);
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(told.contains(" were not sent before the end of the run"), "{told}");
}

#[test]
fn an_address_that_cannot_be_sent_to_is_told_before_anything_is_watched() {
    for (flag, value) in [
        ("--otlp", "collector:4318"),
        ("--alertmanager", "ftp://x"),
        ("--webhook", ""),
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_tapio"))
            .args(["sniff", flag, value])
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2));
        let told = String::from_utf8(out.stderr).unwrap();
        assert!(told.contains("give a URL such as http://"), "{told}");
    }
}
