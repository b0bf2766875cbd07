//! What goes wrong with a watch, and how it is said: which verb on which resource, and what would mend it.

use correlator::Gap;
use kube::Error as ClientError;
use kube::core::Status;
use kube::runtime::watcher::Error;

use super::connect::root_cause;

/// A resource that is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched {
    pub(super) group: &'static str,
    pub(super) plural: &'static str,
    /// What goes unseen without it.
    pub(super) what: &'static str,
}

impl Watched {
    /// `k8s/pods`.
    pub(super) fn source(self) -> String {
        format!("k8s/{}", self.plural)
    }
}

/// What a watch was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    List,
    Watch,
}

impl Phase {
    const fn verb(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Watch => "watch",
        }
    }
}

/// Why it could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    Forbidden,
    /// The server has no such resource.
    Unknown,
    /// What the server says, or why the credentials cannot be read again.
    Unauthorized(String),
    Other(String),
}

/// A failure of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) phase: Phase,
    pub(super) cause: Cause,
}

/// What an error of the watcher means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The past is forgotten; a relist follows. No failure.
    Expired,
    /// One line of the stream is no watch event; the stream goes on.
    BadLine,
    /// It does not work.
    Failing(Trouble),
}

/// Sorts an error of the watcher.
pub(super) fn meaning(error: &Error) -> Meaning {
    let failing = |phase, cause| Meaning::Failing(Trouble { phase, cause });
    match error {
        Error::WatchError(status) if status.code == 410 => Meaning::Expired,
        Error::InitialListFailed(ClientError::Api(status)) | Error::WatchStartFailed(ClientError::Api(status))
            if status.code == 410 =>
        {
            Meaning::Expired
        }
        Error::WatchFailed(ClientError::SerdeError(_)) => Meaning::BadLine,
        // The client takes any JSON object that is no watch event for a `Status`, of which nothing is required.
        Error::WatchFailed(ClientError::Api(status)) if status.code == 0 => Meaning::BadLine,
        Error::InitialListFailed(error) => failing(Phase::List, cause(error)),
        Error::WatchStartFailed(error) | Error::WatchFailed(error) => failing(Phase::Watch, cause(error)),
        Error::WatchError(status) => failing(Phase::Watch, cause_of_status(status)),
        Error::NoResourceVersion => failing(Phase::List, Cause::Other("the list has no resourceVersion".to_owned())),
    }
}

/// Why a request failed.
pub(super) fn cause(error: &ClientError) -> Cause {
    match error {
        ClientError::Api(status) => cause_of_status(status),
        error => Cause::Other(root_cause(error)),
    }
}

fn cause_of_status(status: &Status) -> Cause {
    match status.code {
        403 => Cause::Forbidden,
        404 => Cause::Unknown,
        401 => Cause::Unauthorized(super::text::one_line(&status.message)),
        code => Cause::Other(super::text::one_line(&format!("{} ({code})", status.message))),
    }
}

/// The gap that a failure leaves.
pub(super) fn gap(watched: Watched, trouble: &Trouble, namespace: Option<&str>) -> Gap {
    let Watched { group, plural, what } = watched;
    let verb = trouble.phase.verb();
    let scope = namespace.map_or_else(
        || "in all namespaces".to_owned(),
        |name| format!("in the namespace {name}"),
    );
    let scope = if plural == "nodes" {
        "of the cluster".to_owned()
    } else {
        scope
    };
    let (why, fix) = match &trouble.cause {
        Cause::Forbidden => {
            let rule = format!(r#"apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["list", "watch"]"#);
            let holder = if namespace.is_some() && plural != "nodes" {
                "Role"
            } else {
                "ClusterRole"
            };
            (
                format!("the API server forbids to {verb} {plural} {scope} (403)"),
                format!("add this rule to the {holder} that tapio's user is bound to: {rule}"),
            )
        }
        Cause::Unknown => (
            format!("the API server does not serve {plural} in the version that tapio reads (404)"),
            format!("see what it serves with `kubectl api-resources --api-group={group}`"),
        ),
        Cause::Unauthorized(message) => {
            let more = if message.is_empty() || message == "Unauthorized" {
                String::new()
            } else {
                format!(": {message}")
            };
            (
                format!("the API server does not accept the credentials to {verb} {plural} (401){more}"),
                "log in again, or mend the kubeconfig; tapio reads it again by itself, you need not restart it"
                    .to_owned(),
            )
        }
        Cause::Other(reason) => (
            format!("cannot {verb} {plural} {scope}: {reason}"),
            format!("tapio goes on trying; check with `kubectl get {plural}`"),
        ),
    };
    Gap {
        source: watched.source().into(),
        what: what.into(),
        why: why.into(),
        fix: fix.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Watched {
        Watched {
            group: "",
            plural: "events",
            what: "Kubernetes Events",
        }
    }

    #[test]
    fn a_forbidden_gap_names_verb_resource_and_rule() {
        let trouble = Trouble {
            phase: Phase::List,
            cause: Cause::Forbidden,
        };
        let everywhere = gap(events(), &trouble, None);
        assert_eq!(&*everywhere.source, "k8s/events");
        assert_eq!(
            &*everywhere.why,
            "the API server forbids to list events in all namespaces (403)"
        );
        let rule = r#"apiGroups: [""], resources: ["events"], verbs: ["list", "watch"]"#;
        assert!(
            everywhere.fix.contains("ClusterRole") && everywhere.fix.ends_with(rule),
            "{}",
            everywhere.fix
        );
        let narrow = gap(events(), &trouble, Some("shop"));
        assert!(
            narrow.why.contains("in the namespace shop") && narrow.fix.contains("the Role"),
            "{narrow:?}"
        );
    }

    #[test]
    fn a_resource_that_the_server_does_not_have_is_called_so() {
        let missing = Status::failure("the server could not find the requested resource", "NotFound").with_code(404);
        let error = Error::InitialListFailed(ClientError::Api(missing.boxed()));
        let Meaning::Failing(trouble) = meaning(&error) else {
            panic!("no failure")
        };
        let Gap { why, fix, .. } = gap(events(), &trouble, None);
        assert!(why.contains("does not serve events"), "{why}");
        assert!(fix.contains("kubectl api-resources"), "{fix}");
    }

    #[test]
    fn a_410_is_no_failure_wherever_it_comes() {
        let gone = || Status::failure("too old", "Expired").with_code(410).boxed();
        assert_eq!(meaning(&Error::WatchError(gone())), Meaning::Expired);
        assert_eq!(
            meaning(&Error::InitialListFailed(ClientError::Api(gone()))),
            Meaning::Expired
        );
    }
}
