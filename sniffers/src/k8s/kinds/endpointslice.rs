//! `discovery.k8s.io/v1` `EndpointSlice`.

use correlator::ObjectState;
use correlator::object::{Endpoint, EndpointsState};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::text::{NAME, bounded};
use super::super::wire::{resource, slim};
use super::Kind;

/// The label that names the Service.
const SERVICE: &str = "kubernetes.io/service-name";
/// What the API server takes at most.
const ENDPOINTS: usize = 1000;
const ADDRESSES: usize = 100;
const PORTS: usize = 100;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct EndpointSlice {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    ports: Option<Vec<Port>>,
    endpoints: Option<Vec<Entry>>,
}

resource!(
    EndpointSlice,
    "discovery.k8s.io",
    "EndpointSlice",
    "endpointslices",
    NamespaceResourceScope
);

#[derive(Debug, Clone, Default, Deserialize)]
struct Port {
    name: Option<String>,
    port: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    addresses: Option<Vec<String>>,
    conditions: Option<Conditions>,
    target_ref: Option<Target>,
    node_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Target {
    kind: Option<String>,
    uid: Option<String>,
}

impl Kind for EndpointSlice {
    const WATCHED: Watched = Watched {
        group: "discovery.k8s.io",
        plural: "endpointslices",
        what: "the pods behind Services",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let service = self.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE));
        let ports = pruner.first(self.ports.as_deref(), PORTS);
        let entries = pruner.first(self.endpoints.as_deref(), ENDPOINTS);
        ObjectState::Endpoints(EndpointsState {
            service: pruner.name(service.map(String::as_str)),
            ports: ports
                .iter()
                .filter_map(|port| Some((pruner.name(port.name.as_deref()), u16::try_from(port.port?).ok()?)))
                .collect(),
            endpoints: entries.iter().map(|entry| endpoint(entry, pruner)).collect(),
        })
    }
}

/// What is not said of an endpoint: it is ready, serves when it is ready, and does not end.
fn endpoint(entry: &Entry, pruner: &mut Pruner) -> Endpoint {
    let said = entry.conditions.clone().unwrap_or_default();
    let ready = said.ready.unwrap_or(true);
    let addresses = pruner.first(entry.addresses.as_deref(), ADDRESSES);
    let target = entry.target_ref.as_ref();
    let pod = target.filter(|target| target.kind.as_deref() == Some("Pod"));
    Endpoint {
        addresses: addresses.iter().filter_map(|ip| ip.parse().ok()).collect(),
        ready,
        serving: said.serving.unwrap_or(ready),
        terminating: said.terminating.unwrap_or(false),
        pod: pod.and_then(|pod| Some(bounded(pod.uid.as_deref()?, NAME))),
        node: pruner.named(entry.node_name.as_deref()),
    }
}
