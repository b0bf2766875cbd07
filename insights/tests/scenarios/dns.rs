//! Names that are not found, servers that fail or say nothing, and what looks like it and is none.

use correlator::object::{NetworkPolicyState, PolicyPort, PolicyRule, TargetPort};
use correlator::{Culprit, Insight, PodIdentity, Severity, Subject};
use fixtures::events::{millis, pod, pod_state, secs};

use crate::network::{DNS, Network, front};
use crate::stage::{only, opened, said, said_until};

/// Everything that is said a few seconds after the story.
fn told(network: &mut Network) -> Vec<Insight> {
    said_until(network.story(), 5)
}

fn commands(insight: &Insight) -> Vec<&str> {
    insight
        .remedies
        .iter()
        .flat_map(|remedy| &remedy.commands)
        .map(String::as_str)
        .collect()
}

#[test]
fn a_service_of_another_namespace_is_named() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    for second in [10, 12, 14] {
        network.searches(secs(second), &web, DNS, "cart", "NXDOMAIN");
    }
    let said = told(&mut network);
    assert_eq!(opened(&said), ["dns-name-missing front/web-1/app"]);
    let insight = only(&said, "dns-name-missing");
    assert_eq!(insight.title, "front/web-1/app asks for cart, which does not exist");
    assert_eq!(
        insight.cause,
        "there is no such Service in the namespace that was asked for; cart is in shop, its name from elsewhere is cart.shop"
    );
    assert_eq!(insight.about, [Culprit::Name("cart".into())]);
    assert_eq!(
        commands(insight),
        [
            "kubectl set env --list deployment/web -n front",
            "kubectl get service/cart -n shop"
        ]
    );
}

#[test]
fn a_misspelt_name_is_told_from_one_of_a_service_that_is_not_there() {
    for (name, cause) in [
        (
            "crat.shop.svc.cluster.local",
            "no Service has that name; the nearest one there is cart (cart.shop)",
        ),
        (
            "redis.shop",
            "there is no Service redis in the namespace shop, and none with a similar name",
        ),
        (
            "api.example.com",
            "it is not a name of the cluster, and the servers outside say that it does not exist",
        ),
    ] {
        let (mut network, web) = (Network::new(), front("web-1", 1));
        network.push(pod_state(secs(1), &web));
        for second in [10, 12, 14] {
            network.searches(secs(second), &web, DNS, name, "NXDOMAIN");
        }
        let said = told(&mut network);
        assert_eq!(only(&said, "dns-name-missing").cause, cause);
    }
}

#[test]
fn without_the_api_server_the_namespace_is_read_from_the_search() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.story();
    for second in [10, 12, 14] {
        network.searches(secs(second), &web, DNS, "cart", "NXDOMAIN");
    }
    let mut story = network.story();
    for event in &mut story {
        let (uid, container_id) = ("u-1".into(), Some("c-1".into()));
        event.subject = Subject::Container(
            PodIdentity {
                uid,
                container_id,
                ..PodIdentity::default()
            }
            .into(),
        );
    }
    let said = said_until(story, 5);
    let insight = only(&said, "dns-name-missing");
    assert!(
        insight.title.ends_with("asks for cart, which does not exist"),
        "{}",
        insight.title
    );
    assert!(
        insight.evidence[0].says.contains("cart.front.svc.cluster.local, "),
        "{}",
        insight.evidence[0].says
    );
}

#[test]
fn searches_that_end_well_are_silent_and_so_are_two_misses() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    for second in 10..40 {
        network.searches(secs(second), &web, DNS, "api.example.com", "NOERROR");
    }
    for second in [12, 20] {
        network.searches(secs(second), &web, DNS, "cart", "NXDOMAIN");
    }
    assert_eq!(opened(&told(&mut network)), Vec::<String>::new());
}

