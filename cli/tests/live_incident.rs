//! The whole of tapio on a real incident: a container leaks into its limit until the kernel kills it, is restarted three
//! times and gives up each time because its database refuses it, while the API server tells the same pod's story and a
//! healthy neighbour runs beside it.
//!
//! With `TAPIO_KEEP_INCIDENT=FILE` and `TAPIO_KEEP_HEALTHY=FILE` the recordings of the runs are kept there;
//! `TAPIO_LEAK_MILLIS` sets the pace of the leak.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "node/kubelet.rs"]
mod kubelet;
mod node;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use correlator::Timestamp;
use fixtures::apiserver::ApiServer;
use kubelet::{CART, CART_UID, DATABASE, WEB_UID};
use node::{Node, be_workload, missing};
use serde_json::Value;
use sniffers::clock;

const LIMIT: u64 = 64 << 20;
/// Each run sees the whole machine, so there is one at a time.
static MACHINE: Mutex<()> = Mutex::new(());

#[test]
#[ignore = "not a test: what this binary does when it is run as a container"]
fn workload() {
    be_workload();
}

fn is_skipped() -> bool {
    let Some(reason) = missing() else { return false };
    fixtures::skipped("live_incident", &reason);
    true
}

#[test]
fn a_healthy_pod_gives_no_insight() {
    if is_skipped() {
        return;
    }
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let api = ApiServer::start().unwrap();
    let mut node = Node::new("healthy");
    let web = node.start(WEB_UID, LIMIT, "10.244.1.7", "serve 8080");
    kubelet::before(&api, &web.id, clock::now());
    let tapio = Tapio::start(&api, folder.path());
    std::thread::sleep(Duration::from_secs(5));
    let said = tapio.stop();
    assert!(said.starts_with("{\"summary\":") && said.lines().count() == 1, "{said}");
    keep("TAPIO_KEEP_HEALTHY", folder.path());
}

#[test]
fn tapio_explains_a_real_incident_once_and_replays_it_byte_for_byte() {
    if is_skipped() {
        return;
    }
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let api = ApiServer::start().unwrap();
    let mut node = Node::new("incident");
    let neighbour = node.start(WEB_UID, LIMIT, "10.244.1.7", "serve 8080");
    kubelet::before(&api, &neighbour.id, clock::now());

    let tapio = Tapio::start(&api, folder.path());
    let facts = story(&mut node, &api);
    std::thread::sleep(Duration::from_millis(2_500));
    let live = tapio.stop();

    let mut said: Vec<Value> = live.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stats = said.pop().unwrap()["summary"]["stats"].clone();
    assert_eq!(stats["received"], stats["handled"], "nothing is lost: {stats}");
    check(&said, &facts);
    let recording = folder.path().join("incident.tapio.zst");
    let replayed = tapio_binary()
        .args(["sniff", "-o", "json", "-n", "shop", "--replay"])
        .arg(&recording)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(replayed.stdout).unwrap(),
        live,
        "a replay says the same, byte for byte"
    );
    keep("TAPIO_KEEP_INCIDENT", folder.path());
}

/// Copies the recording of a run to where a variable says.
fn keep(variable: &str, folder: &Path) {
    if let Some(place) = std::env::var_os(variable) {
        std::fs::copy(folder.join("incident.tapio.zst"), place).unwrap();
    }
}

fn tapio_binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command.env_remove("KUBECONFIG").env_remove("NODE_NAME");
    command
}

/// When the facts of the story became facts.
struct Facts {
    killed: Timestamp,
    crashed_again: Timestamp,
    refused_thrice: Timestamp,
}

fn story(node: &mut Node, api: &ApiServer) -> Facts {
    let pace = std::env::var("TAPIO_LEAK_MILLIS").unwrap_or_else(|_| "40".to_owned());
    let mut run = node.start(CART_UID, LIMIT, "10.244.1.8", &format!("leak 1 {pace}"));
    let mut pod = kubelet::started(kubelet::cart(), &run.id, run.started);
    api.apply(pod.clone());
    let (_, killed) = node.wait(&run);
    assert!(node.was_oom_killed(&run), "the kernel kills the leak");
    pod = kubelet::ended(pod, 137, "OOMKilled", run.started, killed);
    api.apply(pod.clone());
    let mut ends = Vec::new();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(700));
        run = node.start(CART_UID, LIMIT, DATABASE, &format!("call {DATABASE}:5432"));
        pod = kubelet::started(pod, &run.id, run.started);
        api.apply(pod.clone());
        let (status, ended) = node.wait(&run);
        assert_eq!(status.code(), Some(1), "the application gives up");
        pod = kubelet::ended(pod, 1, "Error", run.started, ended);
        api.apply(pod.clone());
        ends.push(ended);
    }
    api.apply(pod.waiting("app", "CrashLoopBackOff", "back-off 40s restarting failed container"));
    Facts {
        killed,
        crashed_again: ends[0],
        refused_thrice: ends[2],
    }
}

