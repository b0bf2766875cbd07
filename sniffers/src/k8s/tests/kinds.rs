//! Workloads, Services and other objects, from the server to what is told.

use correlator::ObjectState;
use correlator::object::WorkloadState;
use fixtures::kube::{DeploymentObject, EndpointSliceObject, NetworkPolicyObject, ServiceObject};
use serde_json::{Value, json};

use super::*;

impl Story {
    /// The next state of the object that is called so, `service shop/web`.
    async fn object(&mut self, name: &str) -> ObjectState {
        self.find(|event| match &event.body {
            Body::Fact(Fact::Object(state)) if event.subject.to_string() == name => Some((**state).clone()),
            _ => None,
        })
        .await
    }

    async fn workload(&mut self, name: &str) -> WorkloadState {
        match self.object(name).await {
            ObjectState::Workload(workload) => workload,
            other => panic!("no workload: {other:?}"),
        }
    }
}

const KINDS: [(&str, &str, &str); 12] = [
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("batch/v1", "Job", "jobs"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("v1", "Service", "services"),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("v1", "ResourceQuota", "resourcequotas"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
];

fn object(api_version: &str, kind: &str, noise: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {
            "namespace": "shop", "name": "web", "uid": uid_of(kind, "shop", "web"), "creationTimestamp": START,
            "annotations": {"noise": noise},
        },
        "spec": {}, "status": {},
    })
}

#[tokio::test]
async fn each_kind_is_told_when_listed_and_when_it_goes_but_not_when_nothing_changed() {
    let server = ApiServer::start().unwrap();
    for (api_version, kind, _) in KINDS {
        server.apply(object(api_version, kind, "1")).unwrap();
    }
    let mut story = Story::of(server);
    let mut told = std::collections::BTreeSet::new();
    while told.len() < KINDS.len() {
        let kind = |event: &Event| match (&event.subject, &event.body) {
            (Subject::Object(object), Body::Fact(Fact::Object(_))) => Some(object.kind.to_string()),
            _ => None,
        };
        assert!(told.insert(story.find(kind).await), "told twice: {told:?}");
    }
    for (api_version, kind, plural) in KINDS {
        story.watching(plural).await;
        story.server.apply(object(api_version, kind, "2")).unwrap();
        assert!(story.server.delete(plural, "shop", "web"));
        let name = format!("{} shop/web", kind.to_lowercase());
        let next = |event: &Event| (event.subject.to_string() == name).then(|| event.body.clone());
        assert_eq!(story.find(next).await, Body::Fact(Fact::ObjectDeleted), "{kind}");
    }
    story.end().await;
}

#[tokio::test]
async fn a_deployment_is_told_with_what_its_rollout_changed() {
    let set = |name: &str, revision, image: &str| {
        ReplicaSetObject::new("shop", name)
            .owned_by_deployment("web", revision)
            .container(ContainerObject::new("app").image(image))
    };
    let server = ApiServer::start().unwrap();
    server.apply(DeploymentObject::new("shop", "web").revision(9));
    server.apply(set("web-a", 9, "web:9"));
    server.apply(set("web-b", 2, "web:2"));
    server.apply(set("web-c", 8, "web:8"));
    let mut story = Story::of(server);
    let mut state = story.workload("deployment shop/web").await;
    if state.rollout.is_none() {
        state = story.workload("deployment shop/web").await;
    }
    let rollout = state.rollout.unwrap();
    assert_eq!((rollout.previous, rollout.revision), (8, 9));
    assert_eq!(rollout.at.map(|at| at.to_string()).unwrap(), "2026-11-21T15:00:00.000Z");
    story.watching("replicasets").await;
    story.server.apply(set("web-d", 10, "web:10"));
    let rollout = story.workload("deployment shop/web").await.rollout.unwrap();
    let change = &rollout.changes[0];
    assert_eq!(
        (change.before.as_deref(), change.after.as_deref()),
        (Some("web:9"), Some("web:10"))
    );
    assert_eq!((rollout.changes.len(), rollout.revision), (1, 10));
    story.end().await;
}

#[tokio::test]
async fn a_stateful_set_that_is_changed_is_told_with_what_changed() {
    let set = |generation: u32, memory: &str| {
        let app = Value::from(ContainerObject::new("db").limit("memory", memory));
        let mut set = object("apps/v1", "StatefulSet", "");
        set["metadata"]["generation"] = json!(generation);
        set["spec"] = json!({"replicas": 1, "template": {"spec": {"containers": [app]}}});
        set
    };
    let server = ApiServer::start().unwrap();
    server.apply(set(4, "1Gi"));
    let mut story = Story::of(server);
    assert_eq!(story.workload("statefulset shop/web").await.rollout, None);
    story.watching("statefulsets").await;
    story.server.apply(set(5, "256Mi"));
    let rollout = story.workload("statefulset shop/web").await.rollout.unwrap();
    let change = &rollout.changes[0];
    assert_eq!((rollout.previous, rollout.revision), (4, 5));
    assert_eq!(
        (change.before.as_deref(), change.after.as_deref()),
        (Some("1Gi"), Some("256Mi"))
    );
    story.end().await;
}

