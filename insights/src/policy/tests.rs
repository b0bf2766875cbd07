//! The examples of kubernetes.io/docs/concepts/services-networking/network-policies, and what they leave open.

use correlator::object::ObjectState;
use correlator::{Body, Engine, Event, Fact, NodeState, PodState, Subject, signals};
use fixtures::events::{node_state, pod, pod_state, secs};

use correlator::selector::Operator;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    LabelSelector {
        labels: labels(pairs),
        requirements: Vec::new(),
    }
}

fn pods(pods: Option<LabelSelector>, namespaces: Option<LabelSelector>) -> PolicyPeer {
    PolicyPeer::Pods { pods, namespaces }
}

fn block(cidr: &str, except: &[&str]) -> PolicyPeer {
    PolicyPeer::Block {
        cidr: cidr.into(),
        except: except.iter().map(|one| (*one).into()).collect(),
    }
}

fn port(port: TargetPort, end: Option<u16>) -> PolicyPort {
    PolicyPort {
        protocol: "TCP".into(),
        port: Some(port),
        end,
    }
}

fn rule(peers: Vec<PolicyPeer>, ports: Vec<PolicyPort>) -> PolicyRule {
    PolicyRule { peers, ports }
}

/// A pod `namespace/name` with a label and an address; its container calls port 8080 `http`.
fn running(namespace: &str, name: &str, label: (&str, &str), last: u8) -> Event {
    let pod = pod(namespace, name).container("app").ip([10, 244, 0, last]).port(8080);
    let mut state: PodState = pod.state();
    state.labels = labels(&[label]).into();
    state.containers[0].port_names = [("http".into(), 8080)].into();
    Event {
        body: Body::Fact(Fact::Pod(Box::new(state))),
        ..pod_state(secs(1), &pod)
    }
}

fn world_with(policies: Vec<NetworkPolicyState>) -> Engine {
    let mut engine = Engine::new(Vec::new(), 100);
    for pod in [
        running("default", "db", ("role", "db"), 1),
        running("default", "front", ("role", "frontend"), 2),
        running("default", "other", ("role", "other"), 3),
        running("frontend", "web", ("role", "web"), 4),
    ] {
        engine.push(pod);
    }
    engine.push(node_state(
        secs(1),
        "node-a",
        NodeState {
            ips: vec![[192, 168, 0, 1].into()],
            ..NodeState::default()
        },
    ));
    for (index, state) in policies.into_iter().enumerate() {
        let name = format!("policy-{index}").into();
        let name = ObjectRef {
            kind: "NetworkPolicy".into(),
            namespace: "default".into(),
            name,
        };
        engine.push(Event {
            at: secs(1),
            subject: Subject::Object(name.into()),
            signal: signals::KUBE_OBJECT,
            body: Body::Fact(Fact::Object(Box::new(ObjectState::NetworkPolicy(state)))),
        });
    }
    engine.advance(secs(2));
    engine
}

fn the<'a>(world: &'a World, name: &str) -> &'a Pod {
    world.pod(&format!("uid-{name}")).expect("a pod")
}

fn is_pod(world: &World, address: [u8; 4]) -> Party<'_> {
    Party {
        address: address.into(),
        pod: world.pod_at(address.into(), secs(2)),
    }
}

/// `yes`, `no` or `unknown` for a connection to `db` from this address to this TCP port.
fn may_enter(engine: &Engine, from: [u8; 4], number: u16) -> &'static str {
    let world = engine.world();
    said(&ingress(
        world,
        the(world, "db"),
        is_pod(world, from),
        Port {
            protocol: "TCP",
            number,
        },
    ))
}

/// The same for a connection from `db` to this address.
fn may_leave(engine: &Engine, to: [u8; 4], number: u16) -> &'static str {
    let world = engine.world();
    said(&egress(
        world,
        the(world, "db"),
        is_pod(world, to),
        Port {
            protocol: "TCP",
            number,
        },
    ))
}

