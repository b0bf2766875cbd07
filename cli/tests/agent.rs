//! `tapio agent` over HTTP: both formats, readiness, and clients that mean no good.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "the cluster serves several tests")]

mod cluster;
mod scrape;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use cluster::{healthy, restart};
use fixtures::apiserver::{ApiServer, Fault, Verb};
use scrape::Agent;
use tempfile::NamedTempFile;

/// An agent beside a cluster of one pod.
fn beside(api: &ApiServer) -> (Agent, NamedTempFile) {
    let kubeconfig = NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    let agent = Agent::start(&["--k8s-only", "--kubeconfig", kubeconfig.path().to_str().unwrap()]);
    (agent, kubeconfig)
}

#[test]
fn it_is_ready_when_all_is_listed_and_shows_what_it_found_in_both_formats() {
    let api = ApiServer::start_tls().unwrap();
    api.apply(healthy("cart-0"));
    api.fail_verb("pods", Verb::List, Fault::TooManyRequests(1), 3);
    let (agent, _kubeconfig) = beside(&api);
    let waiting = agent.until("/readyz", |reply| {
        reply.body == "waiting for the first list of k8s/pods\n"
    });
    assert_eq!(waiting.status, 503);
    assert_eq!(agent.get("/healthz").status, 200, "not ready is alive all the same");
    assert_eq!(agent.until("/readyz", |reply| reply.status == 200).body, "ok\n");

    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    let active = r#"tapio_insight_active{id="oom-killed",severity="warning",namespace="shop",pod="cart-0""#;
    let text = agent.until("/metrics", |reply| {
        reply.body.contains("tapio_insight_active{id=\"oom-killed\"")
    });
    assert!(text.body.contains(&active.replace("warning", "critical")) || text.body.contains(active));
    assert!(
        text.head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        text.head
    );
    assert!(text.is_whole() && text.body.ends_with('\n') && !text.body.contains("# EOF"));
    promtool(&text.body);

    let accept = "GET /metrics HTTP/1.1\r\nhost: t\r\naccept: application/openmetrics-text;version=1.0.0\r\nconnection: close\r\n\r\n";
    let open = agent.ask(accept);
    assert!(
        open.head.contains("application/openmetrics-text; version=1.0.0"),
        "{}",
        open.head
    );
    assert!(open.body.ends_with("\n# EOF\n"), "{}", open.body);
    assert!(
        open.body.contains("# TYPE tapio_events counter\ntapio_events_total{"),
        "{}",
        open.body
    );
    assert!(
        open.body.contains("# UNIT tapio_batch_seconds seconds\n"),
        "{}",
        open.body
    );

    let head = agent.ask("HEAD /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let (code, stdout, last) = agent.stop();
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "stdout is for who asks for it");
    assert!(last.contains("Stats: Events: "), "{last}");
}

/// `promtool check metrics` has nothing to say.
fn promtool(text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let Ok(mut promtool) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        return fixtures::skipped("promtool", "needs promtool (prometheus)");
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.is_empty(), "{said}\n{text}");
}

#[test]
fn a_hundred_scrapes_at_once_get_the_same_whole_text() {
    let api = ApiServer::start().unwrap();
    for number in 0..50 {
        api.apply(healthy(&format!("cart-{number}")));
    }
    let (agent, _kubeconfig) = beside(&api);
    agent.until("/readyz", |reply| reply.status == 200);
    let barrier = Arc::new(Barrier::new(100));
    let scrapes: Vec<_> = (0..100)
        .map(|_| {
            let (address, barrier) = (agent.address.clone(), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                scrape::get(&address, "/metrics")
            })
        })
        .collect();
    let replies: Vec<_> = scrapes.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.is_whole()));
    let texts: BTreeSet<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
    // A second may end between the first and the last.
    assert!(texts.len() <= 2, "{} different texts", texts.len());
}

#[test]
fn connections_that_say_nothing_are_cut_and_keep_nobody_out() {
    let api = ApiServer::start().unwrap();
    let (agent, _kubeconfig) = beside(&api);
    let mut silent: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(&agent.address).unwrap();
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nx-slow: ");
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(agent.get("/metrics").status, 200);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        // Cut in the middle of a request: with 408, or with nothing.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "all are cut in time: {:?}",
        began.elapsed()
    );
    assert_eq!(agent.get("/metrics").status, 200);
}

#[test]
fn requests_that_are_none_are_refused() {
    let api = ApiServer::start().unwrap();
    let (agent, _kubeconfig) = beside(&api);
    let huge = format!("GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(17 << 10));
    assert_eq!(agent.ask(&huge).status, 431);
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(65));
    assert_eq!(agent.ask(&many).status, 431);
    assert_eq!(agent.ask("hello\r\n\r\n").status, 400);
    let post = agent.ask("POST /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(post.status == 405 && post.head.contains("allow: get, head"), "{post:?}");
    assert_eq!(agent.get("/api/v1/query").status, 404);
}

#[test]
fn a_pod_of_a_deployment_that_stands_by_is_ready() {
    let api = ApiServer::start_tls().unwrap();
    let kubeconfig = NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    let path = kubeconfig.path().to_str().unwrap();
    let elected = ["--k8s-only", "--kubeconfig", path, "--leader-elect", "monitoring/tapio"];
    let first = Agent::start(&elected);
    first.until("/readyz", |reply| reply.status == 200);
    let second = Agent::start(&elected);
    second.notice("holds the Lease monitoring/tapio");
    second.until("/readyz", |reply| reply.status == 200);
}
