//! Objects as the published schemas have them, and what is kept of each.

use std::net::IpAddr;

use correlator::Condition;
use correlator::object::{PolicyPeer, TargetPort, Usage, WorkloadState};
use serde_json::{Value, json};

use super::*;

fn read<K: Kind>(mut object: Value) -> ObjectState {
    object["metadata"]["namespace"] = json!("shop");
    object["metadata"]["name"] = json!("web");
    object["metadata"]["creationTimestamp"] = json!("2026-11-21T15:00:00Z");
    let mut pruner = Pruner::default();
    let object: K = serde_json::from_value(object).unwrap();
    let state = object.state(&mut pruner);
    assert_eq!(pruner.take_left_out(), 0);
    state
}

fn workload<K: Kind>(object: Value) -> WorkloadState {
    match read::<K>(object) {
        ObjectState::Workload(workload) => workload,
        other => panic!("no workload: {other:?}"),
    }
}

fn counts(state: &WorkloadState) -> (Option<u32>, [u32; 4]) {
    (state.wanted, [state.pods, state.ready, state.available, state.updated])
}

fn stuck() -> Value {
    json!({
        "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"web-2\" has timed out progressing.",
        "lastUpdateTime": "2026-11-21T15:20:00Z", "lastTransitionTime": "2026-11-21T15:10:00Z",
    })
}

#[test]
fn a_deployment_keeps_its_counts_and_why_it_is_stuck() {
    let state = workload::<Deployment>(json!({
        "metadata": {"generation": 4},
        "spec": {"replicas": 3, "paused": true},
        "status": {"observedGeneration": 3, "replicas": 4, "readyReplicas": 3, "availableReplicas": 2,
                   "updatedReplicas": 1, "conditions": [stuck()]},
    }));
    assert_eq!(counts(&state), (Some(3), [4, 3, 2, 1]));
    assert!(state.paused && !state.observed && state.created.is_some());
    let Condition {
        reason, message, since, ..
    } = &state.conditions[0];
    assert_eq!(&**reason, "ProgressDeadlineExceeded");
    assert!(message.contains("web-2") && since.is_some());
}

#[test]
fn a_stateful_set_without_a_number_wants_one_and_names_its_operator() {
    let state = workload::<StatefulSet>(json!({
        "metadata": {"generation": 1, "ownerReferences": [{
            "apiVersion": "db.example/v1", "kind": "Postgres", "name": "main", "uid": "u", "controller": true,
        }]},
        "spec": {},
        "status": {"observedGeneration": 1, "replicas": 1},
    }));
    assert_eq!(counts(&state), (Some(1), [1, 0, 0, 0]));
    assert!(state.observed);
    let owner = state.owner.unwrap();
    assert_eq!((&*owner.kind, &*owner.name), ("Postgres", "main"));
}

#[test]
fn a_daemon_set_wants_a_pod_on_each_node_it_fits() {
    let state = workload::<DaemonSet>(json!({
        "metadata": {"generation": 2},
        "status": {"observedGeneration": 2, "desiredNumberScheduled": 5, "currentNumberScheduled": 5, "numberReady": 4,
                   "numberAvailable": 3, "updatedNumberScheduled": 2, "numberMisscheduled": 0},
    }));
    assert_eq!(counts(&state), (Some(5), [5, 4, 3, 2]));
}

#[test]
fn a_job_keeps_what_succeeded_and_what_failed() {
    let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"});
    let state = workload::<Job>(json!({
        "metadata": {},
        "spec": {"parallelism": 2, "completions": 4, "backoffLimit": 6, "suspend": false},
        "status": {"active": 1, "ready": 1, "succeeded": 3, "failed": 7, "conditions": [failed]},
    }));
    assert_eq!(counts(&state), (Some(2), [1, 1, 1, 1]));
    let job = state.job.unwrap();
    assert_eq!(
        (job.completions, job.backoff_limit, job.succeeded, job.failed),
        (Some(4), Some(6), 3, 7)
    );
    assert_eq!(&*state.conditions[0].reason, "BackoffLimitExceeded");
}

#[test]
fn a_cron_job_keeps_its_schedule_and_when_it_last_ran() {
    let state = workload::<CronJob>(json!({
        "metadata": {},
        "spec": {"schedule": "*/5 * * * *", "suspend": true},
        "status": {"lastScheduleTime": "2026-11-21T15:05:00Z"},
    }));
    assert_eq!((state.schedule.as_deref(), state.paused), (Some("*/5 * * * *"), true));
    assert_eq!(state.last_scheduled.unwrap().to_string(), "2026-11-21T15:05:00.000Z");
}

