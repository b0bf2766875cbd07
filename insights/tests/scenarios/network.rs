//! A cluster to test names and connections in: a DNS Service with its pod, a shop with a Service, and what a pod sees on the wire.

use std::sync::Arc;
use std::time::Duration;

use correlator::object::{Endpoint, EndpointsState, NetworkPolicyState, ServicePort, ServiceState, TargetPort};
use correlator::{
    Body, DnsAnswer, Event, Fact, NodeState, ObjectRef, ObjectState, Outcome, Peer, Signal, Subject, Timestamp,
    Transport, signals,
};
use fixtures::events::{Pod, count, node_state, pod, pod_state, secs};

/// The address of the DNS Service.
pub(crate) const DNS: [u8; 4] = [10, 96, 0, 10];
/// The address of the Service `shop/cart`, of which `shop/cart-1` is the only pod.
pub(crate) const CART: &str = "10.96.0.7:80";
/// The address of `shop/cart-1`, which listens on 8080.
pub(crate) const CART_POD: [u8; 4] = [10, 244, 0, 9];

/// A pod of the front end, with its own address.
pub(crate) fn front(name: &str, last: u8) -> Pod {
    pod("front", name)
        .owner("Deployment", "web")
        .container("app")
        .ip([10, 244, 1, last])
        .running(secs(1))
}

/// What happened, to be told to the detectors.
pub(crate) struct Network {
    events: Vec<Event>,
}

impl Network {
    /// The DNS Service and the shop, everything ready, on `node-a`.
    pub(crate) fn new() -> Self {
        let mut network = Self { events: Vec::new() };
        network.node("node-a", true);
        network.service("kube-system", "kube-dns", DNS, 53, 53).endpoint(
            "kube-system",
            "kube-dns",
            53,
            "coredns-1",
            true,
        );
        network
            .service("shop", "cart", [10, 96, 0, 7], 80, 8080)
            .endpoint("shop", "cart", 8080, "cart-1", true);
        network.labelled(
            &pod("kube-system", "coredns-1").container("coredns").ip([10, 244, 0, 3]),
            "kube-dns",
        );
        network.labelled(&pod("shop", "cart-1").container("app").ip(CART_POD).port(8080), "cart");
        network
    }

    /// A node that is ready or not.
    pub(crate) fn node(&mut self, name: &str, is_ready: bool) -> &mut Self {
        let ready = correlator::Condition {
            kind: "Ready".into(),
            status: if is_ready { "True" } else { "False" }.into(),
            ..correlator::Condition::default()
        };
        let state = NodeState {
            conditions: vec![ready],
            ..NodeState::default()
        };
        self.push(node_state(secs(1), name, state))
    }

    /// A pod with the label `app`.
    pub(crate) fn labelled(&mut self, pod: &Pod, app: &str) -> &mut Self {
        let mut state = pod.state();
        state.labels = std::sync::Arc::new([("app".into(), app.into())].into());
        self.push(Event {
            body: Body::Fact(Fact::Pod(Box::new(state))),
            ..pod_state(secs(1), pod)
        })
    }

    /// A Service that sends one port to another, of the pods with its name in the label `app`.
    pub(crate) fn service(
        &mut self,
        namespace: &str,
        name: &str,
        address: [u8; 4],
        port: u16,
        target: u16,
    ) -> &mut Self {
        let port = ServicePort {
            name: "".into(),
            protocol: "TCP".into(),
            port,
            target: TargetPort::Number(target),
            node_port: None,
        };
        let state = ServiceState {
            kind: "ClusterIP".into(),
            addresses: vec![address.into()],
            selector: [("app".into(), name.into())].into(),
            ports: vec![port],
            ..ServiceState::default()
        };
        self.object(namespace, "Service", name, ObjectState::Service(state))
    }

    /// The only endpoint of a Service.
    pub(crate) fn endpoint(&mut self, namespace: &str, service: &str, port: u16, pod: &str, ready: bool) -> &mut Self {
        let address = if pod == "cart-1" { CART_POD } else { [10, 244, 0, 3] };
        let endpoint = Endpoint {
            addresses: vec![address.into()],
            ready,
            pod: Some(format!("uid-{pod}").into()),
            ..Endpoint::default()
        };
        let state = EndpointsState {
            service: service.into(),
            ports: vec![("".into(), port)],
            endpoints: vec![endpoint],
        };
        self.object(
            namespace,
            "EndpointSlice",
            &format!("{service}-x"),
            ObjectState::Endpoints(state),
        )
    }

