//! Name resolution that fails for everybody is one story.

use correlator::object::NetworkPolicyState;
use correlator::{Culprit, Insight, Status};
use fixtures::events::{Pod, pod_state, secs};

use crate::network::{DNS, Network, front};
use crate::stage::{only, opened, said_until};

/// Pods of which each asks every other second from second ten on, and gets no answer where it is down.
fn told(network: &mut Network, pods: &[(Pod, bool)]) -> Vec<Insight> {
    for (pod, _) in pods {
        network.push(pod_state(secs(1), pod));
    }
    for second in (10..50).step_by(2) {
        for (pod, is_down) in pods {
            let rcode = Some("NOERROR").filter(|_| !is_down);
            network.asks(
                secs(second),
                pod,
                DNS,
                "cart.shop",
                rcode,
                if *is_down { 5_000 } else { 1 },
            );
        }
    }
    said_until(network.story(), 2)
}

fn pods(node: &str, from: u8, number: u8, is_down: bool) -> Vec<(Pod, bool)> {
    (from..from + number)
        .map(|last| (front(&format!("web-{last}"), last).node(node), is_down))
        .collect()
}

#[test]
fn a_node_without_name_resolution_is_said_once_and_swallows_its_pods() {
    let mut network = Network::new();
    network.node("node-b", true);
    let all = [pods("node-b", 1, 8, true), pods("node-a", 20, 4, false)].concat();
    let said = told(&mut network, &all);
    let down = only(&said, "dns-down");
    assert_eq!(down.subject.to_string(), "node/node-b");
    assert!(down.title.starts_with("DNS is down on node node-b: "), "{}", down.title);
    assert_eq!(down.about, [Culprit::Node("node-b".into())]);
    let single = opened(&said)
        .iter()
        .filter(|said| said.starts_with("dns-timeout"))
        .count();
    assert!(single <= 3, "{:?}", opened(&said));
    let last = said.iter().rfind(|insight| insight.id == "dns-down").unwrap();
    assert_eq!((last.status, last.consequences.count), (Status::Updated, 8));
}

#[test]
fn a_dns_service_without_endpoints_is_the_clusters_trouble() {
    let mut network = Network::new();
    network.endpoint("kube-system", "kube-dns", 53, "coredns-1", false);
    let said = told(&mut network, &pods("node-a", 1, 5, true));
    let down = only(&said, "dns-down");
    assert_eq!(down.subject.to_string(), "service kube-system/kube-dns");
    assert!(
        down.cause
            .starts_with("service kube-system/kube-dns has no ready endpoint"),
        "{}",
        down.cause
    );
    assert!(down.about.contains(&Culprit::Dns) && down.suspects.contains(&Culprit::Pod("uid-coredns-1".into())));
}

#[test]
fn pods_of_two_nodes_are_the_clusters_trouble() {
    let mut network = Network::new();
    network.node("node-b", true);
    let said = told(
        &mut network,
        &[pods("node-a", 1, 3, true), pods("node-b", 10, 3, true)].concat(),
    );
    assert_eq!(
        only(&said, "dns-down").title,
        "DNS is down in the cluster: 6 of 6 pods get no answers"
    );
}

#[test]
fn a_few_pods_among_many_are_told_one_by_one() {
    let all = [pods("node-a", 1, 3, true), pods("node-a", 10, 9, false)].concat();
    let said = opened(&told(&mut Network::new(), &all));
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|one| one.starts_with("dns-timeout front/web-")));
}

#[test]
fn a_policy_that_forbids_dns_to_all_pods_is_not_the_nodes_trouble() {
    let mut network = Network::new();
    let deny = NetworkPolicyState {
        egress: Some(Vec::new()),
        ..NetworkPolicyState::default()
    };
    network.policy("front", "deny-all", deny);
    let said = opened(&told(&mut network, &pods("node-a", 1, 5, true)));
    assert_eq!(said.len(), 5, "{said:?}");
    assert!(said.iter().all(|one| one.starts_with("dns-timeout front/web-")));
}
