//! `tapio sniff --k8s-dump` judges what kubectl wrote: a file, a folder, stdin; JSON or YAML; and refuses what is no dump.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command
        .args(["sniff", "--k8s-dump"])
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("NODE_NAME")
        .env("LC_ALL", "C.UTF-8");
    command
}

fn judge(path: &Path, arguments: &[&str]) -> Output {
    command(&[&[path.to_str().unwrap()], arguments].concat())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The ids of the insights on stdout; the last line is the summary.
fn said(out: &Output) -> Vec<String> {
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().map(str::to_owned)
    };
    text(&out.stdout).lines().filter_map(id).collect()
}

fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n1", "uid": "n-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
            "lastHeartbeatTime": "2026-01-02T10:00:05Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
}

/// A pod of a Deployment whose container ends with code 1 again and again.
fn crashing() -> Value {
    let ended = json!({"exitCode": 1, "reason": "Error", "message": "no database", "containerID": "containerd://c9",
        "startedAt": "2026-01-02T09:59:00Z", "finishedAt": "2026-01-02T09:59:03Z"});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "cart-6f9-x", "namespace": "shop", "uid": "p-1", "labels": {"app": "cart"},
            "creationTimestamp": "2026-01-02T09:40:00Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-6f9", "uid": "r-1", "controller": true}]},
        "spec": {"nodeName": "n1", "restartPolicy": "Always", "containers": [{"name": "app", "image": "registry.example/cart:v2"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "registry.example/cart:v2", "imageID": "",
            "ready": false, "restartCount": 9, "containerID": "containerd://c9",
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}},
            "lastState": {"terminated": ended}}]}})
}

fn replica_set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "cart-6f9", "namespace": "shop", "uid": "r-1", "creationTimestamp": "2026-01-02T09:40:00Z",
            "annotations": {"deployment.kubernetes.io/revision": "2"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart", "uid": "d-1", "controller": true}]},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "app", "image": "registry.example/cart:v2"}]}}}})
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn written(folder: &TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_crash_loop_is_found_with_its_cause_and_its_workload() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "all.json", &list(&[crashing(), node(), replica_set()]));
    let out = judge(&path, &["-o", "json", "--fail-on", "critical"]);
    let notices = text(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{notices}");
    assert!(notices.contains("dump of 2026-01-02T10:00:05.000Z"), "{notices}");
    assert!(notices.contains("1 Node, 1 Pod, 1 ReplicaSet"), "{notices}");
    assert!(said(&out).contains(&"crash-loop".to_owned()), "{}", text(&out.stdout));
    let of_it = text(&out.stdout)
        .lines()
        .find(|line| line.contains("crash-loop"))
        .unwrap()
        .to_owned();
    assert!(
        of_it.contains("exits with code 1") && of_it.contains("no database"),
        "{of_it}"
    );
    let human = text(&judge(&path, &[]).stdout);
    assert!(human.contains("cart-6f9-x/app is in a crash loop"), "{human}");
}

#[test]
fn a_healthy_dump_says_nothing_and_succeeds() {
    let folder = TempDir::new().unwrap();
    let mut pod = crashing();
    pod["status"]["containerStatuses"][0] = json!({"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "containerID": "containerd://c1", "state": {"running": {"startedAt": "2026-01-02T09:40:03Z"}}});
    let path = written(&folder, "all.json", &list(&[pod, node(), replica_set()]));
    let out = judge(&path, &["-o", "json", "--fail-on", "info"]);
    assert_eq!(
        (out.status.code(), said(&out)),
        (Some(0), vec![]),
        "{}",
        text(&out.stdout)
    );
}

#[test]
fn a_folder_yaml_and_stdin_tell_the_same() {
    let folder = TempDir::new().unwrap();
    let whole = list(&[crashing(), node(), replica_set()]);
    let path = written(&folder, "all.json", &whole);
    let expected = text(&judge(&path, &["-o", "json"]).stdout);
    assert!(!expected.is_empty());

    let split = TempDir::new().unwrap();
    written(&split, "shop/pods.json", &list(&[crashing()]));
    written(&split, "shop/sets.yaml", &format!("---\n{}\n---\n", replica_set()));
    written(&split, "nodes.yml", &node().to_string());
    written(&split, "shop/cart/logs.txt", "NAME READY\nnot ours");
    assert_eq!(text(&judge(split.path(), &["-o", "json"]).stdout), expected);

    let mut child = command(&["-", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(whole.as_bytes()).unwrap();
    assert_eq!(text(&child.wait_with_output().unwrap().stdout), expected);
}

#[test]
fn what_is_left_out_is_named() {
    let folder = TempDir::new().unwrap();
    let mut secret = node();
    secret["kind"] = "Secret".into();
    let mut bad = node();
    bad["metadata"]["name"] = 7.into();
    let path = written(&folder, "all.json", &list(&[secret, crashing(), bad]));
    let notices = text(&judge(&path, &[]).stderr);
    assert!(notices.contains("tapio does not watch them: 1 Secret"), "{notices}");
    assert!(
        notices.contains("not readable: Node without a name: invalid type"),
        "{notices}"
    );
}

#[test]
fn what_is_no_dump_gets_one_line_that_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let cut = &list(&[crashing()])[..300];
    let cases = [
        (
            "table.json",
            "NAME   READY   STATUS\ncart   1/1   Running\n",
            "write it again with `-o json`",
        ),
        ("cut.json", cut, "ends in the middle"),
        ("empty.yaml", "", "is empty"),
        ("text.yaml", "just words", "something without `kind`"),
    ];
    for (name, content, part) in cases {
        let path = written(&folder, name, content);
        let out = judge(&path, &[]);
        let notices = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{notices}");
        assert!(notices.contains(name) && notices.contains(part), "{notices}");
        assert_eq!(
            (text(&out.stdout), notices.lines().count()),
            (String::new(), 1),
            "{notices}"
        );
    }
    let nowhere = judge(&folder.path().join("nowhere"), &[]);
    assert!(text(&nowhere.stderr).contains("nowhere"), "{}", text(&nowhere.stderr));
    let bare = TempDir::new().unwrap();
    assert!(text(&judge(bare.path(), &[]).stderr).contains("holds no file that ends in .json"));
}
