//! The configuration file as a user meets it: what wins, what is refused and with which words, SIGHUP, and the documents.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "the cluster and the agent serve several tests")]

mod cluster;
mod scrape;
mod settings;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use cluster::{healthy, restart};
use fixtures::apiserver::ApiServer;
use scrape::Agent;
use settings::{BAD, tables};
use tempfile::TempDir;

/// Runs `tapio config` with these arguments; gives back its exit code, what it printed and what it said.
fn config(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    for name in [
        "TAPIO_CONFIG",
        "TAPIO_PROFILE",
        "TAPIO_BATCH_SIZE",
        "TAPIO_LISTEN",
        "TAPIO_CALIBRATION",
    ] {
        command.env_remove(name);
    }
    let out = command
        .arg("config")
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("tapio.yaml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_flag_goes_before_a_variable_a_variable_before_the_file_and_the_file_before_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, says) = (
        folder.path().join("empty"),
        file(folder.path(), "limits:\n  batchSize: 7\n"),
    );
    fs::write(&empty, "").unwrap();
    let shows = |path: &str, flags: &[&str], variables: &[(&str, &str)]| {
        let (code, text, said) = config(&[&["view", "--config", path], flags].concat(), variables);
        assert_eq!(code, Some(0), "{said}");
        text.lines()
            .find(|line| line.contains("batchSize"))
            .unwrap()
            .trim()
            .to_owned()
    };
    let variable = [("TAPIO_BATCH_SIZE", "8")];
    assert_eq!(shows(empty.to_str().unwrap(), &[], &[]), "batchSize: 100  # default");
    assert_eq!(shows(&says, &[], &[]), "batchSize: 7  # file");
    assert_eq!(shows(&says, &[], &variable), "batchSize: 8  # TAPIO_BATCH_SIZE");
    assert_eq!(
        shows(&says, &["--batch-size", "9"], &variable),
        "batchSize: 9  # --batch-size"
    );
}

#[test]
fn the_agents_listener_is_shown_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "");
    let listens = |flags: &[&str]| {
        let (_, text, _) = config(&[&["view", "--config", &path], flags].concat(), &[]);
        let line = text.lines().find(|line| line.starts_with("  listen: "));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(listens(&[]), "listen: null  # default");
    assert_eq!(listens(&["--agent"]), "listen: \":9464\"  # default");
    assert_eq!(listens(&["--agent", "--listen", ":1"]), "listen: \":1\"  # --listen");
    file(folder.path(), "http: {listen: '127.0.0.1:9'}");
    assert_eq!(listens(&["--agent"]), "listen: \"127.0.0.1:9\"  # file");
}

#[test]
fn the_variable_names_the_file_and_the_flag_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "profile: minimal\n");
    let other = folder.path().join("other.yaml");
    fs::write(&other, "profile: comprehensive\n").unwrap();
    let variable = [("TAPIO_CONFIG", path.as_str())];
    let (_, text, _) = config(&["view"], &variable);
    assert!(text.contains("profile: \"minimal\"  # file\n"), "{text}");
    let (_, text, _) = config(&["view", "--config", other.to_str().unwrap()], &variable);
    assert!(text.contains("profile: \"comprehensive\"  # file\n"), "{text}");
}

