//! `tapio sniff --k8s-only` beside an API server that behaves as real ones do.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;

use std::path::Path;
use std::process::Command;

use cluster::{Tapio, ago, healthy, restart, until};
use fixtures::apiserver::{ApiServer, Fault, Verb};
use fixtures::kube::{EventObject, NodeObject, PodObject, ReplicaSetObject, uid_of};

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[test]
fn in_a_pod_the_service_account_is_used_and_its_rotated_token_is_read_again() {
    let name = "in_a_pod_the_service_account_is_used";
    if !nix::unistd::geteuid().is_root() {
        return fixtures::skipped(name, "needs root, to mount a service account");
    }
    if Command::new("unshare").arg("--version").output().is_err() {
        return fixtures::skipped(name, "needs unshare (util-linux)");
    }
    let api = ApiServer::start_tls().unwrap();
    api.apply(healthy("cart-0"));
    let folder = tempfile::tempdir().unwrap();
    api.mount_service_account(folder.path(), "monitoring").unwrap();
    let mut tapio = Tapio::start(in_pod(&api, folder.path()));
    tapio.notice("k8s: watching");
    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    tapio.opens("oom-killed", "cart-0");

    api.rotate_token("second");
    api.mount_service_account(folder.path(), "monitoring").unwrap();
    api.break_connections();
    until("the pods are watched with the new token", || {
        api.open_watches("pods") > 0
    });
    restart(&api, healthy("cart-1"), 1, 137, "OOMKilled");
    tapio.opens("oom-killed", "cart-1");
    let (opened, stats) = tapio.stop();
    assert_eq!(opened.values().copied().collect::<Vec<_>>(), [1, 1], "{opened:?}");
    assert_eq!(stats["received"], stats["handled"], "{stats}");
}

/// tapio where the kubelet has mounted `folder` as the service account, in mounts of its own.
fn in_pod(api: &ApiServer, folder: &Path) -> Command {
    let mount = format!(
        "mount -t tmpfs tapio /var/run && mkdir -p {SERVICE_ACCOUNT} && mount --bind \"$0\" {SERVICE_ACCOUNT} && \
         exec \"$@\""
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &mount]);
    command.arg(folder).arg(env!("CARGO_BIN_EXE_tapio"));
    command.args(["sniff", "--k8s-only", "-o", "json"]);
    command.env("KUBERNETES_SERVICE_HOST", api.address().ip().to_string());
    command.env("KUBERNETES_SERVICE_PORT", api.address().port().to_string());
    command
}

#[test]
fn of_two_instances_with_one_lease_the_second_takes_over_when_the_first_stops() {
    let api = ApiServer::start_tls().unwrap();
    api.apply(healthy("cart-0"));
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    let elected = || Tapio::with_kubeconfig(kubeconfig.path(), &["--leader-elect", "monitoring/tapio"]);
    let mut first = elected();
    first.notice("k8s: watching");
    let mut second = elected();
    second.notice("holds the Lease monitoring/tapio and watches in its place");
    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    first.opens("oom-killed", "cart-0");
    first.stop();
    second.notice("k8s: watching");
    restart(&api, healthy("cart-1"), 1, 137, "OOMKilled");
    second.opens("oom-killed", "cart-1");
    second.stop();
}