#[test]
fn a_name_that_exists_by_now_and_block_lists_are_silent() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    for second in [10, 12, 14] {
        network.searches(secs(second), &web, DNS, "redis.shop", "NXDOMAIN");
        network.asks(secs(second), &web, DNS, "2.0.0.127.zen.example", Some("NXDOMAIN"), 1);
    }
    network.searches(secs(15), &web, DNS, "redis.shop", "NOERROR");
    assert_eq!(opened(&told(&mut network)), Vec::<String>::new());
}

#[test]
fn names_of_the_cluster_asked_elsewhere_are_the_resolvers_fault() {
    let mut network = Network::new();
    let agent = pod("front", "agent-1")
        .owner("DaemonSet", "agent")
        .container("app")
        .host_network()
        .running(secs(1));
    network.push(pod_state(secs(1), &agent));
    for second in [10, 12, 14] {
        network.asks(
            secs(second),
            &agent,
            [192, 168, 1, 1],
            "cart.shop.svc.cluster.local",
            Some("NXDOMAIN"),
            1,
        );
    }
    let said = told(&mut network);
    assert_eq!(opened(&said), ["dns-wrong-resolver front/agent-1/app"]);
    let insight = only(&said, "dns-wrong-resolver");
    assert!(
        insight.cause.contains("without dnsPolicy ClusterFirstWithHostNet"),
        "{}",
        insight.cause
    );
    let patch = "kubectl patch daemonset/agent -n front '--patch={\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"ClusterFirstWithHostNet\"}}}}'";
    assert!(commands(insight).contains(&patch), "{:?}", commands(insight));
}

#[test]
fn names_outside_may_be_asked_anywhere() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    for second in [10, 12, 14] {
        network.asks(
            secs(second),
            &web,
            [192, 168, 1, 1],
            "nothing.example.com",
            Some("NXDOMAIN"),
            1,
        );
    }
    assert_eq!(opened(&told(&mut network)), ["dns-name-missing front/web-1/app"]);
}

#[test]
fn a_policy_that_forbids_port_53_explains_the_silence() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    let https = PolicyPort {
        protocol: "TCP".into(),
        port: Some(TargetPort::Number(443)),
        end: None,
    };
    let rule = PolicyRule {
        peers: Vec::new(),
        ports: vec![https],
    };
    network.policy(
        "front",
        "only-https",
        NetworkPolicyState {
            egress: Some(vec![rule]),
            ..NetworkPolicyState::default()
        },
    );
    for second in [10, 12, 14] {
        network.asks(secs(second), &web, DNS, "cart.shop", None, 5_000);
    }
    let said = told(&mut network);
    assert_eq!(opened(&said), ["dns-timeout front/web-1/app"]);
    let insight = only(&said, "dns-timeout");
    assert_eq!(
        insight.cause,
        "networkpolicy front/only-https selects front/web-1 for what may go out, and no rule lets UDP to port 53 there through"
    );
    assert_eq!(insight.severity, Severity::Critical);
    assert!(insight.is_correlation());
    assert_eq!(
        commands(insight)[0],
        "kubectl describe networkpolicy/only-https -n front"
    );
    assert!(!insight.suspects.contains(&Culprit::Dns));
}

#[test]
fn a_dns_service_without_endpoints_explains_it_too_and_one_with_does_not() {
    for (ready, cause) in [
        (
            false,
            "service kube-system/kube-dns has no ready endpoint: 1 pod behind it, none ready",
        ),
        (true, "nothing answers at that address"),
    ] {
        let (mut network, web) = (Network::new(), front("web-1", 1));
        network.push(pod_state(secs(1), &web));
        network.endpoint("kube-system", "kube-dns", 53, "coredns-1", ready);
        for second in [10, 12, 14] {
            network.asks(secs(second), &web, DNS, "cart.shop", None, 5_000);
        }
        let said = told(&mut network);
        let insight = only(&said, "dns-timeout");
        assert!(insight.cause.starts_with(cause), "{}", insight.cause);
        assert!(insight.suspects.contains(&Culprit::Dns));
    }
}

