//! Why a probe failed: the kubelet's `Unhealthy` Events.
//!
//! Form: `Readiness probe failed: <what the prober says>`; `errored` in place of `failed` when it could not be asked.
//! Sources: `kubernetes/pkg/kubelet/prober`, `pkg/probe/{http,tcp,grpc,exec}`.

use correlator::ProbeKind;

use super::text::{between, first_form, word_after};

/// A probe that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProbeFailure<'a> {
    pub(crate) kind: ProbeKind,
    pub(crate) why: Why<'a>,
    /// The address that was asked, `10.0.0.9:8080`, where it is named.
    pub(crate) address: Option<&'a str>,
}

/// Why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// HTTP answered with this status.
    Status(u16),
    /// Nothing listens there.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The pod's address is not reached.
    Unreachable,
    /// The connection was broken off.
    Broken,
    /// HTTP was asked and HTTPS is spoken, or the reverse.
    WrongScheme,
    /// gRPC answered that it does not serve.
    NotServing,
    /// gRPC has no health service, or no service of that name.
    NoHealthService,
    /// The command of the probe is not in the image.
    CommandMissing,
    /// The command failed and said this, perhaps nothing.
    Command(&'a str),
}

/// In order: what is more particular comes before what it contains.
const FORMS: &[(&[&str], Why<'static>)] = &[
    (&["executable file not found in $path"], Why::CommandMissing),
    (&["exec: \"", "no such file or directory"], Why::CommandMissing),
    (&["does not implement the grpc health protocol"], Why::NoHealthService),
    (&["unknown service"], Why::NoHealthService),
    (&["service unhealthy (responded with"], Why::NotServing),
    (&["connection refused"], Why::Refused),
    (&["no route to host"], Why::Unreachable),
    (&["network is unreachable"], Why::Unreachable),
    (&["http response to https client"], Why::WrongScheme),
    (&["malformed http response"], Why::WrongScheme),
    (&["client.timeout exceeded"], Why::TimedOut),
    (&["deadline exceeded"], Why::TimedOut),
    (&["i/o timeout"], Why::TimedOut),
    (&["timed out"], Why::TimedOut),
    (&["timeout: failed to connect service"], Why::TimedOut),
    (&["connection reset by peer"], Why::Broken),
    (&["\": eof"], Why::Broken),
];

/// What an `Unhealthy` message says; `None` when it is about no probe.
pub(crate) fn classify(message: &str) -> Option<ProbeFailure<'_>> {
    let kinds = [
        ("Liveness", ProbeKind::Liveness),
        ("Readiness", ProbeKind::Readiness),
        ("Startup", ProbeKind::Startup),
    ];
    let (kind, rest) = kinds
        .iter()
        .find_map(|(word, kind)| Some((*kind, message.strip_prefix(word)?)))?;
    let (_, said) = rest.strip_prefix(" probe ")?.split_once(':')?;
    let said = said.trim();
    Some(ProbeFailure {
        kind,
        why: why(said),
        address: address(said),
    })
}

fn why(said: &str) -> Why<'_> {
    if let Some(code) = said.strip_prefix("HTTP probe failed with statuscode: ") {
        let digits = code.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        return digits.parse().map_or(Why::Command(said), Why::Status);
    }
    first_form(said, FORMS).unwrap_or(Why::Command(said))
}

fn address(said: &str) -> Option<&str> {
    let dialled = word_after(said, "dial tcp ", &[' ']).map(|address| address.trim_end_matches(':'));
    let url = || {
        let (_, rest) = said.split_once("://")?;
        rest.split(['/', '"', ' ']).next()
    };
    dialled
        .or_else(url)
        .or_else(|| between(said, "connect service \"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(message: &str, kind: ProbeKind, why: Why<'_>, address: Option<&str>) {
        assert_eq!(
            classify(message),
            Some(ProbeFailure { kind, why, address }),
            "{message}"
        );
    }

    #[test]
    fn http() {
        let status = "Liveness probe failed: HTTP probe failed with statuscode: 503";
        is(status, ProbeKind::Liveness, Why::Status(503), None);
        let refused = "Readiness probe failed: Get \"http://10.0.0.9:8080/healthz\": dial tcp 10.0.0.9:8080: connect: connection refused";
        is(refused, ProbeKind::Readiness, Why::Refused, Some("10.0.0.9:8080"));
        for slow in [
            "Readiness probe failed: Get \"http://10.0.0.9:8080/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            "Readiness probe failed: Get \"http://10.0.0.9:8080/\": net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
        ] {
            is(slow, ProbeKind::Readiness, Why::TimedOut, Some("10.0.0.9:8080"));
        }
        let scheme =
            "Startup probe failed: Get \"https://10.0.0.9:8080/\": http: server gave HTTP response to HTTPS client";
        is(scheme, ProbeKind::Startup, Why::WrongScheme, Some("10.0.0.9:8080"));
        let eof = "Readiness probe failed: Get \"http://10.0.0.9:8080/\": EOF";
        is(eof, ProbeKind::Readiness, Why::Broken, Some("10.0.0.9:8080"));
    }

    #[test]
    fn tcp() {
        is(
            "Readiness probe failed: dial tcp 10.0.0.9:5432: connect: connection refused",
            ProbeKind::Readiness,
            Why::Refused,
            Some("10.0.0.9:5432"),
        );
        is(
            "Liveness probe failed: dial tcp 10.0.0.9:5432: i/o timeout",
            ProbeKind::Liveness,
            Why::TimedOut,
            Some("10.0.0.9:5432"),
        );
        is(
            "Readiness probe failed: dial tcp [fd00::9]:80: connect: no route to host",
            ProbeKind::Readiness,
            Why::Unreachable,
            Some("[fd00::9]:80"),
        );
    }

    #[test]
    fn grpc() {
        is(
            "Startup probe failed: timeout: failed to connect service \"10.0.0.9:9090\" within 1s: context deadline exceeded",
            ProbeKind::Startup,
            Why::TimedOut,
            Some("10.0.0.9:9090"),
        );
        is(
            "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")",
            ProbeKind::Readiness,
            Why::NotServing,
            None,
        );
        is(
            "Readiness probe failed: error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health",
            ProbeKind::Readiness,
            Why::NoHealthService,
            None,
        );
    }

    #[test]
    fn commands() {
        is(
            "Readiness probe failed: cat: /tmp/ready: No such file or directory\n",
            ProbeKind::Readiness,
            Why::Command("cat: /tmp/ready: No such file or directory"),
            None,
        );
        is("Readiness probe failed: ", ProbeKind::Readiness, Why::Command(""), None);
        is(
            "Liveness probe failed: command \"sleep 10\" timed out",
            ProbeKind::Liveness,
            Why::TimedOut,
            None,
        );
        for missing in [
            "Readiness probe errored: rpc error: code = Unknown desc = failed to exec in container: failed to start exec \"0a\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"curl\": executable file not found in $PATH: unknown",
            "Readiness probe errored and resulted in unknown state: rpc error: code = NotFound desc = failed to exec in container: exec: \"/bin/check\": stat /bin/check: no such file or directory: unknown",
        ] {
            is(missing, ProbeKind::Readiness, Why::CommandMissing, None);
        }
    }

    #[test]
    fn what_is_about_no_probe() {
        for message in [
            "Container app failed liveness probe, will be restarted",
            "Readiness probe",
            "",
        ] {
            assert_eq!(classify(message), None, "{message}");
        }
    }
}
