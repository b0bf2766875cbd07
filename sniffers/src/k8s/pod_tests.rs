//! Pods as the API shows them, and what is kept of them.

use correlator::{ContainerRole, ContainerStatus, ProbeKind, Timestamp};
use fixtures::kube::{ContainerObject, PodObject};
use serde_json::Value;

use super::*;

const START: &str = "2026-11-21T15:10:00Z";
const END: &str = "2026-11-21T15:11:00Z";

fn read(pod: PodObject) -> Sighting {
    sighting(
        serde_json::from_value(Value::from(pod)).unwrap(),
        &mut Pruner::default(),
    )
    .unwrap()
}

fn seconds(text: &str) -> Option<Timestamp> {
    timestamp(Some(&serde_json::from_value(Value::from(text)).unwrap()))
}

#[test]
fn every_kind_of_container_is_kept_with_its_role() {
    let seen = read(
        PodObject::new("shop", "web-0")
            .container(ContainerObject::new("app"))
            .init_container(ContainerObject::new("migrate"))
            .init_container(ContainerObject::new("proxy").sidecar())
            .ephemeral_container(ContainerObject::new("debug"))
            .running("proxy", "p1", START),
    );
    let kept = seen
        .state
        .containers
        .iter()
        .map(|container| (&*container.name, container.role, &*container.id));
    let expected = [
        ("app", ContainerRole::Main, ""),
        ("migrate", ContainerRole::Init, ""),
        ("proxy", ContainerRole::Sidecar, "p1"),
        ("debug", ContainerRole::Ephemeral, ""),
    ];
    assert_eq!(kept.collect::<Vec<_>>(), expected);
}

#[test]
fn a_termination_keeps_code_reason_times_and_container() {
    let pod = PodObject::new("shop", "web-0")
        .container(ContainerObject::new("app"))
        .running("app", "a1", START)
        .terminated("app", 137, "OOMKilled", [START, END]);
    let ContainerStatus::Terminated(ended) = read(pod.clone()).state.containers[0].status.clone() else {
        panic!("the container is not terminated");
    };
    assert_eq!(
        (ended.exit_code, &*ended.reason, &*ended.container_id),
        (137, "OOMKilled", "a1")
    );
    assert_eq!((ended.started, ended.finished), (seconds(START), seconds(END)));
    let again = read(pod.running("app", "a2", END)).state.containers[0].clone();
    assert_eq!((again.restarts, &*again.id, again.last), (1, "a2", Some(ended)));
}

#[test]
fn the_limit_in_force_wins_over_the_one_asked_for() {
    let app = ContainerObject::new("app")
        .limit("memory", "64Mi")
        .limit("cpu", "250m")
        .request("memory", "32Mi");
    let pod = PodObject::new("shop", "web-0").container(app);
    let asked = read(pod.clone()).state.containers[0].clone();
    assert_eq!(asked.memory_limit, Some(64 << 20));
    assert_eq!(
        (asked.memory_request, asked.cpu_limit_millis),
        (Some(32 << 20), Some(250))
    );
    let resized = read(pod.actual_limit("app", "memory", "128Mi")).state.containers[0].clone();
    assert_eq!(
        (resized.memory_limit, resized.cpu_limit_millis),
        (Some(128 << 20), Some(250))
    );
}

#[test]
fn no_limit_and_a_limit_of_zero_are_both_none() {
    let pod = PodObject::new("shop", "web-0")
        .container(ContainerObject::new("free"))
        .container(ContainerObject::new("zero").limit("memory", "0"));
    let limits: Vec<_> = read(pod)
        .state
        .containers
        .iter()
        .map(|container| container.memory_limit)
        .collect();
    assert_eq!(limits, [None, None]);
}

#[test]
fn command_and_ports_are_kept_in_order() {
    let app = ContainerObject::new("app")
        .command(&["/bin/sh", "-c"], &["serve"])
        .port(8080)
        .port(9090);
    let state = read(PodObject::new("shop", "web-0").container(app)).state;
    assert_eq!(
        state.containers[0].command,
        ["/bin/sh".into(), "-c".into(), "serve".into()] as [Arc<str>; 3]
    );
    assert_eq!(state.containers[0].ports, [8080, 9090]);
}

#[test]
fn a_static_pod_has_the_uid_it_runs_under_as_an_alias() {
    let pod = PodObject::new("kube-system", "etcd-n1")
        .uid("u-api")
        .annotation(CONFIG_HASH, "0a1b")
        .annotation(CONFIG_MIRROR, "0a1b")
        .annotation("noise", "x");
    assert_eq!(read(pod).aliases, ["0a1b".into()]);
}