fn check(insights: &[Value], facts: &Facts) {
    let opened: Vec<&Value> = insights
        .iter()
        .filter(|i| i["status"] == "opened" && i["id"] != "oom-trend")
        .collect();
    let mut ids: Vec<&str> = opened.iter().map(|insight| insight["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["connect-refused", "crash-loop", "oom-killed"], "{opened:#?}");
    for insight in &opened {
        let subject = &insight["subject"];
        let named = [
            &subject["namespace"],
            &subject["pod"],
            &subject["container"],
            &subject["owner"],
        ];
        assert_eq!(named, ["shop", CART, "app", "cart"], "nothing is said of the neighbour");
        assert!(!insight["evidence"].as_array().unwrap().is_empty());
        assert_eq!(insight["blind"].as_array().unwrap().len(), 0, "{insight:#}");
    }
    let find = |id: &str| *opened.iter().find(|insight| insight["id"] == id).unwrap();
    let said = |id: &str, part: &str| {
        let insight = find(id);
        let text = format!(
            "{} {}",
            insight["title"].as_str().unwrap(),
            insight["cause"].as_str().unwrap()
        );
        assert!(text.contains(part), "{id}: {part:?} in {text:?}");
    };
    said("oom-killed", "at its memory limit of 64 MiB");
    said("oom-killed", "its own limit was full and the kernel killed");
    assert!(
        find("oom-killed")["remedies"]
            .to_string()
            .contains("set resources deployment/cart -n shop -c app")
    );
    said(
        "crash-loop",
        "exits with code 1 after a failed connect to shop/db-0 (10.244.1.9:5432)",
    );
    said("connect-refused", "is refused by shop/db-0 (10.244.1.9:5432)");
    let soon = |id: &str, fact: Timestamp| {
        let at: jiff::Timestamp = find(id)["at"].as_str().unwrap().parse().unwrap();
        let late = at.as_nanosecond() - i128::from(fact.as_nanos());
        assert!(late < 2_000_000_000, "{id} came {late} ns after the fact");
    };
    soon("oom-killed", facts.killed);
    soon("crash-loop", facts.crashed_again);
    soon("connect-refused", facts.refused_thrice);
}

/// The built binary, watching.
struct Tapio {
    child: Child,
    said: std::path::PathBuf,
}

impl Tapio {
    /// Starts it and waits until all three sniffers watch.
    fn start(api: &ApiServer, folder: &Path) -> Self {
        let (kubeconfig, said) = (folder.join("kubeconfig"), folder.join("said.json"));
        std::fs::write(&kubeconfig, api.kubeconfig()).unwrap();
        let mut child = tapio_binary()
            .args(["sniff", "-o", "json", "-n", "shop", "--kubeconfig"])
            .arg(&kubeconfig)
            .arg("--record")
            .arg(folder.join("incident.tapio.zst"))
            .stdout(File::create(&said).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        for _ in 0..3 {
            let watching = log
                .by_ref()
                .map(Result::unwrap)
                .inspect(|line| eprintln!("tapio: {line}"));
            assert!(
                watching.into_iter().any(|line| line.contains(": watching ")),
                "tapio ended early"
            );
        }
        std::thread::spawn(move || log.map_while(Result::ok).for_each(|line| eprintln!("tapio: {line}")));
        std::thread::sleep(Duration::from_millis(500));
        Self { child, said }
    }

    /// Ends it as Ctrl-C does and gives back what it said.
    fn stop(mut self) -> String {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert!(self.child.wait().unwrap().success());
        std::fs::read_to_string(&self.said).unwrap()
    }
}

impl Drop for Tapio {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
