//! Connections that are not answered, lost, broken off or turned away, and what looks like it and is none.

use correlator::object::NetworkPolicyState;
use correlator::{Culprit, Insight, Outcome, Severity};
use fixtures::events::{ended, millis, pod, pod_deleted, pod_state, refused, secs};

use crate::network::{CART, CART_POD, Network, front};
use crate::stage::{only, opened, said};

fn network() -> (Network, fixtures::events::Pod) {
    let (mut network, web) = (Network::new(), front("web-1", 1));
    network.push(pod_state(secs(1), &web));
    (network, web)
}

/// Three connects to the shop that nobody answers.
fn unanswered(network: &mut Network, web: &fixtures::events::Pod, peer: &str) -> Insight {
    for second in [20, 25, 30] {
        network.connects(secs(second), web, peer, Outcome::Aborted, 5_000);
    }
    let said = said(network.story());
    only(&said, "connect-timeout").clone()
}

#[test]
fn a_policy_of_the_other_side_explains_the_silence() {
    let (mut network, web) = network();
    let deny = NetworkPolicyState {
        ingress: Some(Vec::new()),
        ..NetworkPolicyState::default()
    };
    network.policy("shop", "deny-all", deny);
    let insight = unanswered(&mut network, &web, CART);
    assert_eq!(
        insight.title,
        "front/web-1/app gets no answer from service shop/cart (10.96.0.7:80)"
    );
    assert_eq!(
        insight.cause,
        "networkpolicy shop/deny-all selects shop/cart-1 for what may come in, and no rule lets TCP to port 8080 from \
         front/web-1 through"
    );
    assert_eq!(
        insight.remedies[0].commands,
        ["kubectl describe networkpolicy/deny-all -n shop"]
    );
    assert!(insight.is_correlation());
}

#[test]
fn a_service_without_endpoints_and_a_pod_that_went_explain_it_and_a_node_that_is_not_ready_swallows_it() {
    let (mut without, web) = network();
    without.endpoint("shop", "cart", 8080, "cart-1", false);
    let insight = unanswered(&mut without, &web, CART);
    assert!(
        insight.cause.starts_with("service shop/cart has no ready endpoint"),
        "{}",
        insight.cause
    );
    assert!(insight.suspects.contains(&Culprit::Pod("uid-cart-1".into())));

    let (mut gone, web) = network();
    gone.push(pod_deleted(
        secs(10),
        &pod("shop", "cart-1").container("app").ip(CART_POD),
    ));
    let insight = unanswered(&mut gone, &web, "10.244.0.9:8080");
    assert!(
        insight
            .cause
            .starts_with("10.244.0.9 was the address of shop/cart-1, which is gone"),
        "{}",
        insight.cause
    );

    let (mut down, web) = network();
    down.node("node-a", false);
    for second in [20, 25, 30] {
        down.connects(secs(second), &web, CART, Outcome::Aborted, 5_000);
    }
    assert_eq!(opened(&said(down.story())), ["node-not-ready node/node-a"]);
}

#[test]
fn an_address_outside_is_not_explained_and_says_so() {
    let (mut network, web) = network();
    let insight = unanswered(&mut network, &web, "198.51.100.7:443");
    assert!(
        insight.cause.contains("nothing that tapio knows of explains it"),
        "{}",
        insight.cause
    );
    assert_eq!(insight.suspects, [Culprit::Kind("connect-timeout")]);
}

#[test]
fn quick_changes_of_mind_and_peers_that_answer_again_are_silent() {
    let (mut network, web) = network();
    for second in [20, 21, 22] {
        network.connects(secs(second), &web, "[2001:db8::1]:443", Outcome::Aborted, 250);
        network.connects(millis(1_000 * second + 10), &web, CART, Outcome::TimedOut, 130_000);
    }
    network.connects(millis(22_050), &web, CART, Outcome::Ok, 1);
    assert_eq!(opened(&said(network.story())), Vec::<String>::new());
}

#[test]
fn a_refused_connect_suspects_the_service_and_its_pods() {
    let (mut network, web) = network();
    for second in [10, 11, 12] {
        network.push(refused(secs(second), &web.subject(), CART));
    }
    let said = said(network.story());
    let suspects = &only(&said, "connect-refused").suspects;
    assert!(matches!(&suspects[0], Culprit::Object(service) if service.to_string() == "service shop/cart"));
    assert_eq!(suspects[1], Culprit::Pod("uid-cart-1".into()));
}

/// What is said when one of so many connects a second to a Service is refused, or hangs, for the last minute of five.
fn partly(one_of: u64, outcome: Outcome, took: u64) -> Vec<Insight> {
    let (mut network, web) = network();
    for tenth in 0..3_000 {
        let at = millis(2_000 + 100 * tenth);
        if tenth >= 2_400 && tenth % one_of == 0 {
            network.connects(at, &web, CART, outcome, took);
        } else {
            network.connects(at, &web, CART, Outcome::Ok, 1);
        }
    }
    said(network.story())
}

