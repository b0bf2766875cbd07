//! `tapio doctor` on this machine and against a scripted API server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use fixtures::apiserver::{ALWAYS, ApiServer, Fault, Verb};
use serde_json::Value;

fn doctor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command
        .args(["doctor", "-o", "json"])
        .env_remove("KUBECONFIG")
        .env_remove("TAPIO_CONFIG")
        .env("HOME", "/nonexistent");
    command
}

fn rows(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn find<'a>(rows: &'a [Value], check: &str) -> &'a Value {
    let row = rows.iter().find(|row| row["check"] == check);
    row.unwrap_or_else(|| panic!("no {check} in {rows:#?}"))
}

fn against(api: &ApiServer) -> Output {
    with(api, &[])
}

fn with(api: &ApiServer, arguments: &[&str]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), api.kubeconfig()).unwrap();
    doctor()
        .args(["--k8s-only", "--kubeconfig"])
        .arg(file.path())
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_lease_is_tried_without_being_written() {
    let api = ApiServer::start().unwrap();
    let lease = ["--leader-elect", "shop/tapio"];
    // Asked twice, as the first time must not have made it.
    for _ in 0..2 {
        let output = with(&api, &lease);
        let said = rows(&output);
        let row = find(&said, "lease shop/tapio");
        assert_eq!(output.status.code(), Some(0), "{row}");
        assert_eq!(row["found"], "it does not exist yet, and may be made");
    }
    let held = serde_json::json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "tapio", "namespace": "shop"},
        "spec": {"holderIdentity": "node-a_1"},
    });
    api.apply(held);
    assert_eq!(
        find(&rows(&with(&api, &lease)), "lease shop/tapio")["found"],
        "held by node-a_1"
    );
    api.fail_verb("leases", Verb::Update, Fault::Forbidden, ALWAYS);
    let output = with(&api, &lease);
    let said = rows(&output);
    let row = find(&said, "lease shop/tapio");
    assert_eq!(
        (row["status"].as_str(), output.status.code()),
        (Some("fail"), Some(4)),
        "{row}"
    );
    assert!(
        row["hint"]
            .as_str()
            .unwrap()
            .contains(r#""leases"], verbs: ["get", "create", "update"]"#),
        "{row}"
    );
}

#[test]
fn a_server_that_allows_everything_is_good_and_the_exit_code_is_0() {
    let api = ApiServer::start().unwrap();
    let output = against(&api);
    let rows = rows(&output);
    assert_eq!(output.status.code(), Some(0), "{rows:#?}");
    assert_eq!(
        rows.len(),
        18,
        "the configuration, the server and each resource: {rows:#?}"
    );
    assert!(
        rows.iter().all(|row| row["status"] == "ok" && row["hint"].is_null()),
        "{rows:#?}"
    );
    assert!(
        find(&rows, "API server")["found"]
            .as_str()
            .unwrap()
            .contains(&api.url())
    );
}

#[test]
fn fault_23_what_may_not_be_listed_is_named_with_the_rule_to_add() {
    let api = ApiServer::start().unwrap();
    api.fail("events", Fault::Forbidden, ALWAYS);
    let output = against(&api);
    let said = rows(&output);
    let events = find(&said, "list events");
    assert_eq!(
        (events["status"].as_str(), output.status.code()),
        (Some("warn"), Some(0))
    );
    assert!(events["found"].as_str().unwrap().contains("403"));
    let rule = r#"resources: ["events"], verbs: ["list", "watch"]"#;
    assert!(events["hint"].as_str().unwrap().contains(rule), "{events}");

    api.fail("pods", Fault::Forbidden, ALWAYS);
    let output = against(&api);
    let said = rows(&output);
    assert_eq!(find(&said, "list pods")["status"], "fail");
    assert_eq!(find(&said, "list nodes")["status"], "ok");
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn without_a_kubeconfig_it_fails_and_says_what_to_do() {
    let output = doctor().args(["--k8s-only"]).output().unwrap();
    let said = rows(&output);
    assert_eq!(output.status.code(), Some(4), "{said:#?}");
    assert!(
        find(&said, "API server")["hint"]
            .as_str()
            .unwrap()
            .contains("--kubeconfig")
    );
}

#[test]
fn as_root_every_probe_of_this_machine_attaches() {
    if !nix::unistd::geteuid().is_root() {
        return fixtures::skipped("as_root_every_probe_of_this_machine_attaches", "needs root");
    }
    let output = doctor().arg("--ebpf-only").output().unwrap();
    let said = rows(&output);
    assert_eq!(output.status.code(), Some(0), "{said:#?}");
    assert!(find(&said, "volumes")["found"].is_string(), "{said:#?}");
    for check in [
        "kernel",
        "BTF",
        "bpf()",
        "CAP_BPF",
        "cgroups",
        "clock",
        "conntrack",
        "open files",
        "eviction",
    ] {
        assert_eq!(find(&said, check)["status"], "ok", "{said:#?}");
    }
    for probe in probes::all() {
        let row = find(&said, &format!("probe {}", probe.name));
        let hook = probe.programs[0].hook.to_string();
        assert!(row["found"].as_str().unwrap().contains(&hook), "{row}");
    }
}

/// The rows of a doctor that is given this file, without those about the kernel and the cluster where they can be left out.
fn with_file(text: &str, variables: &[(&str, &str)]) -> (Vec<Value>, Option<i32>) {
    let api = ApiServer::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("kubeconfig"), api.kubeconfig()).unwrap();
    std::fs::write(path("secret"), "s3cret").unwrap();
    std::fs::write(
        path("tapio.yaml"),
        text.replace("FOLDER", folder.path().to_str().unwrap()),
    )
    .unwrap();
    let output = doctor()
        .args(["--k8s-only", "--kubeconfig"])
        .arg(path("kubeconfig"))
        .arg("--config")
        .arg(path("tapio.yaml"))
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    (rows(&output), output.status.code())
}

