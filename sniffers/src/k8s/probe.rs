//! From a probe of a pod's spec to what is kept of it, with the defaults of the API where the spec is silent (`v1` Probe).

use correlator::ProbeSpec;
use correlator::object::TargetPort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::fmt::Write as _;

use super::text::{NAME, bounded};
use super::wire;

const ACTION: usize = 256;

/// `None` for a probe that does nothing tapio knows.
pub(super) fn probe_spec(probe: &wire::Probe) -> Option<ProbeSpec> {
    let (action, port) = action(probe)?;
    let or = |given: Option<i64>, usual| given.and_then(|given| u32::try_from(given).ok()).unwrap_or(usual);
    Some(ProbeSpec {
        action: bounded(&action, ACTION),
        port,
        delay: or(probe.initial_delay_seconds, 0),
        period: or(probe.period_seconds, 10),
        timeout: or(probe.timeout_seconds, 1),
        failures: or(probe.failure_threshold, 3),
    })
}

fn action(probe: &wire::Probe) -> Option<(String, Option<TargetPort>)> {
    if let Some(http) = &probe.http_get {
        let port = target(http.port.as_ref());
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let path = http.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
        let at = at(http.host.as_deref(), port.as_ref());
        return Some((format!("{scheme} GET {at}{path}"), port));
    }
    if let Some(tcp) = &probe.tcp_socket {
        let port = target(tcp.port.as_ref());
        return Some((format!("tcp {}", at(tcp.host.as_deref(), port.as_ref())), port));
    }
    if let Some(grpc) = &probe.grpc {
        let port = grpc
            .port
            .and_then(|port| u16::try_from(port).ok())
            .map(TargetPort::Number);
        let service = grpc.service.as_deref().filter(|service| !service.is_empty());
        let service = service.map_or_else(String::new, |service| format!(" {service}"));
        return Some((format!("grpc {}{service}", at(None, port.as_ref())), port));
    }
    let command = probe.exec.as_ref()?.command.as_deref().unwrap_or_default();
    Some((format!("exec {}", command.join(" ")), None))
}

/// `:8080`, `:web`, `127.0.0.1:8080`.
fn at(host: Option<&str>, port: Option<&TargetPort>) -> String {
    let mut at = host.unwrap_or_default().to_owned();
    // Writing to a string cannot fail.
    let _ = match port {
        Some(TargetPort::Number(number)) => write!(at, ":{number}"),
        Some(TargetPort::Name(name)) => write!(at, ":{name}"),
        None => Ok(()),
    };
    at
}

/// A port by number or name; a number that is no port is none.
pub(super) fn target(port: Option<&IntOrString>) -> Option<TargetPort> {
    match port? {
        IntOrString::Int(number) => u16::try_from(*number).ok().map(TargetPort::Number),
        IntOrString::String(name) if name.is_empty() => None,
        IntOrString::String(name) => Some(TargetPort::Name(bounded(name, NAME))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(probe: serde_json::Value) -> ProbeSpec {
        probe_spec(&serde_json::from_value(probe).unwrap()).unwrap()
    }

    #[test]
    fn what_the_spec_leaves_out_is_what_the_api_does() {
        let probe = read(json!({"httpGet": {"port": 8080}}));
        assert_eq!(&*probe.action, "http GET :8080/");
        assert_eq!(
            (probe.delay, probe.period, probe.timeout, probe.failures),
            (0, 10, 1, 3)
        );
        assert_eq!(probe.port, Some(TargetPort::Number(8080)));
    }

    #[test]
    fn every_kind_of_action_is_said_in_one_line() {
        let actions = [
            (
                json!({"httpGet": {"port": "web", "path": "/healthz", "scheme": "HTTPS", "host": "127.0.0.1"}}),
                "https GET 127.0.0.1:web/healthz",
            ),
            (json!({"tcpSocket": {"port": 5432}}), "tcp :5432"),
            (json!({"grpc": {"port": 9090, "service": "live"}}), "grpc :9090 live"),
            (json!({"exec": {"command": ["cat", "/tmp/ok"]}}), "exec cat /tmp/ok"),
        ];
        for (probe, action) in actions {
            assert_eq!(&*read(probe).action, action);
        }
    }

    #[test]
    fn a_probe_that_does_nothing_known_is_none() {
        assert_eq!(probe_spec(&wire::Probe::default()), None);
    }
}
