//! A liveness probe is held against what the kernel saw of the kubelet that asked it.

use std::sync::Arc;

use correlator::{HostProcess, Subject};
use fixtures::events::{refused, secs};
use fixtures::scenario::scenario;

use crate::stage::{only, said};

const STORY: &str = r#"
pod shop/cart-1 on n1 of Deployment/cart ip 10.0.0.9
  container app liveness "tcp :8080" every 10s failures 3
at 40s shop/cart-1/app fails liveness "dial tcp 10.0.0.9:8080: connect: connection refused" x3 every 10s
at 60s event shop/cart-1/app Normal Killing "Container app failed liveness probe, will be restarted"
at 61s shop/cart-1 exits 143 after 1h
"#;

fn kubelet() -> Subject {
    Subject::Process(Arc::new(HostProcess {
        pid: 900,
        comm: "kubelet".into(),
        cgroup: "/system.slice/kubelet.service".into(),
    }))
}

/// What is said of the kill when the kubelet's connects to these peers were refused.
fn evidence(peers: &[&str]) -> Vec<String> {
    let mut story = scenario(STORY).events;
    for (peer, second) in peers.iter().zip(40..) {
        story.push(refused(secs(second), &kubelet(), peer));
    }
    let said = said(story);
    let evidence = &only(&said, "liveness-kill").evidence;
    evidence.iter().map(|evidence| evidence.says.clone()).collect()
}

#[test]
fn refused_connects_of_the_kubelet_to_the_probed_port_are_quoted() {
    let says = evidence(&["10.0.0.9:8080", "10.0.0.9:8080", "10.0.0.9:9999", "10.0.0.8:8080"]);
    let quoted = "2 connects of the kubelet to port 8080 of the pod refused".to_owned();
    assert!(says.contains(&quoted), "{says:#?}");
}

#[test]
fn those_to_other_ports_and_pods_are_not() {
    let says = evidence(&["10.0.0.9:9999", "10.0.0.8:8080"]);
    assert!(!says.iter().any(|says| says.contains("of the kubelet")), "{says:#?}");
}
