//! `v1` Probe: how the kubelet asks a container how it is.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Probe {
    pub(in super::super) http_get: Option<HttpGet>,
    pub(in super::super) tcp_socket: Option<TcpSocket>,
    pub(in super::super) grpc: Option<Grpc>,
    pub(in super::super) exec: Option<Exec>,
    pub(in super::super) initial_delay_seconds: Option<i64>,
    pub(in super::super) period_seconds: Option<i64>,
    pub(in super::super) timeout_seconds: Option<i64>,
    pub(in super::super) failure_threshold: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct HttpGet {
    pub(in super::super) host: Option<String>,
    pub(in super::super) path: Option<String>,
    pub(in super::super) port: Option<IntOrString>,
    pub(in super::super) scheme: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct TcpSocket {
    pub(in super::super) host: Option<String>,
    pub(in super::super) port: Option<IntOrString>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct Grpc {
    pub(in super::super) port: Option<i64>,
    pub(in super::super) service: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Exec {
    pub(in super::super) command: Option<Vec<String>>,
}