#[tokio::test]
async fn a_pod_of_a_cron_job_is_told_with_it_when_the_job_comes_late() {
    let uid = uid_of("job", "shop", "nightly-1");
    let server = ApiServer::start().unwrap();
    server.apply(pod("nightly-1-x").owned_by("batch/v1", "Job", "nightly-1", &uid));
    let mut story = Story::of(server);
    assert_eq!(story.pod("nightly-1-x").await.0.unwrap(), owner("Job", "nightly-1"));
    let mut job = object("batch/v1", "Job", "");
    job["metadata"]["name"] = json!("nightly-1");
    job["metadata"]["uid"] = json!(uid);
    job["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "u", "controller": true,
    }]);
    story.server.apply(job);
    assert_eq!(story.pod("nightly-1-x").await.0.unwrap(), owner("CronJob", "nightly"));
    assert_eq!(
        story.workload("job shop/nightly-1").await.owner,
        Some(owner("CronJob", "nightly"))
    );
    story.end().await;
}

#[tokio::test]
async fn an_object_made_anew_while_nobody_watched_is_told_as_it_is_and_not_as_gone() {
    let service = |uid: &str, ip: &str| {
        let mut service = object("v1", "Service", "");
        service["metadata"]["uid"] = json!(uid);
        service["spec"] = json!({"clusterIP": ip});
        service
    };
    let server = ApiServer::start().unwrap();
    server.apply(service("old", "10.96.0.1"));
    let mut story = Story::of(server);
    story.object("service shop/web").await;
    story.watching("services").await;
    story.server.fail("services", Fault::Forbidden, 1);
    story.server.fail("services", Fault::Expired, 1);
    let gap = story.blind("k8s/services").await;
    assert!(gap.fix.contains(r#"resources: ["services"]"#), "{}", gap.fix);
    story.server.delete("services", "shop", "web");
    story.server.apply(service("new", "10.96.0.2"));
    let ObjectState::Service(state) = story.object("service shop/web").await else {
        panic!("no Service")
    };
    assert_eq!(state.addresses[0].to_string(), "10.96.0.2");
    story.watching("services").await;
    let rest = story.end().await;
    assert!(
        !rest
            .iter()
            .any(|event| matches!(event.body, Body::Fact(Fact::ObjectDeleted)))
    );
}

#[tokio::test]
async fn an_agent_of_one_node_asks_for_nothing_that_is_not_about_it() {
    let story = Story::begin(
        server_with(&["web-0"]),
        Config {
            node: Some("n1".to_owned()),
            ..Config::default()
        },
    );
    for plural in ["pods", "nodes", "events", "replicasets", "jobs"] {
        story.watching(plural).await;
    }
    for request in story.server.requests() {
        let resource = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let wanted = ["version", "pods", "nodes", "events", "replicasets", "jobs"];
        assert!(wanted.contains(&&*resource), "asked for {resource}");
    }
    story.end().await;
}

#[tokio::test]
async fn a_call_can_be_followed_from_the_service_to_the_pod_and_what_forbids_it() {
    let server = ApiServer::start().unwrap();
    server.apply(
        ServiceObject::new("shop", "web")
            .selector("app", "web")
            .cluster_ip("10.96.0.9")
            .port("http", 80, 8080),
    );
    let slice = EndpointSliceObject::new("shop", "web-x1", "web").port("http", 8080);
    server.apply(slice.pod("web-0", "n1", "10.1.0.7", false));
    server.apply(NetworkPolicyObject::new("shop", "closed").denies_egress());
    let mut story = Story::of(server);
    let mut told = std::collections::BTreeMap::new();
    while told.len() < 3 {
        let (name, state) = story
            .find(|event| match &event.body {
                Body::Fact(Fact::Object(state)) => Some((event.subject.to_string(), (**state).clone())),
                Body::Fact(Fact::Lost { .. }) => panic!("{event:?}"),
                _ => None,
            })
            .await;
        told.insert(name, state);
    }
    let ObjectState::Service(service) = &told["service shop/web"] else {
        panic!("no Service")
    };
    assert_eq!(
        (service.addresses[0].to_string(), service.ports[0].port),
        ("10.96.0.9".to_owned(), 80)
    );
    let ObjectState::Endpoints(slice) = &told["endpointslice shop/web-x1"] else {
        panic!("no slice")
    };
    let endpoint = &slice.endpoints[0];
    assert_eq!((&*slice.service, endpoint.ready), ("web", false));
    assert_eq!(endpoint.pod.as_deref(), Some(uid_of("pod", "shop", "web-0").as_str()));
    let ObjectState::NetworkPolicy(policy) = &told["networkpolicy shop/closed"] else {
        panic!("no policy")
    };
    assert_eq!(
        (policy.egress.as_deref(), policy.ingress.is_some()),
        (Some(&[][..]), false)
    );
    story.end().await;
}
