//! Why a liveness or startup probe failed: the kubelet's words held against the pod spec and what the kernel saw.

mod remedy;
mod seen;

use std::time::Duration;

use correlator::object::TargetPort;
use correlator::{ContainerState, ContainerView, ProbeKind, ProbeSpec, Source, Timestamp, Window};

use crate::ends::End;
use crate::messages::probe::{self, Why};
use crate::phrase::{duration, escape};

pub(crate) use remedy::remedies;

/// The most that is shown of the kubelet's words, characters.
const SHOWN: usize = 160;

/// What was found of a probe that failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// By the kubelet's words; `None` when they were not heard.
    pub(crate) why: Option<Why<'static>>,
    /// A few words.
    pub(crate) headline: String,
    /// A sentence.
    pub(crate) cause: String,
    /// What else was seen.
    pub(crate) evidence: Vec<(Timestamp, Source, String)>,
    /// Others kept it from a CPU.
    pub(crate) is_starved: bool,
    /// It had too little of CPU or memory at that time.
    pub(crate) is_slow: bool,
    /// It never answered the probe: perhaps it was still starting.
    pub(crate) is_starting: bool,
    /// The only port that the container names, when the probe asks another.
    pub(crate) other_port: Option<u16>,
}

/// The word for a kind of probe.
pub(crate) const fn label(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Liveness => "liveness",
        ProbeKind::Readiness => "readiness",
        ProbeKind::Startup => "startup",
    }
}

/// Why the probe failed with which this end came about.
pub(crate) fn explain(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    spec: Option<&ProbeSpec>,
    said: Option<(Timestamp, &str)>,
    end: &End<'_>,
) -> Finding {
    let failure = said.and_then(|(_, message)| probe::classify(message));
    let port = spec.and_then(|spec| port_of(container.state?, spec.port.as_ref()?));
    let slow = seen::slowness(container, end.at);
    let refused = port.and_then(|port| seen::refused(window, port, end.at));
    let mut evidence: Vec<_> = slow
        .iter()
        .map(|(says, _)| (end.at, Source::Cgroup, says.clone()))
        .collect();
    evidence.extend(refused);
    let (headline, sentence) = words(failure.as_ref().map(|failure| failure.why), port);
    let other_port = container
        .state
        .zip(port)
        .and_then(|(state, port)| other_port(state, port));
    let is_starting = other_port.is_none() && never_answered(spec, said, end);
    let is_slow = !slow.is_empty() && failure.as_ref().is_none_or(|failure| failure.why == Why::TimedOut);
    let mut cause = sentence;
    if let Some(other) = other_port.filter(|_| failure.as_ref().is_some_and(|failure| failure.why == Why::Refused)) {
        cause = format!("{cause}; the container names port {other} and no other, so the probe asks the wrong one");
    }
    if is_slow {
        let slow: Vec<&str> = slow.iter().map(|(says, _)| says.as_str()).collect();
        cause = format!("{cause}; at that time {}", slow.join(" and "));
    }
    if is_starting {
        let allowed = spec.map(|spec| duration(allowed(spec))).unwrap_or_default();
        let has_startup = container
            .state
            .is_some_and(|state| state.probes.contains_key(&ProbeKind::Startup));
        let without = if has_startup {
            ""
        } else {
            ", and there is no startup probe"
        };
        cause = format!(
            "{cause}; this run never answered the probe, which allows {allowed}: its start may take longer than that{without}"
        );
    }
    Finding {
        why: failure.map(|failure| without_text(failure.why)),
        headline,
        cause,
        evidence,
        is_starved: slow.iter().any(|(_, starved)| *starved),
        is_slow,
        is_starting,
        other_port,
    }
}

/// The kind of failure without the words of the probe's command.
fn without_text(why: Why<'_>) -> Why<'static> {
    match why {
        Why::Command(_) => Why::Command(""),
        Why::Status(code) => Why::Status(code),
        Why::Refused => Why::Refused,
        Why::TimedOut => Why::TimedOut,
        Why::Unreachable => Why::Unreachable,
        Why::Broken => Why::Broken,
        Why::WrongScheme => Why::WrongScheme,
        Why::NotServing => Why::NotServing,
        Why::NoHealthService => Why::NoHealthService,
        Why::CommandMissing => Why::CommandMissing,
    }
}

fn words(why: Option<Why<'_>>, port: Option<u16>) -> (String, String) {
    let port = port.map_or_else(|| "its port".to_owned(), |port| format!("port {port}"));
    let (headline, cause) = match why {
        None => (
            "the kubelet says no more".to_owned(),
            "the kubelet killed it for its probe and says no more".to_owned(),
        ),
        Some(Why::Status(code)) => (
            format!("it answers {code}"),
            format!("the application itself answers the probe with HTTP status {code}"),
        ),
        Some(Why::Refused) => (
            format!("nothing listens on {port}"),
            format!("connects to {port} are refused: nothing listens there"),
        ),
        Some(Why::TimedOut) => (
            "it does not answer in time".to_owned(),
            "the application does not answer in time".to_owned(),
        ),
        Some(Why::Unreachable) => (
            "the pod is not reached".to_owned(),
            "the node finds no way to the pod's address: its network is not set up or gone".to_owned(),
        ),
        Some(Why::Broken) => (
            "it breaks connections off".to_owned(),
            format!("something listens on {port} and breaks the connection off before it answers"),
        ),
        Some(Why::WrongScheme) => (
            "HTTP and HTTPS do not match".to_owned(),
            format!("the probe speaks HTTPS and {port} HTTP, or the reverse"),
        ),
        Some(Why::NotServing) => (
            "it says that it does not serve".to_owned(),
            "its gRPC health service says that it does not serve".to_owned(),
        ),
        Some(Why::NoHealthService) => (
            "it has no such gRPC health service".to_owned(),
            format!("the gRPC server on {port} has no health service of that name"),
        ),
        Some(Why::CommandMissing) => (
            "the probe's command is not in the image".to_owned(),
            "the command of the probe is not in the image".to_owned(),
        ),
        Some(Why::Command("")) => (
            "the probe's command fails".to_owned(),
            "the command of the probe fails and says nothing".to_owned(),
        ),
        Some(Why::Command(said)) => (
            "the probe's command fails".to_owned(),
            format!("the probe says: {}", escape(said, SHOWN)),
        ),
    };
    (headline, cause)
}

/// The number of the port that a probe asks, when the container gives it.
fn port_of(state: &ContainerState, port: &TargetPort) -> Option<u16> {
    match port {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => state.port_names.get(name).copied(),
    }
}

/// The one port that the container names, when it is another.
fn other_port(state: &ContainerState, port: u16) -> Option<u16> {
    match state.ports[..] {
        [only] if only != port => Some(only),
        _ => None,
    }
}

/// The last failure came so soon after the start that all probes of this run failed.
fn never_answered(spec: Option<&ProbeSpec>, said: Option<(Timestamp, &str)>, end: &End<'_>) -> bool {
    let (Some(spec), Some((failed, _)), Some(lived)) = (spec, said, end.lived) else {
        return false;
    };
    let period = Duration::from_secs(spec.period.into());
    failed.since(end.at.minus(lived)) <= allowed(spec) + period
}

/// How long after its start a container is killed at the soonest.
fn allowed(spec: &ProbeSpec) -> Duration {
    Duration::from_secs(u64::from(spec.delay) + u64::from(spec.period) * u64::from(spec.failures))
}