fn said(passage: &Passage<'_>) -> &'static str {
    match passage {
        Passage::Allowed => "yes",
        Passage::Forbidden(_) => "no",
        Passage::Unknown => "unknown",
    }
}

const FRONT: [u8; 4] = [10, 244, 0, 2];
const OTHER: [u8; 4] = [10, 244, 0, 3];
const WEB: [u8; 4] = [10, 244, 0, 4];
const OUTSIDE: [u8; 4] = [172, 17, 0, 9];

/// `test-network-policy`, the example the documentation begins with.
fn first_example() -> NetworkPolicyState {
    let from = vec![
        block("172.17.0.0/16", &["172.17.1.0/24"]),
        pods(None, Some(selector(&[("project", "myproject")]))),
        pods(Some(selector(&[("role", "frontend")])), None),
    ];
    NetworkPolicyState {
        pods: selector(&[("role", "db")]),
        ingress: Some(vec![rule(from, vec![port(TargetPort::Number(6379), None)])]),
        egress: Some(vec![rule(
            vec![block("10.0.0.0/24", &[])],
            vec![port(TargetPort::Number(5978), None)],
        )]),
    }
}

#[test]
fn the_first_example_lets_in_a_block_without_its_exception_and_pods_by_their_label() {
    let engine = world_with(vec![first_example()]);
    let seen = [OUTSIDE, [172, 17, 1, 9], [8, 8, 8, 8], FRONT].map(|from| may_enter(&engine, from, 6379));
    assert_eq!(seen, ["yes", "no", "no", "yes"]);
    assert_eq!(
        [may_enter(&engine, FRONT, 6380), may_enter(&engine, OUTSIDE, 80)],
        ["no", "no"]
    );
    let out = [([10, 0, 0, 9], 5978), ([10, 0, 0, 9], 80), ([10, 0, 1, 9], 5978)];
    assert_eq!(out.map(|(to, port)| may_leave(&engine, to, port)), ["yes", "no", "no"]);
}

#[test]
fn what_depends_on_the_labels_of_a_namespace_is_unknown() {
    let engine = world_with(vec![first_example()]);
    assert_eq!(
        [may_enter(&engine, WEB, 6379), may_enter(&engine, OTHER, 6379)],
        ["unknown", "unknown"]
    );
    assert_eq!(may_enter(&engine, WEB, 80), "no");
}

#[test]
fn a_policy_is_about_the_pods_it_selects_and_the_directions_it_names() {
    let engine = world_with(vec![NetworkPolicyState {
        egress: None,
        ..first_example()
    }]);
    let world = engine.world();
    assert_eq!(may_leave(&engine, OUTSIDE, 80), "yes");
    let to_other = ingress(
        world,
        the(world, "other"),
        is_pod(world, WEB),
        Port {
            protocol: "TCP",
            number: 80,
        },
    );
    assert_eq!(to_other, Passage::Allowed);
}

#[test]
fn the_default_policies_deny_or_allow_everything() {
    let everything = Some(vec![PolicyRule::default()]);
    let deny_in = NetworkPolicyState {
        ingress: Some(Vec::new()),
        ..NetworkPolicyState::default()
    };
    let allow_in = NetworkPolicyState {
        ingress: everything.clone(),
        ..NetworkPolicyState::default()
    };
    let deny_out = NetworkPolicyState {
        egress: Some(Vec::new()),
        ..NetworkPolicyState::default()
    };
    let allow_out = NetworkPolicyState {
        egress: everything,
        ..NetworkPolicyState::default()
    };
    let of = |policies: Vec<NetworkPolicyState>| {
        let engine = world_with(policies);
        [may_enter(&engine, WEB, 80), may_leave(&engine, OUTSIDE, 443)]
    };
    assert_eq!(of(vec![deny_in.clone()]), ["no", "yes"]);
    assert_eq!(of(vec![deny_out.clone()]), ["yes", "no"]);
    assert_eq!(of(vec![deny_in.clone(), deny_out.clone()]), ["no", "no"]);
    assert_eq!(of(vec![deny_in, allow_in, deny_out, allow_out]), ["yes", "yes"]);
}

#[test]
fn a_range_of_ports_has_both_its_ends() {
    let range = rule(
        vec![block("10.0.0.0/24", &[])],
        vec![port(TargetPort::Number(32_000), Some(32_768))],
    );
    let policy = NetworkPolicyState {
        pods: selector(&[("role", "db")]),
        egress: Some(vec![range]),
        ingress: None,
    };
    let engine = world_with(vec![policy]);
    let seen = [31_999, 32_000, 32_768, 32_769].map(|number| may_leave(&engine, [10, 0, 0, 5], number));
    assert_eq!(seen, ["no", "yes", "yes", "no"]);
}

#[test]
fn namespaces_are_told_apart_by_their_names_and_both_selectors_of_a_peer_must_match() {
    let named = |names: &[&str]| LabelSelector {
        labels: Labels::new(),
        requirements: vec![Requirement {
            key: NAMESPACE_NAME.into(),
            operator: Operator::In,
            values: names.iter().map(|name| (*name).into()).collect(),
        }],
    };
    let allow = |peer| NetworkPolicyState {
        pods: selector(&[("role", "db")]),
        ingress: Some(vec![rule(vec![peer], Vec::new())]),
        egress: None,
    };
    let of = |peer| {
        let engine = world_with(vec![allow(peer)]);
        [FRONT, WEB].map(|from| may_enter(&engine, from, 80))
    };
    assert_eq!(of(pods(None, Some(named(&["frontend", "backend"])))), ["no", "yes"]);
    assert_eq!(
        of(pods(Some(selector(&[("role", "x")])), Some(named(&["frontend"])))),
        ["no", "no"]
    );
    assert_eq!(of(pods(None, Some(selector(&[])))), ["yes", "yes"]);
    assert_eq!(of(pods(Some(selector(&[])), None)), ["yes", "no"]);
    assert_eq!(
        of(pods(None, Some(selector(&[(NAMESPACE_NAME, "default")])))),
        ["yes", "no"]
    );
}

#[test]
fn a_port_by_its_name_is_that_of_the_pod_that_is_reached() {
    let rules = vec![rule(Vec::new(), vec![port(TargetPort::Name("http".into()), None)])];
    let policy = NetworkPolicyState {
        pods: selector(&[("role", "db")]),
        ingress: Some(rules.clone()),
        egress: Some(rules),
    };
    let engine = world_with(vec![policy]);
    assert_eq!(
        [8080, 80].map(|number| may_enter(&engine, FRONT, number)),
        ["yes", "no"]
    );
    assert_eq!([WEB, OUTSIDE].map(|to| may_leave(&engine, to, 8080)), ["yes", "no"]);
}

#[test]
fn the_documentation_leaves_nodes_and_blocks_of_pods_to_the_plugin() {
    let policy = |peer| NetworkPolicyState {
        pods: selector(&[("role", "db")]),
        ingress: Some(vec![rule(vec![peer], Vec::new())]),
        egress: None,
    };
    let by_block = world_with(vec![policy(block("10.244.0.0/16", &[]))]);
    assert_eq!(may_enter(&by_block, WEB, 80), "unknown");
    let by_label = world_with(vec![policy(pods(Some(selector(&[("role", "web")])), None))]);
    assert_eq!(
        [[192, 168, 0, 1], [192, 168, 0, 2]].map(|from| may_enter(&by_label, from, 80)),
        ["unknown", "no"]
    );
    let nonsense = world_with(vec![policy(block("10.0.0.0/40", &[]))]);
    assert_eq!(may_enter(&nonsense, OUTSIDE, 80), "unknown");
}

#[test]
fn blocks_of_both_families_are_compared_bit_by_bit() {
    for (cidr, address, found) in [
        ("0.0.0.0/0", "1.2.3.4", Match::Yes),
        ("10.0.0.0/9", "10.127.0.1", Match::Yes),
        ("10.0.0.0/9", "10.128.0.1", Match::No),
        ("10.0.0.1/32", "10.0.0.1", Match::Yes),
        ("::/0", "fd00::1", Match::Yes),
        ("fd00::/64", "fd00:0:0:1::1", Match::No),
        ("::/0", "1.2.3.4", Match::No),
        ("10.0.0.0", "10.0.0.0", Match::Unknown),
    ] {
        assert_eq!(is_in(cidr, address.parse().unwrap()), found, "{address} in {cidr}");
    }
}

#[test]
fn those_that_forbid_are_named() {
    let deny = NetworkPolicyState {
        ingress: Some(Vec::new()),
        ..NetworkPolicyState::default()
    };
    let engine = world_with(vec![deny, first_example()]);
    let world = engine.world();
    let passage = ingress(
        world,
        the(world, "db"),
        is_pod(world, [8, 8, 8, 8]),
        Port {
            protocol: "TCP",
            number: 6379,
        },
    );
    let Passage::Forbidden(names) = passage else {
        panic!("{passage:?}")
    };
    assert_eq!(
        names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["networkpolicy default/policy-0", "networkpolicy default/policy-1"]
    );
}