#[test]
fn addresses_deletion_and_eviction_are_kept() {
    let pod = PodObject::new("shop", "web-0")
        .ips(&["10.1.0.7", "fd00::7"])
        .host_network()
        .terminating(END)
        .evicted("The node was low on resource: memory.");
    let state = read(pod).state;
    assert_eq!(state.ips.len(), 2);
    assert!(state.host_network);
    assert_eq!(
        (state.deleted, &*state.phase, &*state.reason),
        (seconds(END), "Failed", "Evicted")
    );
}

#[test]
fn long_text_is_cut_and_surplus_containers_are_counted() {
    let mut pod = PodObject::new("shop", "web-0").annotation("huge", &"x".repeat(256 << 10));
    for number in 0..1000 {
        pod = pod.container(ContainerObject::new(&format!("c{number}")).command(&[&"y".repeat(1000)], &[]));
    }
    let pod = pod.waiting("c0", "CreateContainerError", &"é".repeat(1000));
    let mut pruner = Pruner::default();
    let seen = sighting(serde_json::from_value(pod.into()).unwrap(), &mut pruner).unwrap();
    assert_eq!((seen.state.containers.len(), pruner.take_left_out()), (256, 744));
    assert_eq!(seen.state.containers[0].command[0].len(), 256);
    let ContainerStatus::Waiting { message, .. } = &seen.state.containers[0].status else {
        panic!("not waiting")
    };
    assert_eq!(message.len(), 512);
}

#[test]
fn a_pod_of_nulls_is_a_pod() {
    let bare = serde_json::json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "annotations": null, "ownerReferences": null},
        "spec": {"containers": null, "nodeName": null},
        "status": {"containerStatuses": null, "podIPs": null, "podIP": ""},
    });
    let seen = sighting(serde_json::from_value(bare).unwrap(), &mut Pruner::default()).unwrap();
    assert_eq!(seen.state, PodState::default());
}

#[test]
fn labels_class_grace_and_claims_are_kept() {
    let mut pod = PodObject::new("shop", "db-0").label("app", "db").label("tier", "back");
    pod.json_mut()["spec"]["volumes"] = serde_json::json!([
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
        {"name": "secret", "secret": {"secretName": "s"}},
    ]);
    let state = read(pod).state;
    assert_eq!(state.labels.len(), 2);
    assert_eq!((&*state.qos, state.grace), ("Burstable", Some(30)));
    assert_eq!(state.claims, ["data-db-0".into(), "db-0-scratch".into()]);
}

#[test]
fn conditions_that_are_as_they_should_be_are_left_out() {
    let mut pod = PodObject::new("shop", "web-0");
    pod.json_mut()["status"]["conditions"] = serde_json::json!([
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": START},
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "unready: [app]",
         "lastTransitionTime": END},
        {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "lastTransitionTime": END},
    ]);
    let kept = read(pod).state.conditions;
    let told: Vec<_> = kept
        .iter()
        .map(|one| (&*one.kind, &*one.reason, &*one.message))
        .collect();
    assert_eq!(
        told,
        [
            ("Ready", "ContainersNotReady", "unready: [app]"),
            ("DisruptionTarget", "TerminationByKubelet", "")
        ]
    );
    assert_eq!(kept[0].since, seconds(END));
}

#[test]
fn probes_and_the_names_of_ports_are_kept() {
    let mut app = Value::from(ContainerObject::new("app").request("cpu", "100m"));
    app["ports"] = serde_json::json!([{"name": "web", "containerPort": 8080}, {"containerPort": 9090}]);
    app["readinessProbe"] = serde_json::json!({"httpGet": {"path": "/ready", "port": "web"}, "timeoutSeconds": 2});
    let mut pod = PodObject::new("shop", "web-0");
    pod.json_mut()["spec"]["containers"] = serde_json::json!([app]);
    let state = read(pod).state.containers[0].clone();
    assert_eq!(
        (state.ports.as_slice(), state.port_names["web"]),
        (&[8080, 9090][..], 8080)
    );
    assert_eq!(state.cpu_request_millis, Some(100));
    let probe = &state.probes[&ProbeKind::Readiness];
    assert_eq!((&*probe.action, probe.timeout), ("http GET :web/ready", 2));
    assert_eq!(state.probes.len(), 1);
}
