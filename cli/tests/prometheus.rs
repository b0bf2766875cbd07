//! A real Prometheus scrapes a real agent that watches real containers, and answers questions about them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test may panic; the shared node serves several tests; Prometheus gives back the very numbers"
)]

#[path = "node/kubelet.rs"]
mod kubelet;
mod node;
mod scrape;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fixtures::apiserver::ApiServer;
use fixtures::kube::NodeObject;
use kubelet::{CART, CART_UID, WEB_UID};
use node::{Node, be_workload};
use scrape::{Agent, PATIENCE};
use serde_json::Value;
use sniffers::clock;

const LIMIT: u64 = 64 << 20;

#[test]
#[ignore = "not a test: what this binary does when it is run as a container"]
fn workload() {
    be_workload();
}

/// The server, killed when dropped.
struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    /// Scrapes `target` once a second, as that of a pod: an operator gives the labels of the agent's own pod to what has none.
    fn start(target: &str, folder: &Path) -> Self {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: tapio\n  honor_labels: true\n  \
             static_configs: [{{targets: ['{target}'], labels: {{namespace: 'monitoring', pod: 'tapio-agent-x'}}}}]\n"
        );
        let path = folder.join("prometheus.yml");
        std::fs::write(&path, config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// What a query gives: labels and value of each series. Nothing while it does not answer.
    fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let encoded = query
            .bytes()
            .fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
        let Ok(mut stream) = TcpStream::connect(&self.address) else {
            return Vec::new();
        };
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\nhost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let results = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |result: &Value| result["value"][1].as_str().unwrap().parse().unwrap();
        results
            .iter()
            .map(|result| (result["metric"].clone(), value(result)))
            .collect()
    }

    /// Waits until a query gives something.
    fn answers(&self, query: &str) -> Vec<(Value, f64)> {
        let began = Instant::now();
        loop {
            let found = self.query(query);
            if !found.is_empty() {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "Prometheus has nothing for {query}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn missing() -> Option<String> {
    let found = Command::new("prometheus").arg("--version").output();
    found.is_err().then(|| "needs prometheus".to_owned())
}

#[test]
fn what_is_wrong_with_a_node_is_not_taken_for_a_trouble_of_the_pod_that_tells_it() {
    if let Some(reason) = missing() {
        return fixtures::skipped("what_is_wrong_with_a_node", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let api = ApiServer::start().unwrap();
    api.apply(NodeObject::new("node-a").allocatable_memory("16Gi"));
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    let agent = Agent::start(&["--k8s-only", "--kubeconfig", kubeconfig.to_str().unwrap()]);
    agent.until("/readyz", |reply| reply.status == 200);
    let prometheus = Prometheus::start(&agent.address, folder.path());
    let since = clock::now().to_string();
    let pressed = NodeObject::new("node-a").allocatable_memory("16Gi");
    api.apply(pressed.condition("MemoryPressure", "True", "KubeletHasInsufficientMemory", &since));

    let told = prometheus.answers(r#"tapio_insight_active{id="node-pressure"}"#);
    let label = |name: &str| told[0].0[name].as_str();
    assert_eq!([label("pod"), label("namespace")], [None, None], "{told:?}");
    let whose = [label("kind"), label("name"), label("node")];
    assert_eq!(whose, ["Node", "node-a", "node-a"].map(Some), "{told:?}");
    let own = prometheus.answers("tapio_pods");
    assert_eq!(own[0].0["pod"], "tapio-agent-x", "what is about tapio is its pod's");
}

#[test]
fn prometheus_answers_questions_about_containers_that_the_agent_watches() {
    if let Some(reason) = missing().or_else(node::missing) {
        return fixtures::skipped("prometheus_answers_questions", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let api = ApiServer::start().unwrap();
    let mut node = Node::new("prometheus");
    let web = node.start(WEB_UID, LIMIT, "10.244.1.7", "serve 8080");
    kubelet::before(&api, &web.id, clock::now());
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    let agent = Agent::start(&["--kubeconfig", kubeconfig.to_str().unwrap()]);
    agent.until("/readyz", |reply| reply.status == 200);
    let prometheus = Prometheus::start(&agent.address, folder.path());

    let cart = node.start(CART_UID, LIMIT, "10.244.1.8", "leak 4 20");
    let pod = kubelet::started(kubelet::cart(), &cart.id, cart.started);
    api.apply(pod.clone());
    let (_, ended) = node.wait(&cart);
    api.apply(kubelet::ended(pod, 137, "OOMKilled", cart.started, ended));

    let of_web = r#"{namespace="shop",pod="web-0",container="web",node="node-a"}"#;
    let rate = prometheus
        .answers(r#"rate(tapio_tcp_connections_total{pod="web-0",direction="outbound",outcome="ok"}[10s]) > 1"#);
    assert!(rate[0].1 < 30.0, "it connects every 50 ms: {rate:?}");
    let fast = prometheus
        .answers(r#"histogram_quantile(0.5, rate(tapio_tcp_connect_latency_seconds_bucket{pod="web-0"}[10s])) < 0.1"#);
    assert!(fast[0].1 > 0.0, "{fast:?}");
    assert_eq!(
        prometheus.answers(&format!("tapio_memory_limit_bytes{of_web}"))[0].1,
        LIMIT as f64
    );
    let used = prometheus.answers(&format!("tapio_memory_usage_bytes{of_web} > 0"))[0].1;
    assert!(used < LIMIT as f64, "{used}");
    prometheus.answers(&format!("rate(tapio_cpu_usage_seconds_total{of_web}[10s]) > 0"));

    let killed = prometheus.answers(&format!(r#"tapio_memory_oom_kills_total{{pod="{CART}"}}"#));
    assert_eq!(
        (killed[0].0["container"].as_str(), killed[0].1),
        (Some("app"), 1.0),
        "{killed:?}"
    );
    let told = prometheus.answers(&format!(r#"tapio_insight_active{{id="oom-killed",pod="{CART}"}}"#));
    assert_eq!(told[0].0["namespace"], "shop");

    assert_eq!(
        prometheus.answers("min(tapio_sniffer_up) and on() count(tapio_sniffer_up) >= 3")[0].1,
        1.0
    );
    assert_eq!(prometheus.answers("min(tapio_probe_attached)")[0].1, 1.0);
    assert_eq!(prometheus.answers("sum(tapio_events_dropped_total)")[0].1, 0.0);
    assert!(prometheus.answers("process_resident_memory_bytes")[0].1 > 1e6);
    // Prometheus prefers OpenMetrics, and keeps the types and units that this says.
    assert_eq!(
        prometheus.answers(r#"min_over_time(up{job="tapio"}[1h])"#)[0].1,
        1.0,
        "no scrape failed"
    );
    let strange = prometheus.query(r#"{__name__=~"tapio_.*", pod=~".+", namespace=""}"#);
    assert!(strange.is_empty(), "all have their names: {strange:?}");
    drop(prometheus);
    assert_eq!(agent.stop().0, Some(0));
}