#[test]
fn what_is_viewed_can_be_saved_as_a_file_and_is_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text, _) = config(&["view", "--config", root("docs/tapio.yaml").to_str().unwrap()], &[]);
    let saved = file(folder.path(), &text);
    let (code, again, said) = config(&["view", "--config", &saved], &[]);
    assert_eq!(code, Some(0), "{said}");
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1);
        lines
            .map(|line| line.split("  # ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(values(&again), values(&text));
    assert!(!again.contains("# default"), "{again}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_is_meant_or_allowed() {
    let folder = tempfile::tempdir().unwrap();
    for (text, words) in BAD {
        let path = file(folder.path(), text);
        let (code, printed, said) = config(&["view", "--config", &path], &[]);
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{text}: {said}");
        let begins = format!("tapio: {path}:");
        assert!(
            said.starts_with(&begins) && said.contains(words),
            "{text}\n  said: {said}  not: {words}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn what_is_no_configuration_at_all_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let large = file(folder.path(), &"#".repeat((1 << 20) + 1));
    let cases = [
        ("/does/not/exist", "No such file"),
        ("/dev/zero", "is not a regular file"),
        ("/", "is not a regular file"),
        (large.as_str(), "is larger than 1 MiB"),
    ];
    for (path, words) in cases {
        let (code, _, said) = config(&["view", "--config", path], &[]);
        assert!(code == Some(1) && said.contains(words), "{path}: {said}");
    }
    let out = Command::new(env!("CARGO_BIN_EXE_tapio"))
        .args(["sniff", "--k8s-only", "--config", "/does/not/exist"])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1), "nothing is started");
}

/// An agent beside this cluster, ready, with this file in a folder of its own.
fn beside(api: &ApiServer, text: &str) -> (Agent, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    let (kubeconfig, path) = (kubeconfig.to_str().unwrap(), file(folder.path(), text));
    let agent = Agent::start(&["--k8s-only", "--kubeconfig", kubeconfig, "--config", &path]);
    agent.until("/readyz", |reply| reply.status == 200);
    (agent, folder)
}

/// Has an agent read another file.
fn change(agent: &Agent, folder: &TempDir, text: &str) {
    file(folder.path(), text);
    agent.hang_up();
}

#[test]
fn sighup_changes_filters_keeps_the_old_ones_when_the_file_is_wrong_and_is_counted() {
    let api = ApiServer::start_tls().unwrap();
    api.apply(healthy("cart-0"));
    api.apply(healthy("web-0"));
    let (agent, folder) = beside(&api, "filters: {excludedNamespaces: [shop]}\n");
    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    agent.until("/metrics", |reply| reply.body.contains("tapio_pods 2"));
    let active = "tapio_insight_active{id=\"oom-killed\"";
    let text = agent.get("/metrics").body;
    assert!(!text.contains(active), "its namespace is left out: {text}");
    assert!(text.contains("tapio_config_last_reload_successful 1\n"), "{text}");

    change(&agent, &folder, "filters: {excludedNamespace: []}\n");
    let said = agent.notice("config: not changed");
    assert!(
        said.contains(":1:11: unknown key \"excludedNamespace\"; did you mean"),
        "{said}"
    );
    let text = agent.until("/metrics", |reply| {
        reply
            .body
            .contains("tapio_config_reloads_total{outcome=\"failure\"} 1\n")
    });
    assert!(text.body.contains("tapio_config_last_reload_successful 0\n") && !text.body.contains(active));

    change(
        &agent,
        &folder,
        "profile: minimal\nfilters: {namespaces: [shop]}\nsinks: {webhook: {url: 'http://127.0.0.1:1'}}\n",
    );
    agent.notice("config: read again");
    assert!(
        agent
            .notice("needs a restart")
            .ends_with("needs a restart: profile, sinks.webhook")
    );
    let text = agent.until("/metrics", |reply| reply.body.contains(active)).body;
    assert!(
        text.contains("tapio_config_reloads_total{outcome=\"success\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("tapio_config_last_reload_successful 1\n"), "{text}");
    assert_eq!(agent.stop().0, Some(0));
}

#[test]
fn a_live_run_sends_to_the_sinks_of_the_file() {
    let api = ApiServer::start_tls().unwrap();
    api.apply(healthy("cart-0"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "s3cret").unwrap();
    let text = format!(
        "sinks: {{webhook: {{url: 'http://{}/in', secretFile: {}}}}}\n",
        listener.local_addr().unwrap(),
        secret.path().display()
    );
    let (agent, _folder) = beside(&api, &text);
    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = [0; 4_096];
    let read = stream.read(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    assert!(
        head.starts_with("post /in http/1.1") && head.contains("x-tapio-signature-256: sha256="),
        "{head}"
    );
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        .unwrap();
    // What of the body is not read yet must not reset the connection before the answer is.
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let sent = r#"tapio_sink_sent_total{sink="webhook"} "#;
    agent.until("/metrics", |reply| {
        let mut lines = reply.body.lines().filter_map(|line| line.strip_prefix(sent));
        lines.next().is_some_and(|count| count != "0")
    });
    drop(listener);
    assert_eq!(agent.stop().0, Some(0));
}

#[test]
fn a_threshold_of_the_file_decides_what_is_said() {
    let api = ApiServer::start_tls().unwrap();
    let (agent, folder) = beside(&api, "thresholds: {crash-loop: {criticalRestarts: 1000}}\n");
    let mut pod = healthy("cart-0");
    for run in 1..=4 {
        pod = restart(&api, pod, run, 1, "Error");
    }
    let active = |severity: &str| format!("tapio_insight_active{{id=\"crash-loop\",severity=\"{severity}\"");
    agent.until("/metrics", |reply| reply.body.contains(&active("warning")));
    change(&agent, &folder, "");
    agent.notice("config: read again");
    agent.until("/metrics", |reply| reply.body.contains(&active("critical")));
    assert_eq!(agent.stop().0, Some(0));
}

#[test]
fn no_histogram_has_more_bounds_than_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let with = |count: usize| {
        let bounds: Vec<String> = (1..=count).map(|bound| bound.to_string()).collect();
        let path = file(folder.path(), &format!("buckets: {{latency: [{}]}}", bounds.join(", ")));
        config(&["view", "--config", &path], &[])
    };
    assert_eq!(with(50).0, Some(0));
    let (code, _, said) = with(51);
    assert!(
        code == Some(1) && said.contains("there are more than 50 bounds"),
        "{said}"
    );
}

#[test]
fn an_insight_is_switched_off_and_on_again_in_a_running_process() {
    let api = ApiServer::start_tls().unwrap();
    let (agent, folder) = beside(&api, "");
    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    let active = "tapio_insight_active{id=\"oom-killed\"";
    let is_active = |wanted: bool| {
        agent.until("/metrics", |reply| reply.body.contains(active) == wanted);
    };
    is_active(true);
    for (text, wanted) in [
        ("insights: {oom-killed: never}", false),
        ("insights: {oom-killed: critical}", true),
    ] {
        change(&agent, &folder, text);
        agent.notice("config: read again");
        is_active(wanted);
    }
    assert_eq!(agent.stop().0, Some(0));
}

#[test]
fn the_example_is_a_good_file() {
    let (code, text, said) = config(&["view", "--config", root("docs/tapio.yaml").to_str().unwrap()], &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(text.contains("throttledRatio: 0.4  # file\n"), "{text}");
}

#[test]
fn the_configuration_that_the_chart_is_tested_with_is_a_good_file() {
    let folder = tempfile::tempdir().unwrap();
    let values = fs::read_to_string(root("deploy/tests/values/everything.yaml")).unwrap();
    let values: serde_json::Value = serde_saphyr::from_str(&values).unwrap();
    let path = file(folder.path(), &values["config"].to_string());
    let (code, text, said) = config(&["view", "--config", &path], &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        text.contains("secretFile: \"/etc/tapio-secrets/webhook/secret\"  # file\n"),
        "{text}"
    );
}

#[test]
fn the_schema_and_the_table_of_keys_are_current() {
    let (code, schema, _) = config(&["schema"], &[]);
    assert_eq!(code, Some(0));
    current("docs/config.schema.json", &schema);
    let manual = fs::read_to_string(root("cli/src/config/manual.md")).unwrap();
    let how = "<!-- Generated from cli/src/config by `TAPIO_UPDATE_GOLDEN=1 cargo test -p tapio --test configuration`. -->\n\n";
    let text = format!("{how}{manual}{}", tables(&serde_json::from_str(&schema).unwrap()));
    current("docs/configuration.md", &text);
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// Compares a generated document with what it should be, or writes it.
#[track_caller]
fn current(document: &str, text: &str) {
    let path = root(document);
    if std::env::var_os("TAPIO_UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(is == text, "{document} is not current");
}