#[test]
fn a_lost_answer_among_many_is_silent() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    for tenth in 0..500 {
        network.asks(millis(10_000 + 100 * tenth), &web, DNS, "cart.shop", Some("NOERROR"), 1);
    }
    for second in [20, 30, 40] {
        network.asks(secs(second), &web, DNS, "cart.shop", None, 5_000);
    }
    assert_eq!(opened(&told(&mut network)), Vec::<String>::new());
}

#[test]
fn server_failures_for_one_domain_are_that_domains_fault() {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    for second in 10..20 {
        network.asks(secs(second), &web, DNS, "api.example.com", Some("SERVFAIL"), 1);
        network.asks(secs(second), &web, DNS, "cart.shop", Some("NOERROR"), 1);
    }
    let said = told(&mut network);
    assert_eq!(opened(&said), ["dns-failing front/web-1/app"]);
    let insight = only(&said, "dns-failing");
    assert_eq!(
        insight.cause,
        "service kube-system/kube-dns (10.96.0.10:53) answers so for names under example.com only, so the servers of \
         example.com are broken or not reached"
    );
    assert_eq!(insight.suspects[0], Culprit::Name("example.com".into()));
}

#[test]
fn a_share_of_failures_below_five_in_a_hundred_needs_a_rise() {
    let story = |before: u64, after: u64| {
        let (mut network, web) = (Network::new(), front("web-1", 1));
        network.push(pod_state(secs(1), &web));
        for second in 0..240 {
            let every = if second < 180 { before } else { after };
            let failed = u64::from(every > 0 && second % every == 0);
            network.counts(secs(2 + second), &web, "dns.responses:NOERROR", 20);
            network.counts(secs(2 + second), &web, "dns.responses:SERVFAIL", failed);
        }
        opened(&said(network.story()))
    };
    assert_eq!(story(0, 0), Vec::<String>::new());
    assert_eq!(story(3, 3), Vec::<String>::new());
    assert_eq!(story(0, 1), ["dns-failing front/web-1/app"]);
}

#[test]
fn slow_answers_are_told_by_the_clock_and_by_what_was_usual() {
    let story = |before: u64, after: u64| {
        let (mut network, web) = (Network::new(), front("web-1", 1));
        network.push(pod_state(secs(1), &web));
        for second in 0..240 {
            let took = if second < 180 { before } else { after };
            network.asks(secs(2 + second), &web, DNS, "cart.shop", Some("NOERROR"), took);
        }
        let said = said(network.story());
        let slow: Vec<_> = said.iter().map(|insight| (insight.id, insight.severity)).collect();
        slow
    };
    assert_eq!(story(2, 2), []);
    assert_eq!(story(2, 15), []);
    assert_eq!(story(2, 60), [("dns-slow", Severity::Warning)]);
    assert_eq!(story(50, 60), []);
    assert_eq!(story(2, 2_000).last(), Some(&("dns-slow", Severity::Critical)));
}

#[test]
fn a_search_for_every_name_is_said_where_it_is_many() {
    let story = |a_second: u64, name: &str| {
        let (mut network, web) = (Network::new(), front("web-1", 1));
        network.push(pod_state(secs(1), &web));
        for second in 10..80 {
            network.searches(secs(second), &web, DNS, name, "NOERROR");
            network.counts(secs(second), &web, "dns.responses:NXDOMAIN", 3 * a_second);
            network.counts(secs(second), &web, "dns.responses:NOERROR", a_second);
        }
        said(network.story())
    };
    assert_eq!(opened(&story(0, "api.example.com")), Vec::<String>::new());
    let said = story(9, "api.example.com");
    let insight = only(&said, "dns-search-amplification");
    assert_eq!(insight.severity, Severity::Info);
    assert_eq!(
        insight.remedies[0].commands,
        ["kubectl patch deployment/web -n front \
          '--patch={\"spec\":{\"template\":{\"spec\":{\"dnsConfig\":{\"options\":[{\"name\":\"ndots\",\"value\":\"2\"}]}}}}}'"]
    );
}