#[test]
fn a_part_of_the_connects_that_fails_is_told_although_others_succeed() {
    let said = partly(5, Outcome::Refused, 1);
    assert_eq!(opened(&said), ["connect-refused front/web-1/app"]);
    let insight = only(&said, "connect-refused");
    assert_eq!(
        insight.title,
        "19 % of the connects of front/web-1/app to service shop/cart (10.96.0.7:80) are refused"
    );
    assert_eq!(
        insight.cause,
        "of the 1 ready endpoint behind service shop/cart some answer and some do not"
    );
    let learned = "19 % of the connects since then, 0.0 % before: ";
    assert!(
        insight
            .evidence
            .iter()
            .any(|evidence| evidence.says.starts_with(learned)),
        "{:?}",
        insight.evidence
    );
    assert_eq!(
        opened(&partly(5, Outcome::TimedOut, 5_000)),
        ["connect-timeout front/web-1/app"]
    );
    assert_eq!(opened(&partly(500, Outcome::Refused, 1)), Vec::<String>::new());
}

#[test]
fn resets_of_a_larger_share_of_connections_are_said() {
    let (mut network, web) = network();
    for second in 0..300 {
        network.counts(secs(2 + second), &web, "tcp.accepts", 20);
        let resets = if second < 240 { u64::from(second % 10 == 0) } else { 3 };
        network.counts(secs(2 + second), &web, "tcp.resets_sent", resets);
    }
    let said = said(network.story());
    assert_eq!(opened(&said), ["resets front/web-1/app"]);
    let title = &only(&said, "resets").title;
    assert!(
        title.starts_with("front/web-1/app resets ") && title.ends_with(" % of its connections"),
        "{title}"
    );
}

#[test]
fn a_container_that_is_started_again_is_judged_by_what_was_usual_before() {
    let (mut network, web) = network();
    let again = web.clone().id("again").restarts(1).running(secs(180));
    network.push(pod_state(secs(180), &again));
    for second in 0..240 {
        let run = if second < 178 { &web } else { &again };
        network.counts(secs(2 + second), run, "dns.responses:NOERROR", 20);
        network.counts(
            secs(2 + second),
            run,
            "dns.responses:SERVFAIL",
            u64::from(second >= 182 && second % 2 == 0),
        );
    }
    let said = said(network.story());
    assert_eq!(opened(&said), ["dns-failing front/web-1/app"]);
    let learned = " before: ";
    let evidence = &only(&said, "dns-failing").evidence;
    assert!(
        evidence.iter().any(|evidence| evidence.says.contains(learned)),
        "{evidence:?}"
    );
}

/// What is said of connects that took so long for three minutes and then so long for one.
fn slowed(before: u64, after: u64) -> Vec<(String, Severity)> {
    let (mut network, web) = network();
    for second in 0..240 {
        let took = if second < 180 { before } else { after };
        network.connects(secs(2 + second), &web, CART, Outcome::Ok, took);
    }
    let said = said(network.story());
    said.iter()
        .map(|insight| (insight.title.clone(), insight.severity))
        .collect()
}

#[test]
fn connects_that_take_longer_than_they_did_are_said_and_those_that_always_did_are_not() {
    assert_eq!(slowed(1, 1), []);
    assert_eq!(slowed(1, 10), []);
    assert_eq!(slowed(300, 300), []);
    let [(title, Severity::Warning)] = &slowed(1, 60)[..] else {
        panic!("{:?}", slowed(1, 60))
    };
    assert!(
        title.starts_with("one of twenty connects of front/web-1/app takes longer than "),
        "{title}"
    );
    assert_eq!(slowed(1, 1_010)[0].1, Severity::Critical);
}

/// What is said when a pod sends 2,000 segments a second and this many of them again, for three minutes and then for one.
fn lossy(before: u64, after: u64) -> Vec<String> {
    let (mut network, web) = network();
    for second in 0..240 {
        let again = if second < 180 { before } else { after };
        network.counts(secs(2 + second), &web, "tcp.bytes_sent", 2_000 * 1_448);
        network.counts(secs(2 + second), &web, "tcp.retransmits", again);
    }
    opened(&said(network.story()))
}

#[test]
fn a_loss_that_rose_is_said_and_one_that_is_usual_only_where_it_is_grave() {
    assert_eq!(lossy(1, 1), Vec::<String>::new());
    assert_eq!(lossy(60, 60), Vec::<String>::new());
    assert_eq!(lossy(1, 160), ["retransmits front/web-1/app"]);
    assert_eq!(lossy(300, 300), ["retransmits front/web-1/app"]);
}

