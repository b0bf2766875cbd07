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
    assert_eq!(rows.len(), 17, "the server and each resource: {rows:#?}");
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
