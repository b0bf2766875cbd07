//! Pods that were started and do not get to work: init containers that do not end, containers that are not ready.

use correlator::{Culprit, Insight, Severity};

use crate::stage::{commands, only, opened, play};

/// What is said but for the refused connects, which are another insight.
fn without_connects(said: &[Insight]) -> Vec<String> {
    let mut opened = opened(said);
    opened.retain(|one| !one.starts_with("connect-refused"));
    opened
}

#[test]
fn an_init_container_that_waits_for_its_database_names_it() {
    let said = play(
        "
         pod shop/db-0 on n1 ip 10.0.0.9 port 5432
         at 1s pod shop/web-1 on n1 of Deployment/web init wait container app waiting PodInitializing
         at 2s shop/web-1/wait connects 10.0.0.9:5432 refused x80 every 5s
         wait 6m",
    );
    let found: Vec<String> = without_connects(&said);
    assert!(found.contains(&"init-stuck shop/web-1/wait".to_owned()), "{found:?}");
    assert!(
        !found.iter().any(|one| one.starts_with("never-ready shop/web-1")),
        "{found:?}"
    );
    let insight = only(&said, "init-stuck");
    assert_eq!(
        insight.title,
        "shop/web-1 waits for its init container wait, which has been running for 5m00s"
    );
    assert_eq!(
        insight.cause,
        "its connect to shop/db-0 (10.0.0.9:5432) failed (refused)"
    );
    assert_eq!(insight.suspects[0], Culprit::Pod("uid-shop-db-0".into()));
    assert_eq!(commands(insight)[0], "kubectl logs web-1 -n shop -c wait --tail=50");
}

#[test]
fn an_init_container_that_waits_for_a_name_is_a_consequence_of_the_name() {
    let said = play(
        "
         at 1s pod shop/web-1 on n1 init wait container app waiting PodInitializing
         at 2s shop/web-1/wait asks bd A NXDOMAIN from 10.96.0.10 through shop.svc.cluster.local,svc.cluster.local x80 every 5s
         wait 6m",
    );
    assert_eq!(opened(&said), ["dns-name-missing shop/web-1/wait"]);
    let explained = said.last().map(|insight| &insight.consequences.examples[..]);
    assert_eq!(explained, Some(&["init-stuck shop/web-1/wait".to_owned()][..]));
}

#[test]
fn an_init_container_that_fails_in_a_loop_is_told_once() {
    let said = play(
        "
         at 1s pod shop/web-1 on n1 of Deployment/web init migrate container app waiting PodInitializing
         at 5s shop/web-1/migrate exits 1 after 2s \"schema is locked\" x4 every 20s
         wait 10s",
    );
    assert_eq!(opened(&said), ["init-stuck shop/web-1/migrate"]);
    let insight = only(&said, "init-stuck");
    assert_eq!(
        insight.title,
        "shop/web-1 waits for its init container migrate, which fails again and again: exits with code 1"
    );
    assert!(
        insight
            .evidence
            .iter()
            .any(|evidence| evidence.says.contains("schema is locked")),
        "{:?}",
        insight.evidence
    );
    assert!(commands(insight)[0].ends_with("--previous"), "{:?}", commands(insight));
}

#[test]
fn an_init_container_that_runs_four_minutes_is_normal() {
    let said = play(
        "
         at 1s   pod shop/web-1 on n1 init migrate container app waiting PodInitializing
         at 245s shop/web-1/migrate exits 0
         at 247s shop/web-1/app running
         wait 6m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn a_probe_of_the_wrong_port_is_compared_with_the_containers_ports() {
    let said = play(
        "
         at 1s pod shop/web-1 on n1 of Deployment/web ip 10.0.0.5 container app port 8080 readiness \"http GET :8081/ready\" every 10s failures 3
         shop/web-1/app not-ready
         at 11s event shop/web-1/app Warning Unhealthy \"Readiness probe failed: Get \\\"http://10.0.0.5:8081/ready\\\": dial tcp 10.0.0.5:8081: connect: connection refused\" x12 every 10s
         wait 10s",
    );
    assert_eq!(opened(&said), ["never-ready shop/web-1/app"]);
    let insight = only(&said, "never-ready");
    assert_eq!(
        insight.title,
        "shop/web-1/app is not ready: its readiness probe (http GET :8081/ready) is refused"
    );
    assert_eq!(
        insight.cause,
        "nothing listens on port 8081, which the probe asks; the container names port 8080"
    );
}

#[test]
fn a_probe_that_fails_because_of_a_dependency_names_it() {
    let said = play(
        "
         at 1s pod shop/web-1 on n1 of Deployment/web ip 10.0.0.5 container app port 8080 readiness \"http GET :8080/ready\" every 10s failures 3
         shop/web-1/app not-ready
         at 5s  shop/web-1 connects 192.0.2.7:5432 timed-out x60 every 5s
         at 11s shop/web-1 fails readiness \"HTTP probe failed with statuscode: 503\" x20 every 10s
         wait 10s",
    );
    let insight = only(&said, "never-ready");
    assert_eq!(
        insight.cause,
        "the application answers itself that it is not well (HTTP 503); meanwhile its connect to 192.0.2.7:5432 failed (timed-out)"
    );
}

#[test]
fn five_minutes_without_being_ready_are_told_without_a_probes_word() {
    let said = play(
        "
         deployment shop/web wants 1 ready 0 updated 1
         at 1s pod shop/web-1 on n1 of Deployment/web
         shop/web-1/app not-ready
         wait 6m",
    );
    let insight = only(&said, "never-ready");
    assert!(
        insight.title.starts_with("shop/web-1/app has not been ready for 5m"),
        "{}",
        insight.title
    );
    assert_eq!(insight.severity, Severity::Critical);
}

#[test]
fn a_slow_start_is_left_the_time_of_its_startup_probe() {
    let said = play(
        "
         at 1s pod shop/web-1 on n1 container app startup \"http GET :8080/up\" every 10s failures 60
         shop/web-1/app not-ready
         at 11s shop/web-1 fails startup \"HTTP probe failed with statuscode: 503\" x50 every 10s
         at 510s shop/web-1/app ready
         wait 1m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn a_container_that_crashes_is_not_told_as_one_that_is_not_ready() {
    let said = play(
        "
         at 1s pod shop/web-1 on n1 of Deployment/web container app readiness \"http GET :8080/ready\" every 5s failures 1
         at 3s shop/web-1 not-ready
         at 5s shop/web-1 fails readiness \"HTTP probe failed with statuscode: 503\" x60 every 5s
         at 60s shop/web-1 exits 1 after 50s x4 every 70s
         wait 1m",
    );
    assert!(
        opened(&said).iter().all(|one| !one.starts_with("never-ready")),
        "{:?}",
        opened(&said)
    );
    assert!(
        opened(&said).contains(&"crash-loop shop/web-1/app".to_owned()),
        "{:?}",
        opened(&said)
    );
}

#[test]
fn a_closed_readiness_gate_is_told() {
    let said = play(
        "
         pod shop/web-1 on n1
         at 1s shop/web-1 condition Ready False ReadinessGatesNotReady \"corresponding condition of pod readiness gate \\\"target-health.elbv2.k8s.aws/x\\\" does not exist.\"
         wait 6m",
    );
    let insight = only(&said, "never-ready");
    assert!(
        insight
            .title
            .starts_with("shop/web-1 is not ready: a readiness gate has been closed for 5m"),
        "{}",
        insight.title
    );
}