#[test]
fn syns_that_are_sent_again_to_nobody_are_no_loss() {
    let (mut network, web) = network();
    for second in 10..70 {
        network.counts(secs(second), &web, "tcp.bytes_sent", 20 * 1_448);
        network.counts(secs(second), &web, "tcp.retransmits", 3);
        network.connects(secs(second), &web, CART, Outcome::Aborted, 10_000);
    }
    assert_eq!(opened(&said(network.story())), ["connect-timeout front/web-1/app"]);
}

#[test]
fn losses_of_a_whole_node_are_the_nodes() {
    let mut network = Network::new();
    let pods: Vec<_> = (1..5).map(|last| front(&format!("web-{last}"), last)).collect();
    for pod in &pods {
        network.push(pod_state(secs(1), pod));
        for second in 10..70 {
            network.counts(secs(second), pod, "tcp.bytes_sent", 200 * 1_448);
            network.counts(secs(second), pod, "tcp.retransmits", 40);
        }
    }
    let said = said(network.story());
    let insight = said.iter().rfind(|insight| insight.id == "retransmits").unwrap();
    assert!(
        insight
            .cause
            .ends_with("on node-a lose segments too: the node's own network loses them"),
        "{}",
        insight.cause
    );
    assert_eq!(insight.suspects[0], Culprit::Node("node-a".into()));
}

#[test]
fn a_burst_of_resets_names_the_peer_that_ended() {
    let (mut network, web) = network();
    network.connects(secs(100), &web, CART, Outcome::Ok, 1);
    for second in 2..100 {
        network.counts(secs(second), &web, "tcp.resets_received", u64::from(second % 20 == 0));
    }
    let end = pod("shop", "cart-1")
        .container("app")
        .ip(CART_POD)
        .port(8080)
        .terminated(ended(secs(101), 1));
    network.labelled(&end, "cart");
    for second in 102..108 {
        network.counts(secs(second), &web, "tcp.resets_received", 40);
    }
    let said = said(network.story());
    let insight = only(&said, "resets");
    assert_eq!(insight.cause, "shop/cart-1 ended just before, with connections open");
    assert_eq!(insight.suspects[0], Culprit::Pod("uid-cart-1".into()));
}

#[test]
fn resets_that_are_usual_and_those_of_refused_connects_are_silent() {
    let (mut usual, web) = network();
    for second in 2..120 {
        usual.counts(secs(second), &web, "tcp.resets_received", 20);
    }
    assert_eq!(opened(&said(usual.story())), Vec::<String>::new());

    let (mut refusals, web) = network();
    refusals.counts(secs(2), &web, "tcp.resets_received", 0);
    for second in 100..109 {
        refusals.counts(secs(second), &web, "tcp.resets_received", 8);
        for _ in 0..8 {
            refusals.connects(secs(second), &web, CART, Outcome::Refused, 1);
        }
    }
    assert_eq!(opened(&said(refusals.story())), ["connect-refused front/web-1/app"]);
}

#[test]
fn a_full_queue_says_whether_the_container_had_cpu_time() {
    let story = |throttled: u64| {
        let (mut network, web) = network();
        for second in 10..16 {
            network.counts(secs(second), &web, "listen.overflows", 4);
            network.counts(secs(second), &web, "tcp.accepts", 30);
            network.counts(secs(second), &web, "cpu.periods", 10);
            network.counts(secs(second), &web, "cpu.throttled_periods", throttled);
        }
        only(&said(network.story()), "listen-overflow").cause.clone()
    };
    assert_eq!(
        story(8),
        "its queue of new connections is full because it cannot accept them: it used up its CPU limit in 80 % of its periods"
    );
    assert!(
        story(0).starts_with("its queue of new connections fills faster than it accepts them"),
        "{}",
        story(0)
    );
}

#[test]
fn one_burst_at_the_start_fills_no_queue() {
    let (mut network, web) = network();
    network
        .counts(secs(10), &web, "listen.overflows", 50)
        .counts(secs(11), &web, "listen.overflows", 5);
    assert_eq!(opened(&said(network.story())), Vec::<String>::new());
}

#[test]
fn ports_run_out_only_where_many_were_used() {
    let story = |connects: usize| {
        let (mut network, web) = network();
        for _ in 0..connects {
            network.connects(secs(20), &web, CART, Outcome::Ok, 1);
        }
        network.counts(secs(21), &web, "syscall.errno:connect:EADDRNOTAVAIL", 30);
        said(network.story())
    };
    assert_eq!(opened(&story(10)), Vec::<String>::new());
    let said = story(2_000);
    let insight = only(&said, "ports-exhausted");
    assert!(
        insight
            .cause
            .starts_with("it opens 7 connections a second to service shop/cart (10.96.0.7:80)"),
        "{}",
        insight.cause
    );
}
