//! What rules keep from starting or working: pods that the API server refuses, and containers that are denied something.

use correlator::{Culprit, Severity};

use crate::stage::{commands, only, opened, play};

const QUOTA: &str = "pods \\\"web-7d4-x\\\" is forbidden: exceeded quota: compute, requested: requests.cpu=500m, used: requests.cpu=3800m, limited: requests.cpu=4";

#[test]
fn a_full_quota_is_told_with_its_figures_once() {
    let said = play(&format!(
        "
         quota shop/compute requests.cpu 3800m of 4
         deployment shop/web wants 3 ready 2 updated 2 condition ReplicaFailure True FailedCreate \"{QUOTA}\"
         at 5s event ReplicaSet shop/web-7d4 Warning FailedCreate \"Error creating: {QUOTA}\" from replicaset-controller x12
         wait 10s"
    ));
    assert_eq!(opened(&said), ["create-rejected deployment shop/web"]);
    let insight = only(&said, "create-rejected");
    assert_eq!(
        insight.title,
        "pods of deployment shop/web are not created: the quota compute would be exceeded"
    );
    assert_eq!(
        insight.cause,
        "a pod asks for requests.cpu=500m; requests.cpu=3800m is in use of requests.cpu=4"
    );
    assert_eq!(insight.severity, Severity::Warning);
    let says: Vec<&str> = insight.evidence.iter().map(|evidence| &*evidence.says).collect();
    assert!(
        says.contains(&"resourcequota shop/compute now: requests.cpu 3.8 of 4"),
        "{says:?}"
    );
    assert_eq!(
        commands(insight),
        [
            "kubectl describe deployment/web -n shop",
            "kubectl describe resourcequota/compute -n shop"
        ]
    );
}

#[test]
fn a_webhook_that_cannot_be_asked_blames_its_service() {
    let said = play(
        "
         statefulset shop/db wants 1 pods 0 ready 0
         at 5s event StatefulSet shop/db Warning FailedCreate \"create Pod db-0 in StatefulSet db failed error: Internal error occurred: failed calling webhook \\\"inject.example\\\": failed to call webhook: Post \\\"https://hook.mesh.svc:443/inject?timeout=10s\\\": no endpoints available for service \\\"hook\\\"\" from statefulset-controller x5
         wait 10s",
    );
    let insight = only(&said, "create-rejected");
    assert_eq!(
        insight.title,
        "pods of statefulset shop/db are not created: the webhook inject.example cannot be asked (its Service has no endpoints)"
    );
    assert_eq!(insight.severity, Severity::Critical);
    assert!(matches!(&insight.suspects[0], Culprit::Object(service) if service.to_string() == "service mesh/hook"));
    assert!(
        commands(insight).contains(&"kubectl describe service/hook -n mesh"),
        "{:?}",
        commands(insight)
    );
}

#[test]
fn a_refusal_of_an_hour_ago_is_history() {
    let said = play(&format!(
        "
         daemonset shop/agent wants 3 ready 3
         event DaemonSet shop/agent Warning FailedCreate \"Error creating: {QUOTA}\" history x12
         wait 2m"
    ));
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn a_refusal_that_is_over_is_no_news() {
    let said = play(&format!(
        "
         daemonset shop/agent wants 3
         at 5s event DaemonSet shop/agent Warning FailedCreate \"Error creating: {QUOTA}\"
         wait 2m"
    ));
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn pod_security_is_a_matter_of_permission() {
    let said = play(
        "
         deployment shop/web wants 2 ready 0 updated 0 condition ReplicaFailure True FailedCreate \"pods \\\"web-7d4-x\\\" is forbidden: violates PodSecurity \\\"restricted:latest\\\": runAsNonRoot != true (pod or container \\\"app\\\" must set securityContext.runAsNonRoot=true)\"
         wait 10s",
    );
    assert_eq!(opened(&said), ["permission-denied deployment shop/web"]);
    let insight = only(&said, "permission-denied");
    assert_eq!(
        insight.title,
        "pods of deployment shop/web are not created: Pod Security \"restricted:latest\" forbids them"
    );
    assert!(
        insight.cause.contains("securityContext.runAsNonRoot=true"),
        "{}",
        insight.cause
    );
}

#[test]
fn an_image_of_root_where_root_is_forbidden() {
    let said = play(
        "
         at 1s pod shop/web-1 pending on n1 of Deployment/web
         at 2s shop/web-1 waiting CreateContainerConfigError \"container has runAsNonRoot and image will run as root (pod: \\\"web-1_shop(u)\\\", container: app)\"
         wait 6m",
    );
    assert_eq!(opened(&said), ["permission-denied shop/web-1/app"]);
    let insight = only(&said, "permission-denied");
    assert_eq!(
        insight.title,
        "shop/web-1/app may not start: runAsNonRoot is set and the image runs as root"
    );
    let patch = "kubectl patch deployment/web -n shop --type=strategic '--patch={\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"securityContext\":{\"runAsUser\":65532}}]}}}}'";
    assert!(commands(insight).contains(&patch), "{:?}", commands(insight));
    assert!(
        insight.remedies[1]
            .undo
            .as_deref()
            .is_some_and(|undo| undo.contains("\"runAsUser\":null"))
    );
}

#[test]
fn a_storm_of_denied_calls_is_counted_by_the_kernel() {
    let said = play(
        "
         pod shop/web-1 on n1 of Deployment/web
         at 5s shop/web-1 syscall.errors:openat:EROFS +20 every 1s for 30s
         wait 1s",
    );
    assert_eq!(opened(&said), ["permission-denied shop/web-1/app"]);
    let insight = only(&said, "permission-denied");
    assert_eq!(insight.title, "shop/web-1/app is denied openat again and again (EROFS)");
    assert_eq!(insight.cause, "the file system is read-only");
}

#[test]
fn calls_that_are_denied_now_and_then_are_normal() {
    let said = play(
        "
         pod shop/web-1 on n1
         at 5s  shop/web-1 syscall.errors:openat:EACCES +150
         at 30s shop/web-1 syscall.errors:execve:EACCES +2 every 1s for 4m
         wait 1m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}
