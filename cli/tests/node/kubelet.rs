//! Tells the API server what happens to the containers of the story, in the words and order of a kubelet.

use correlator::Timestamp;
use fixtures::apiserver::ApiServer;
use fixtures::kube::{ContainerObject, NodeObject, PodObject, ReplicaSetObject, uid_of};

pub(crate) const CART_UID: &str = "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0001";
pub(crate) const WEB_UID: &str = "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0002";
pub(crate) const DB_UID: &str = "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0003";
pub(crate) const CART: &str = "cart-6d5f7c9b8-x2x4k";
pub(crate) const DATABASE: &str = "10.244.1.9";

/// RFC 3339 to the second, as the API server writes times.
fn time(at: Timestamp) -> String {
    format!("{}Z", &at.to_string()[..19])
}

/// The namespace `shop` before the story: a node, a healthy web pod, a database that runs but is not ready.
pub(crate) fn before(api: &ApiServer, web_container: &str, now: Timestamp) {
    api.apply(NodeObject::new("node-a").allocatable_memory("16Gi").ip("192.0.2.10"));
    api.apply(ReplicaSetObject::new("shop", "cart-6d5f7c9b8").owned_by_deployment("cart", 3));
    let database = PodObject::new("shop", "db-0")
        .uid(DB_UID)
        .node("node-b")
        .ips(&[DATABASE]);
    let database = database.container(ContainerObject::new("postgres").port(5432));
    api.apply(database.running("postgres", &"d".repeat(64), &time(now)));
    let web = PodObject::new("shop", "web-0")
        .uid(WEB_UID)
        .node("node-a")
        .ips(&["10.244.1.7"]);
    let web = web.container(ContainerObject::new("web").limit("memory", "64Mi"));
    api.apply(web.running("web", web_container, &time(now)));
}

/// The cart pod as it is created.
pub(crate) fn cart() -> PodObject {
    let pod = PodObject::new("shop", CART)
        .uid(CART_UID)
        .node("node-a")
        .ips(&["10.244.1.8"]);
    let pod = pod.owned_by(
        "apps/v1",
        "ReplicaSet",
        "cart-6d5f7c9b8",
        &uid_of("replicaset", "shop", "cart-6d5f7c9b8"),
    );
    pod.container(ContainerObject::new("app").limit("memory", "64Mi").port(8080))
}

/// Its container started.
pub(crate) fn started(pod: PodObject, id: &str, at: Timestamp) -> PodObject {
    pod.running("app", id, &time(at))
}

/// Its container ended.
pub(crate) fn ended(pod: PodObject, code: i32, reason: &str, from: Timestamp, to: Timestamp) -> PodObject {
    pod.terminated("app", code, reason, [&time(from), &time(to)])
}