#[test]
fn a_service_leads_from_its_addresses_to_ports_of_pods() {
    let ObjectState::Service(state) = read::<Service>(json!({
        "spec": {
            "type": "NodePort", "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00::7"],
            "selector": {"app": "web"},
            "ports": [
                {"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web", "nodePort": 30080},
                {"name": "same", "port": 9090},
            ],
        },
    })) else {
        panic!("no Service")
    };
    assert_eq!(
        state.addresses,
        ["10.96.0.7", "fd00::7"].map(|ip| ip.parse::<IpAddr>().unwrap())
    );
    assert_eq!(
        (state.ports[0].target.clone(), state.ports[0].node_port),
        (TargetPort::Name("web".into()), Some(30080))
    );
    assert_eq!(
        (state.ports[1].target.clone(), &*state.ports[1].protocol),
        (TargetPort::Number(9090), "TCP")
    );
    assert_eq!(&*state.selector["app"], "web");
}

#[test]
fn a_headless_service_has_no_address_and_an_external_one_a_name() {
    let headless = json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}});
    let external = json!({"spec": {"type": "ExternalName", "externalName": "db.example.org"}});
    for (object, kind, name) in [
        (headless, "ClusterIP", None),
        (external, "ExternalName", Some("db.example.org")),
    ] {
        let ObjectState::Service(state) = read::<Service>(object) else {
            panic!("no Service")
        };
        assert!(state.addresses.is_empty());
        assert_eq!((&*state.kind, state.external_name.as_deref()), (kind, name));
    }
}

#[test]
fn an_endpoint_that_says_nothing_is_ready() {
    let pod = json!({"kind": "Pod", "namespace": "shop", "name": "web-0", "uid": "u-0"});
    let ObjectState::Endpoints(state) = read::<EndpointSlice>(json!({
        "metadata": {"labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}, {"port": null}],
        "endpoints": [
            {"addresses": ["10.1.0.1"], "targetRef": pod, "nodeName": "n1"},
            {"addresses": ["10.1.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}},
            {"addresses": ["10.1.0.3"], "conditions": {"ready": false}},
        ],
    })) else {
        panic!("no EndpointSlice")
    };
    assert_eq!((&*state.service, state.ports), ("web", vec![("http".into(), 8080)]));
    let stand = |at: usize| {
        let endpoint = &state.endpoints[at];
        [endpoint.ready, endpoint.serving, endpoint.terminating]
    };
    assert_eq!(
        [stand(0), stand(1), stand(2)],
        [[true, true, false], [false, true, true], [false; 3]]
    );
    assert_eq!(
        (state.endpoints[0].pod.as_deref(), state.endpoints[0].node.as_deref()),
        (Some("u-0"), Some("n1"))
    );
}

#[test]
fn a_policy_tells_what_it_says_nothing_about_from_what_it_forbids() {
    let directions = |spec: Value| match read::<NetworkPolicy>(json!({ "spec": spec })) {
        ObjectState::NetworkPolicy(policy) => (
            policy.ingress.map(|rules| rules.len()),
            policy.egress.map(|rules| rules.len()),
        ),
        other => panic!("no policy: {other:?}"),
    };
    assert_eq!(directions(json!({"podSelector": {}})), (Some(0), None));
    assert_eq!(
        directions(json!({"podSelector": {}, "egress": [{}]})),
        (Some(0), Some(1))
    );
    assert_eq!(
        directions(json!({"podSelector": {}, "policyTypes": ["Egress"]})),
        (None, Some(0))
    );
}

#[test]
fn a_policys_peers_and_ports_are_kept() {
    let ObjectState::NetworkPolicy(policy) = read::<NetworkPolicy>(json!({
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{
                "from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {}}],
                "ports": [{"port": "web"}, {"protocol": "UDP", "port": 32000, "endPort": 32768}],
            }],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]}}]}],
        },
    })) else {
        panic!("no policy")
    };
    let (ingress, egress) = (policy.ingress.unwrap(), policy.egress.unwrap());
    let PolicyPeer::Pods {
        pods: Some(pods),
        namespaces: Some(namespaces),
    } = &ingress[0].peers[0]
    else {
        panic!("{:?}", ingress[0].peers)
    };
    assert!(pods.labels.is_empty() && namespaces.labels.contains_key("team"));
    let ports: Vec<_> = ingress[0]
        .ports
        .iter()
        .map(|port| (&*port.protocol, port.port.clone(), port.end))
        .collect();
    assert_eq!(
        ports,
        [
            ("TCP", Some(TargetPort::Name("web".into())), None),
            ("UDP", Some(TargetPort::Number(32000)), Some(32768))
        ]
    );
    let block = PolicyPeer::Block {
        cidr: "10.0.0.0/8".into(),
        except: vec!["10.9.0.0/16".into()],
    };
    assert_eq!(egress[0].peers, [block]);
}