    /// A network policy of a namespace that is about all its pods.
    pub(crate) fn policy(&mut self, namespace: &str, name: &str, policy: NetworkPolicyState) -> &mut Self {
        self.object(namespace, "NetworkPolicy", name, ObjectState::NetworkPolicy(policy))
    }

    fn object(&mut self, namespace: &str, kind: &str, name: &str, state: ObjectState) -> &mut Self {
        let name = ObjectRef {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        self.push(Event {
            at: secs(1),
            subject: Subject::Object(Arc::new(name)),
            signal: signals::KUBE_OBJECT,
            body: Body::Fact(Fact::Object(Box::new(state))),
        })
    }

    /// Anything else.
    pub(crate) fn push(&mut self, event: Event) -> &mut Self {
        self.events.push(event);
        self
    }

    /// One query of the last container of a pod for an address, that ended so after `took` milliseconds; as the `dns` probe
    /// tells it. No code is no answer.
    pub(crate) fn asks(
        &mut self,
        at: Timestamp,
        pod: &Pod,
        server: [u8; 4],
        name: &str,
        rcode: Option<&str>,
        took: u64,
    ) -> &mut Self {
        let resolver = Peer {
            address: server.into(),
            port: 53,
        };
        let outcome = match rcode {
            Some("NOERROR") => Outcome::Ok,
            Some("NXDOMAIN") => Outcome::NameMissing,
            Some("REFUSED") => Outcome::Denied,
            Some(_) => Outcome::ServerFailed,
            None => Outcome::TimedOut,
        };
        let took = Duration::from_millis(took);
        let span = Body::Span {
            took,
            outcome,
            peer: Some(resolver.clone()),
        };
        self.tell(at, pod, "dns.query", span);
        let counted = rcode.map_or("dns.timeouts".to_owned(), |rcode| format!("dns.responses:{rcode}"));
        self.push(count(at, &pod.subject(), Signal::named(counted), 1));
        let answer = DnsAnswer {
            name: name.into(),
            qtype: "A".into(),
            rcode: rcode.map(Into::into),
            took,
            resolver,
            transport: Transport::Udp,
        };
        self.tell(at, pod, "dns.answer", Body::Fact(Fact::Dns(Box::new(answer))))
    }

    /// A search of a pod in `front` with all its domains, that ends with this code.
    pub(crate) fn searches(&mut self, at: Timestamp, pod: &Pod, server: [u8; 4], name: &str, last: &str) -> &mut Self {
        for domain in ["front.svc.cluster.local", "svc.cluster.local", "cluster.local"] {
            self.asks(at, pod, server, &format!("{name}.{domain}"), Some("NXDOMAIN"), 1);
        }
        self.asks(at, pod, server, name, Some(last), 1)
    }

    /// Connects of a pod that ended so after `took` milliseconds.
    pub(crate) fn connects(&mut self, at: Timestamp, pod: &Pod, peer: &str, outcome: Outcome, took: u64) -> &mut Self {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        let peer = Some(Peer {
            address: peer.ip(),
            port: peer.port(),
        });
        let span = Body::Span {
            took: Duration::from_millis(took),
            outcome,
            peer,
        };
        self.tell(at, pod, "tcp.connect", span)
    }

    /// A counter of the last container of a pod.
    pub(crate) fn counts(&mut self, at: Timestamp, pod: &Pod, signal: &'static str, rise: u64) -> &mut Self {
        self.push(count(at, &pod.subject(), Signal::new(signal), rise))
    }

    fn tell(&mut self, at: Timestamp, pod: &Pod, signal: &'static str, body: Body) -> &mut Self {
        self.push(Event {
            at,
            subject: pod.subject(),
            signal: Signal::new(signal),
            body,
        })
    }

    /// All of it, in no order.
    pub(crate) fn story(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