#[test]
fn a_day_of_churn_is_told_without_repetition_and_without_history() {
    let api = ApiServer::start_tls().unwrap();
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    yesterday(&api);
    let mut tapio = Tapio::with_kubeconfig(kubeconfig.path(), &[]);
    tapio.notice("k8s: watching");
    until("all is watched", || all_watched(&api));

    restart(&api, healthy("cart-0"), 1, 137, "OOMKilled");
    tapio.opens("oom-killed", "cart-0");
    rollout(&api);
    forget_and_cut(&api);
    let mut pay = healthy("pay-0");
    for run in 1..=3 {
        pay = restart(&api, pay, run, 1, "Error");
        forget_and_cut(&api);
    }
    api.apply(pay.waiting("app", "CrashLoopBackOff", "back-off 40s restarting failed container"));
    tapio.opens("crash-loop", "pay-0");
    flap(&api);
    for fault in [Fault::Garbage, Fault::UnknownType, Fault::CutMidJson] {
        api.fail("events", fault, 1);
        api.fail("pods", fault, 1);
    }
    api.fail_verb("pods", Verb::List, Fault::TooManyRequests(1), 1);
    forget_and_cut(&api);

    api.rotate_token("second");
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    api.break_connections();
    until("all is watched with the new token", || all_watched(&api));
    restart(&api, healthy("search-0"), 1, 137, "OOMKilled");
    tapio.opens("oom-killed", "search-0");
    std::thread::sleep(std::time::Duration::from_millis(1_500));

    let (opened, stats) = tapio.stop();
    assert!(opened.values().all(|times| *times == 1), "said twice: {opened:?}");
    let pods: Vec<&str> = opened.keys().map(|(_, pod)| pod.as_str()).collect();
    assert_eq!(pods, ["pay-0", "cart-0", "search-0"], "{opened:?}");
    // What is lost are the lines that were no watch events.
    let count = |what: &str| stats[what].as_u64().unwrap();
    assert_eq!(count("received"), count("handled") + count("lost"), "{stats}");
    assert!(count("lost") <= 4 && count("refused") == 0, "{stats}");
}

fn all_watched(api: &ApiServer) -> bool {
    ["pods", "nodes", "events", "replicasets"]
        .iter()
        .all(|plural| api.open_watches(plural) > 0)
}

/// What the API server still tells of the day before: all of it is over.
fn yesterday(api: &ApiServer) {
    api.apply(NodeObject::new("node-a").allocatable_memory("16Gi"));
    for name in ["old-0", "old-1"] {
        let pod = healthy(name);
        let over = [ago(20_000), ago(18_000)];
        let pod = pod.last("app", 137, "OOMKilled", [&over[0], &over[1]], &"e".repeat(64));
        api.apply(pod.restarts("app", 1));
        for (reason, message) in [
            ("BackOff", "Back-off restarting failed container app in pod"),
            ("Unhealthy", "Liveness probe failed: connection refused"),
            ("Killing", "Container app failed liveness probe, will be restarted"),
        ] {
            let event = EventObject::about_pod("shop", name, reason, message).container("app");
            api.apply(event.count(40).seen(&ago(20_000), &ago(18_000)));
        }
    }
}

/// Ten pods of a Deployment are replaced by ten of the next revision.
fn rollout(api: &ApiServer) {
    let of = |set: &str, number: u32| -> PodObject {
        let pod = healthy(&format!("{set}-{number}"));
        pod.owned_by("apps/v1", "ReplicaSet", set, &uid_of("replicaset", "shop", set))
    };
    api.apply(ReplicaSetObject::new("shop", "web-1").owned_by_deployment("web", 1));
    for number in 0..10 {
        api.apply(of("web-1", number));
    }
    api.apply(ReplicaSetObject::new("shop", "web-2").owned_by_deployment("web", 2));
    for number in 0..10 {
        api.apply(of("web-2", number));
        api.apply(of("web-1", number).terminating(&ago(0)));
        api.delete("pods", "shop", &format!("web-1-{number}"));
    }
}

/// A node is lost for a moment.
fn flap(api: &ApiServer) {
    let node = || NodeObject::new("node-a").allocatable_memory("16Gi");
    api.apply(node().condition("Ready", "Unknown", "NodeStatusUnknown", &ago(0)));
    api.apply(node().condition("Ready", "True", "KubeletReady", &ago(0)));
}

/// The connections break, and what they would go on from is compacted: all is listed again.
fn forget_and_cut(api: &ApiServer) {
    api.compact();
    api.break_connections();
    until("all is watched again", || all_watched(api));
}