#[test]
fn an_autoscaler_keeps_its_bounds_and_what_it_wants() {
    let ObjectState::Autoscaler(state) = read::<Autoscaler>(json!({
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10},
        "status": {"currentReplicas": 3, "desiredReplicas": 10, "currentMetrics": [{"type": "Resource"}],
                   "conditions": [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]},
    })) else {
        panic!("no autoscaler")
    };
    assert_eq!([state.min, state.max, state.current, state.desired], [1, 10, 3, 10]);
    assert_eq!((&*state.target.kind, &*state.target.name), ("Deployment", "web"));
    assert_eq!(&*state.conditions[0].reason, "TooManyReplicas");
}

#[test]
fn a_claim_keeps_what_was_asked_for_and_tells_no_class_from_the_default_one() {
    let claim = |class: Value| match read::<Claim>(json!({
        "spec": {"storageClassName": class, "accessModes": ["ReadWriteOnce"],
                 "resources": {"requests": {"storage": "10Gi"}}},
        "status": {"phase": "Pending"},
    })) {
        ObjectState::Claim(state) => state,
        other => panic!("no claim: {other:?}"),
    };
    let state = claim(json!("fast"));
    assert_eq!(
        (&*state.phase, state.class.as_deref(), state.requested),
        ("Pending", Some("fast"), Some(10 << 30))
    );
    assert_eq!((state.volume, state.access_modes), (None, vec!["ReadWriteOnce".into()]));
    assert_eq!(
        (claim(Value::Null).class, claim(json!("")).class),
        (None, Some("".into()))
    );
}

#[test]
fn a_quota_keeps_used_and_allowed_in_base_units() {
    let hard = json!({"requests.cpu": "2", "requests.memory": "1Gi", "count/pods": "10"});
    let ObjectState::Quota(state) = read::<Quota>(json!({
        "spec": {"hard": hard},
        "status": {"hard": hard, "used": {"requests.cpu": "1500m", "requests.memory": "512Mi"}},
    })) else {
        panic!("no quota")
    };
    assert_eq!(state.resources["requests.cpu"], Usage { used: 1.5, hard: 2.0 });
    assert_eq!(state.resources["count/pods"], Usage { used: 0.0, hard: 10.0 });
}

#[test]
fn a_budget_with_an_empty_selector_is_about_all_pods_and_one_without_about_none() {
    let budget = |spec: Value| match read::<DisruptionBudget>(json!({
        "spec": spec,
        "status": {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 3},
    })) {
        ObjectState::DisruptionBudget(state) => state,
        other => panic!("no budget: {other:?}"),
    };
    let state = budget(json!({"minAvailable": 2, "selector": {}}));
    assert_eq!(
        [state.allowed, state.healthy, state.needed, state.expected],
        [0, 2, 2, 3]
    );
    let labels = correlator::object::Labels::new();
    assert!(state.pods.selects(&labels) && !budget(json!({"minAvailable": 2})).pods.selects(&labels));
}

#[test]
fn objects_of_nulls_are_objects() {
    let bare = || json!({"metadata": {"labels": null, "ownerReferences": null}, "spec": null, "status": null});
    read::<Deployment>(bare());
    read::<StatefulSet>(bare());
    read::<DaemonSet>(bare());
    read::<Job>(bare());
    read::<CronJob>(bare());
    read::<Service>(bare());
    read::<EndpointSlice>(bare());
    read::<NetworkPolicy>(bare());
    read::<Autoscaler>(bare());
    read::<Claim>(bare());
    read::<Quota>(bare());
    read::<DisruptionBudget>(bare());
}
