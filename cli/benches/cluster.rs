//! What a large cluster costs: 50,000 pods on 1,000 nodes are listed, then 500 pods a second change, over TLS from the
//! scripted API server.
//!
//! `cargo bench -p tapio --bench cluster [-- PODS [SECONDS]]`. The opponent lists the same pods with the same client into whole
//! `k8s-openapi` objects and keeps them, which is what a program does that does not cut its types. The server runs in this
//! process; the figures are of the children alone.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[path = "measure/child.rs"]
mod child;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fixtures::apiserver::ApiServer;
use fixtures::kube::{ContainerObject, NodeObject, PodObject};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use child::{Resident, cpu_seconds, summary};

const PODS_A_NODE: usize = 50;
const CHANGES_A_SECOND: usize = 500;
/// Set for the opponent, which is this program once more.
const OPPONENT: &str = "TAPIO_BENCH_KUBECONFIG";

fn main() {
    if let Ok(path) = std::env::var(OPPONENT) {
        return keep_whole_pods(Path::new(&path));
    }
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (pods, seconds) = (
        numbers.first().copied().unwrap_or(50_000),
        numbers.get(1).copied().unwrap_or(60),
    );
    let server = ApiServer::start_tls().expect("a free port");
    for node in 0..pods.div_ceil(PODS_A_NODE) {
        server.apply(NodeObject::new(&format!("node-{node}")));
    }
    for number in 0..pods {
        server.apply(pod(number, 0));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("config");
    fs::write(&kubeconfig, server.kubeconfig()).expect("a file");
    println!("{pods} pods of {} bytes of JSON each\n", pod(0, 0).to_string().len());
    println!("| | wall s | CPU s | us a pod | resident MiB | bytes a pod |\n|---|---|---|---|---|---|");
    whole_pods(&kubeconfig, pods);
    watched(&server, &kubeconfig, pods, seconds);
}

/// A pod as a cluster has them: two containers, twenty environment variables, managed fields.
fn pod(number: usize, restarts: u32) -> Value {
    let (name, node) = (format!("web-7d9c{number:05}"), format!("node-{}", number / PODS_A_NODE));
    let mut app = ContainerObject::new("app")
        .image("registry.example/shop/web:v1.2.3")
        .limit("memory", "512Mi")
        .request("memory", "256Mi")
        .request("cpu", "100m")
        .port(8080);
    for variable in 0..20 {
        app = app.env(&format!("SETTING_{variable}"), "a value of ordinary length");
    }
    let proxy = ContainerObject::new("proxy")
        .image("registry.example/proxy:v4")
        .limit("memory", "128Mi");
    let started = "2026-11-21T10:00:00Z";
    let object = PodObject::new("shop", &name)
        .uid(&format!("5f2b1c7e-0d3a-4b8e-9c41-{number:012x}"))
        .node(&node)
        .owned_by(
            "apps/v1",
            "ReplicaSet",
            "web-7d9c",
            "6b0f2f0e-8f57-4a57-8f4e-000000000001",
        )
        .container(app)
        .container(proxy)
        .ips(&[&format!(
            "10.{}.{}.{}",
            number >> 16 & 255,
            number >> 8 & 255,
            number & 255
        )])
        .running("app", &format!("{number:064x}"), started)
        .running("proxy", &format!("f{number:063x}"), started)
        .restarts("app", restarts);
    let mut object: Value = object.into();
    object["metadata"]["labels"] = json!({"app": "web", "pod-template-hash": "7d9c", "tier": "front"});
    object["metadata"]["managedFields"] = managed_fields();
    object
}

/// What the server notes of who wrote which field: the larger part of most pods.
fn managed_fields() -> Value {
    let fields: serde_json::Map<String, Value> = (0..40)
        .map(|field| (format!("f:field-{field}"), json!({".": {}, "f:value": {}})))
        .collect();
    let entry = |manager: &str| {
        json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-11-21T10:00:00Z",
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    json!([entry("kube-controller-manager"), entry("kubelet")])
}

fn whole_pods(kubeconfig: &Path, pods: usize) {
    let start = Instant::now();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .env(OPPONENT, kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program once more");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let (empty, wall) = (line.trim().parse().unwrap_or(f64::NAN), start.elapsed());
    row("listed and kept whole", wall, &child, empty, pods);
    // It waits for the end of its input.
    drop(child.stdin.take());
    child.wait().expect("a child");
}

/// Lists in pages and keeps every object; prints the resident MiB it began with once all are there.
fn keep_whole_pods(kubeconfig: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let empty = Resident::of(std::process::id()).all;
    let kept = runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let api: Api<Pod> = Api::all(Client::try_from(config.expect("a context")).expect("a client"));
        let (mut kept, mut token) = (Vec::new(), None);
        loop {
            let mut page = ListParams::default().limit(500);
            page.continue_token = token.take();
            let list = api.list(&page).await.expect("a page");
            kept.extend(list.items);
            token = list.metadata.continue_.filter(|token| !token.is_empty());
            if token.is_none() {
                return kept;
            }
        }
    });
    println!("{empty}");
    std::io::stdin().lines().for_each(drop);
    drop(kept);
}

fn watched(server: &ApiServer, kubeconfig: &Path, pods: usize, seconds: usize) {
    let start = Instant::now();
    let mut tapio = Command::new(env!("CARGO_BIN_EXE_tapio"))
        .args(["sniff", "--k8s-only", "-o", "json", "--kubeconfig"])
        .arg(kubeconfig)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tapio starts");
    let empty = loop {
        let resident = Resident::of(tapio.id()).all;
        if resident > 1.0 {
            break resident;
        }
    };
    while server.open_watches("pods") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let wall = start.elapsed();
    row("listed and watched by tapio", wall, &tapio, empty, pods);
    let (before, begun) = (cpu_seconds(tapio.id()), Instant::now());
    for tick in 0..seconds * 10 {
        for change in 0..CHANGES_A_SECOND / 10 {
            let number = tick * CHANGES_A_SECOND / 10 + change;
            server.apply(pod(
                number * 7_919 % pods,
                1 + u32::try_from(number / pods).unwrap_or(0),
            ));
        }
        let due = Duration::from_millis(100) * u32::try_from(tick + 1).expect("an hour has 36,000 ticks");
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    let (used, took) = (cpu_seconds(tapio.id()) - before, begun.elapsed().as_secs_f64());
    let resident = Resident::of(tapio.id()).all;
    println!(
        "\n{CHANGES_A_SECOND} changes/s for {took:.0} s: {:.1} % of a core, {resident:.1} MiB resident at the end",
        used / took * 100.0
    );
    println!("\n{}", summary(&mut tapio));
}

fn row(what: &str, wall: Duration, child: &Child, empty: f64, pods: usize) {
    let (cpu, resident) = (cpu_seconds(child.id()), Resident::of(child.id()).all);
    println!(
        "| {what} | {:.1} | {cpu:.1} | {:.0} | {resident:.1} | {:.0} |",
        wall.as_secs_f64(),
        cpu * 1e6 / pods as f64,
        (resident - empty) * 1024.0 * 1024.0 / pods as f64
    );
}
