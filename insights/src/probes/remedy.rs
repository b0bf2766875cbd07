//! What to change about a probe that kills its container.

use std::time::Duration;

use correlator::{ContainerView, PodIdentity, ProbeKind, ProbeSpec, Remedy, Risk};
use serde_json::{Value, json};

use super::Finding;
use crate::ends::End;
use crate::kubectl::{self, PatchType, Target};
use crate::messages::probe::Why;
use crate::phrase::duration;

/// A startup probe allows this many times what the run had before it was killed.
const ROOM: u32 = 3;
/// A timeout is raised to this many times what it is.
const LONGER: u32 = 3;

/// The changes that the finding supports.
pub(crate) fn remedies(
    container: &ContainerView<'_>,
    kind: ProbeKind,
    spec: Option<&ProbeSpec>,
    finding: &Finding,
    end: &End<'_>,
) -> Vec<Remedy> {
    let (pod, Some(spec)) = (&*container.identity, spec) else {
        return Vec::new();
    };
    let port = finding.other_port.filter(|_| finding.why == Some(Why::Refused));
    let changes = [
        port.and_then(|port| other_port(pod, kind, spec, port)),
        end.lived
            .filter(|_| finding.is_starting)
            .and_then(|lived| more_time(pod, kind, spec, lived)),
        (finding.why == Some(Why::TimedOut) && !finding.is_starting)
            .then(|| longer(pod, kind, spec, finding))
            .flatten(),
    ];
    changes.into_iter().flatten().collect()
}

fn other_port(pod: &PodIdentity, kind: ProbeKind, spec: &ProbeSpec, port: u16) -> Option<Remedy> {
    let handler = handler(spec)?;
    let before = match spec.port.as_ref()? {
        correlator::object::TargetPort::Number(number) => json!(number),
        correlator::object::TargetPort::Name(name) => json!(&**name),
    };
    let patch = |port: &Value| patch(pod, key(kind), &json!({ handler: { "port": port } }));
    Some(Remedy {
        title: format!("Let the {} probe ask port {port}", super::label(kind)),
        why: format!(
            "it is the only port that the container names; the probe asks {}",
            spec.action
        ),
        risk: Risk::Low,
        impact: "new pods replace the old ones one by one".to_owned(),
        needs: Some(format!("the application serves the probe on port {port}")),
        commands: vec![patch(&json!(port))?],
        undo: patch(&before),
        verify: "the new pods become ready and are not killed".to_owned(),
    })
}

/// `httpGet`, `tcpSocket` or `grpc`, by what the probe does.
fn handler(spec: &ProbeSpec) -> Option<&'static str> {
    match spec.action.split(' ').next()? {
        "http" | "https" => Some("httpGet"),
        "tcp" => Some("tcpSocket"),
        "grpc" => Some("grpc"),
        _ => None,
    }
}

/// A startup probe allows a slow start and leaves the liveness probe as strict as it is. An existing one is given more tries.
fn more_time(pod: &PodIdentity, kind: ProbeKind, spec: &ProbeSpec, lived: Duration) -> Option<Remedy> {
    let period = spec.period.max(1);
    let wanted = (lived * ROOM).as_secs().div_ceil(u64::from(period));
    let (title, body, before) = if kind == ProbeKind::Startup {
        (
            format!("Give the startup probe {wanted} tries"),
            json!({ "failureThreshold": wanted }),
            json!({ "failureThreshold": spec.failures }),
        )
    } else {
        let probe = startup(spec)?;
        let probe = json!({ probe.0: probe.1, "periodSeconds": period, "failureThreshold": wanted });
        (
            format!("Add a startup probe that allows {}", duration(lived * ROOM)),
            probe,
            Value::Null,
        )
    };
    let command = patch(pod, key(ProbeKind::Startup), &body)?;
    Some(Remedy {
        title,
        why: format!(
            "the run was killed {} after its start without ever having answered; three times that leaves room, and the \
             liveness probe begins only when the startup probe has succeeded",
            duration(lived)
        ),
        risk: Risk::Low,
        impact: "new pods replace the old ones one by one; one that hangs at its start is noticed later".to_owned(),
        needs: Some("the application does answer in the end: its log says when it is up".to_owned()),
        commands: vec![command],
        undo: patch(pod, key(ProbeKind::Startup), &before),
        verify: "the new pods become ready and are not killed".to_owned(),
    })
}

/// The handler of a startup probe that asks the same as this probe.
fn startup(spec: &ProbeSpec) -> Option<(&'static str, Value)> {
    let handler = handler(spec)?;
    let port = match spec.port.as_ref()? {
        correlator::object::TargetPort::Number(number) => json!(number),
        correlator::object::TargetPort::Name(name) => json!(&**name),
    };
    let words: Vec<&str> = spec.action.split(' ').collect();
    match (handler, &words[..]) {
        ("httpGet", [scheme, "GET", place]) if place.starts_with(':') => {
            let path = place.find('/').map_or("/", |at| &place[at..]);
            Some((
                handler,
                json!({ "path": path, "port": port, "scheme": scheme.to_uppercase() }),
            ))
        }
        ("tcpSocket" | "grpc", [_, place]) if place.starts_with(':') => Some((handler, json!({ "port": port }))),
        _ => None,
    }
}

fn longer(pod: &PodIdentity, kind: ProbeKind, spec: &ProbeSpec, finding: &Finding) -> Option<Remedy> {
    let wanted = spec.timeout.max(1) * LONGER;
    let patch = |timeout: u32| patch(pod, key(kind), &json!({ "timeoutSeconds": timeout }));
    let first = if finding.is_slow {
        "the CPU or memory it lacks is a better cure; until then, "
    } else {
        ""
    };
    Some(Remedy {
        title: format!("Let the {} probe wait {wanted} s", super::label(kind)),
        why: format!(
            "{first}a late answer is better than a restart: today it has {} s",
            spec.timeout
        ),
        risk: Risk::Low,
        impact: "new pods replace the old ones one by one; one that hangs is noticed later".to_owned(),
        needs: Some(format!("the application answers within {wanted} s under load")),
        commands: vec![patch(wanted)?],
        undo: patch(spec.timeout),
        verify: "no more Unhealthy Events, and the container is not restarted".to_owned(),
    })
}

fn key(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Liveness => "livenessProbe",
        ProbeKind::Readiness => "readinessProbe",
        ProbeKind::Startup => "startupProbe",
    }
}

/// A patch of one probe in the template of the pod's owner. `None` for owners whose template cannot be changed so.
fn patch(pod: &PodIdentity, key: &str, probe: &Value) -> Option<String> {
    let owner = pod.owner.as_ref()?;
    let container = pod.container.as_deref().filter(|name| kubectl::is_label(name))?;
    let rolled_out = matches!(&*owner.kind, "Deployment" | "StatefulSet" | "DaemonSet");
    let target = Target::owner(pod).filter(|_| rolled_out)?;
    let changed = json!({ "name": container, key: probe });
    let body = json!({ "spec": { "template": { "spec": { "containers": [changed] } } } });
    Some(kubectl::patch(&target, PatchType::Strategic, &body).to_string())
}
