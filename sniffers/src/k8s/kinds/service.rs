//! `v1` Service.

use std::collections::BTreeMap;
use std::net::IpAddr;

use correlator::ObjectState;
use correlator::object::{ServicePort, ServiceState, TargetPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::probe::target;
use super::super::prune::Pruner;
use super::super::wire::{resource, slim};
use super::Kind;

/// Addresses of a Service; dual stack has two.
const ADDRESSES: usize = 8;
const PORTS: usize = 256;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Service {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
}

resource!(Service, "", "Service", "services", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
    selector: Option<BTreeMap<String, String>>,
    ports: Option<Vec<PortSpec>>,
    external_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortSpec {
    name: Option<String>,
    protocol: Option<String>,
    port: i64,
    target_port: Option<IntOrString>,
    node_port: Option<i64>,
}

impl Kind for Service {
    const WATCHED: Watched = Watched {
        group: "",
        plural: "services",
        what: "addresses and ports of Services",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let nothing = Spec::default();
        let spec = self.spec.as_ref().unwrap_or(&nothing);
        let ports = pruner.first(spec.ports.as_deref(), PORTS);
        ObjectState::Service(ServiceState {
            kind: pruner.name(spec.kind.as_deref().or(Some("ClusterIP"))),
            addresses: addresses(spec),
            selector: pruner.labels(spec.selector.as_ref()),
            ports: ports.iter().filter_map(|entry| port(entry, pruner)).collect(),
            external_name: pruner.named(spec.external_name.as_deref()),
        })
    }
}

/// `None`, which a headless Service has for an address, is no address.
fn addresses(spec: &Spec) -> Vec<IpAddr> {
    let listed = spec.cluster_ips.as_deref().unwrap_or_default();
    let all = listed
        .iter()
        .chain(spec.cluster_ip.iter().filter(|_| listed.is_empty()));
    all.take(ADDRESSES).filter_map(|ip| ip.parse().ok()).collect()
}

/// A port leads to the port of the same number unless it says otherwise.
fn port(entry: &PortSpec, pruner: &mut Pruner) -> Option<ServicePort> {
    let number = u16::try_from(entry.port).ok()?;
    Some(ServicePort {
        name: pruner.name(entry.name.as_deref()),
        protocol: pruner.name(entry.protocol.as_deref().or(Some("TCP"))),
        port: number,
        target: target(entry.target_port.as_ref()).unwrap_or(TargetPort::Number(number)),
        node_port: entry
            .node_port
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0),
    })
}
