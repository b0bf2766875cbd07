//! A connect to a Service is refused: which step from its address to a listening process is missing.

use std::sync::Arc;

use correlator::object::{Endpoint, EndpointsState, ServicePort, ServiceState, TargetPort};
use correlator::{Body, Event, Fact, ObjectRef, ObjectState, PodState, Subject, Timestamp, signals};
use fixtures::events::{Pod, pod, pod_deleted, pod_state, refused, secs};

use crate::stage::{only, said};

const CART: &str = "10.96.0.7:80";

fn cart_pod() -> Pod {
    pod("shop", "cart-1")
        .container("app")
        .id("c9")
        .ip([10, 0, 0, 9])
        .running(secs(1))
}

/// The pod as its Service finds it: labelled, with a port.
fn labelled(pod: &Pod, port: u16) -> Event {
    let mut state: PodState = pod.state();
    state.labels = Arc::new([("app".into(), "cart".into())].into());
    for container in &mut state.containers {
        container.ports = vec![port];
    }
    Event {
        body: Body::Fact(Fact::Pod(Box::new(state))),
        ..pod_state(secs(1), pod)
    }
}

fn object(at: Timestamp, kind: &str, name: &str, state: ObjectState) -> Event {
    let name = ObjectRef {
        kind: kind.into(),
        namespace: "shop".into(),
        name: name.into(),
    };
    Event {
        at,
        subject: Subject::Object(Arc::new(name)),
        signal: signals::KUBE_OBJECT,
        body: Body::Fact(Fact::Object(Box::new(state))),
    }
}

fn service(port: u16, target: TargetPort) -> Event {
    let port = ServicePort {
        name: "".into(),
        protocol: "TCP".into(),
        port,
        target,
        node_port: None,
    };
    let state = ServiceState {
        kind: "ClusterIP".into(),
        addresses: vec![[10, 96, 0, 7].into()],
        selector: [("app".into(), "cart".into())].into(),
        ports: vec![port],
        ..ServiceState::default()
    };
    object(secs(1), "Service", "cart", ObjectState::Service(state))
}

fn slice(port: Option<u16>, ready: bool) -> Event {
    let endpoint = Endpoint {
        addresses: vec![[10, 0, 0, 9].into()],
        ready,
        pod: Some("uid-cart-1".into()),
        ..Endpoint::default()
    };
    let state = EndpointsState {
        service: "cart".into(),
        ports: port.map(|port| ("".into(), port)).into_iter().collect(),
        endpoints: vec![endpoint],
    };
    object(secs(1), "EndpointSlice", "cart-x", ObjectState::Endpoints(state))
}

/// What is said when the shop's front end is refused three times by the Service.
fn told(mut state: Vec<Event>) -> (String, String) {
    let front = pod("shop", "front-1").container("app").id("f1").running(secs(1));
    state.push(pod_state(secs(1), &front));
    state.extend((10..13).map(|second| refused(secs(second), &front.subject(), CART)));
    let said = said(state);
    let insight = only(&said, "connect-refused");
    let commands = insight.remedies.iter().flat_map(|remedy| &remedy.commands);
    (insight.cause.clone(), commands.cloned().collect::<Vec<_>>().join("\n"))
}

#[test]
fn no_pod_has_the_labels_that_the_service_selects() {
    let (cause, commands) = told(vec![service(80, TargetPort::Number(8080))]);
    assert_eq!(cause, "the selector of service shop/cart (app=cart) matches no pod");
    assert_eq!(
        commands,
        "kubectl describe service/cart -n shop\n\
         kubectl get endpointslices -n shop --selector=kubernetes.io/service-name=cart"
    );
}

#[test]
fn the_pods_behind_it_are_not_ready() {
    let pods = labelled(&cart_pod().not_ready(), 8080);
    let (cause, _) = told(vec![
        service(80, TargetPort::Number(8080)),
        slice(Some(8080), false),
        pods,
    ]);
    assert_eq!(
        cause,
        "service shop/cart has no ready endpoint: 1 pod behind it, none ready (shop/cart-1: app is running, not ready)"
    );
}

#[test]
fn it_sends_to_a_port_that_the_container_does_not_name() {
    let pods = labelled(&cart_pod(), 9090);
    let (cause, _) = told(vec![
        service(80, TargetPort::Number(8080)),
        slice(Some(8080), true),
        pods,
    ]);
    assert_eq!(
        cause,
        "service shop/cart sends port 80 to port 8080, but the containers of shop/cart-1 name port 9090"
    );
}

#[test]
fn it_sends_to_a_port_by_a_name_that_no_container_gives() {
    let pods = labelled(&cart_pod(), 9090);
    let (cause, _) = told(vec![
        service(80, TargetPort::Name("http".into())),
        slice(None, true),
        pods,
    ]);
    assert_eq!(
        cause,
        "service shop/cart sends port 80 to the target port \"http\", which no container of its pods names"
    );
}

#[test]
fn the_client_uses_a_port_that_the_service_does_not_have() {
    let (cause, _) = told(vec![service(8080, TargetPort::Number(8080))]);
    assert_eq!(cause, "service shop/cart has no port 80; its ports are 8080");
}

#[test]
fn everything_is_ready_and_nobody_listens() {
    let pods = labelled(&cart_pod(), 8080);
    let (cause, _) = told(vec![
        service(80, TargetPort::Number(8080)),
        slice(Some(8080), true),
        pods,
    ]);
    assert_eq!(
        cause,
        "service shop/cart has 1 endpoint that is ready, and nothing listens on port 8080 there (shop/cart-1)"
    );
}

#[test]
fn an_address_is_the_pods_that_had_it_at_the_time() {
    let (old, front) = (
        cart_pod(),
        pod("shop", "front-1").container("app").id("f1").running(secs(1)),
    );
    let new = pod("shop", "new-1")
        .container("app")
        .id("n1")
        .ip([10, 0, 0, 9])
        .running(secs(20));
    let mut story = vec![pod_state(secs(1), &old), pod_state(secs(1), &front)];
    story.extend((10..13).map(|second| refused(secs(second), &front.subject(), "10.0.0.9:80")));
    story.extend([pod_deleted(secs(14), &old), pod_state(secs(15), &new)]);
    let said = said(story);
    let insight = only(&said, "connect-refused");
    assert!(
        insight.title.ends_with("is refused by shop/cart-1 (10.0.0.9:80)"),
        "{}",
        insight.title
    );
}