#[test]
fn a_configuration_is_told_with_what_it_loads_or_with_its_error_and_the_rest_is_looked_at() {
    let of = |text: &str, variables: &[(&str, &str)]| {
        let (rows, code) = with_file(text, variables);
        assert_eq!(find(&rows, "list pods")["status"], "ok");
        let row = find(&rows, "configuration").clone();
        (row["found"].as_str().unwrap().to_owned(), row["status"].clone(), code)
    };
    let (found, status, code) = of("profile: custom\nprobes: {dns: true}", &[]);
    assert!(
        found.ends_with("/tapio.yaml; the profile custom loads 1 probes") && status == "ok" && code == Some(0),
        "{found}"
    );
    let (found, ..) = of("profile: custom", &[("TAPIO_PROFILE", "minimal")]);
    assert!(found.contains("; the profile minimal loads "), "{found}");
    for (text, variables, says) in [
        (
            "profil: x",
            &[][..],
            "/tapio.yaml:1:1: unknown key \"profil\"; did you mean",
        ),
        (
            "profile: custom\nprobes: {dns: false, file: false, memory: true, process: true}\nsinks: {otlp: {}}",
            &[][..],
            "sinks.otlp.url: there is no address",
        ),
        (
            "",
            &[("TAPIO_WEBHOOK", "x")][..],
            "the environment: invalid value 'x' for '--webhook <URL>'",
        ),
    ] {
        let (found, status, code) = of(text, variables);
        assert!(found.contains(says), "{found}");
        assert!(status == "fail" && code == Some(4), "{found}");
    }
}

#[test]
fn what_sinks_need_is_looked_for_and_nothing_is_sent() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let of = |text: &str| {
        let (rows, code) = with_file(text, &[("TAPIO_WEBHOOK", &url)]);
        let row = find(&rows, "sinks").clone();
        (row["found"].as_str().unwrap().to_owned(), code)
    };
    let two = "sinks:\n  webhook: {secretFile: FOLDER/secret}\n  alertmanager: {urls: ['http://127.0.0.1:1']}";
    assert_eq!(
        of(two),
        (
            "alertmanager, webhook; whether they answer is not asked".to_owned(),
            Some(0)
        )
    );
    let (found, code) = of("sinks:\n  webhook: {secretFile: FOLDER/absent}");
    assert!(found.starts_with("sinks.webhook.secretFile: name a file"), "{found}");
    assert_eq!(code, Some(4));
    assert_eq!(silent.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_calibration_and_the_kubelet_of_the_file_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tapio.yaml");
    let text =
        "calibration: /nonexistent/calibration.json\nnode: {kubeletRoot: /nonexistent, eviction: {memory: 200MiB}}";
    std::fs::write(&file, text).unwrap();
    let output = doctor().args(["--ebpf-only", "--config"]).arg(&file).output().unwrap();
    let said = rows(&output);
    let calibration = find(&said, "calibration");
    assert_eq!(calibration["status"], "fail", "{calibration}");
    assert_eq!(find(&said, "volumes")["found"], "there is no /nonexistent");
    let eviction = find(&said, "eviction")["found"].as_str().unwrap();
    assert!(
        eviction.starts_with("as configured: memory.available 200 MiB"),
        "{eviction}"
    );
    let beyond = find(&said, "probe file");
    assert!(
        beyond["found"]
            .as_str()
            .unwrap()
            .ends_with("; the configuration does not load it")
            && beyond["status"] != "fail",
        "{beyond}"
    );
}

#[test]
fn fault_15_as_nobody_the_missing_capabilities_are_named_and_the_exit_code_is_4() {
    if !nix::unistd::geteuid().is_root() {
        return fixtures::skipped("fault_15", "needs root, to become nobody");
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("tapio");
    std::fs::copy(env!("CARGO_BIN_EXE_tapio"), &binary).unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everyone).unwrap();
    let mut command = Command::new(binary);
    command
        .args(["doctor", "-o", "json", "--ebpf-only"])
        .uid(65_534)
        .gid(65_534);
    let output = command.output().unwrap();
    let said = rows(&output);
    assert_eq!(output.status.code(), Some(4), "{said:#?}");
    for check in ["CAP_BPF", "CAP_PERFMON", "bpf()", "probe memory"] {
        assert_eq!(find(&said, check)["status"], "fail", "{said:#?}");
    }
    assert!(find(&said, "CAP_BPF")["hint"].as_str().unwrap().contains("run as root"));
}
