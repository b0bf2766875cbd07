//! Why the API server does not take a pod that a controller wants to make: `FailedCreate` Events, and the `ReplicaFailure`
//! condition of a Deployment or `ReplicaSet`.
//!
//! Sources: `kubernetes/pkg/controller/controller_utils.go`, `plugin/pkg/admission/{resourcequota,limitranger}`,
//! `staging/src/k8s.io/apiserver/pkg/admission/plugin/{webhook,policy}`, `staging/src/k8s.io/pod-security-admission`.

use super::text::{between, word_after};

/// Why a pod was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// A quota would be exceeded: its name, and lists of `resource=amount` as the server writes them.
    Quota {
        name: &'a str,
        requested: &'a str,
        used: &'a str,
        limited: &'a str,
    },
    /// A quota wants requests or limits that the pod does not have.
    QuotaNeeds { name: &'a str, what: &'a str },
    /// A `LimitRange` forbids the amounts: its own words.
    LimitRange(&'a str),
    /// A webhook said no, and why.
    WebhookDenied { webhook: &'a str, why: &'a str },
    /// A webhook could not be asked: its name, the Service it is behind as `name.namespace`, and the failure.
    WebhookUnreachable {
        webhook: &'a str,
        service: Option<&'a str>,
        failure: Failure,
    },
    /// A policy of the API server said no, and why.
    PolicyDenied { policy: &'a str, why: &'a str },
    /// Pod Security admission: the level, and what violates it.
    PodSecurity { level: &'a str, violations: &'a str },
    /// `OpenShift`'s security context constraints, or pod security policies before 1.25.
    SecurityContext,
    /// There is no such service account.
    ServiceAccount(&'a str),
    /// There is no such priority class.
    PriorityClass(&'a str),
    /// The namespace is being deleted.
    NamespaceEnds,
    /// The controller may not create pods there.
    NotAllowed,
    /// The pod template itself is invalid.
    Invalid(&'a str),
    /// Something in words that are not known here.
    Unknown,
}

/// Why a webhook could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its Service does not exist.
    NoService,
    /// Its Service has no endpoints.
    NoEndpoints,
    /// Nothing listens there.
    Refused,
    /// No answer in time.
    TimedOut,
    /// Its certificate is not trusted.
    Certificate,
    /// Something else.
    Other,
}

/// What a message of a controller about a pod it cannot make says.
pub(crate) fn classify(message: &str) -> Why<'_> {
    let readers = [quota, webhook, security, limit_range, policy, missing, refusal];
    readers.iter().find_map(|read| read(message)).unwrap_or(Why::Unknown)
}

impl Why<'_> {
    /// Whether a rule about the pod's rights stands in the way, rather than amounts or other machinery.
    pub(crate) fn is_permission(self) -> bool {
        matches!(self, Self::PodSecurity { .. } | Self::SecurityContext)
    }
}

/// `exceeded quota: NAME, requested: a=1,b=2, used: a=3,b=4, limited: a=5,b=6`
fn quota(message: &str) -> Option<Why<'_>> {
    if let Some((_, rest)) = message.split_once("exceeded quota: ") {
        let (name, rest) = rest.split_once(", requested: ")?;
        let (requested, rest) = rest.split_once(", used: ")?;
        let (used, limited) = rest.split_once(", limited: ")?;
        return Some(Why::Quota {
            name,
            requested,
            used,
            limited,
        });
    }
    let (_, rest) = message.split_once("failed quota: ")?;
    let (name, what) = rest.split_once(": must specify ")?;
    Some(Why::QuotaNeeds { name, what })
}

fn webhook(message: &str) -> Option<Why<'_>> {
    if let Some(webhook) = between(message, "admission webhook \"", "\"") {
        let why = message.split_once("denied the request").map_or("", |(_, why)| why);
        return Some(Why::WebhookDenied {
            webhook,
            why: why.trim_start_matches([':', ' ']),
        });
    }
    let webhook = between(message, "failed calling webhook \"", "\"")?;
    Some(Why::WebhookUnreachable {
        webhook,
        service: service(message),
        failure: failure(message),
    })
}

/// `Post "https://NAME.NAMESPACE.svc:443/path?timeout=10s"`
fn service(message: &str) -> Option<&str> {
    let host = word_after(message, "https://", &['/', ':', '"'])?;
    host.split_once(".svc").map(|(service, _)| service)
}

fn failure(message: &str) -> Failure {
    let words: [(&str, Failure); 9] = [
        ("no endpoints available", Failure::NoEndpoints),
        ("x509:", Failure::Certificate),
        ("connection refused", Failure::Refused),
        ("deadline exceeded", Failure::TimedOut),
        ("i/o timeout", Failure::TimedOut),
        ("Client.Timeout exceeded", Failure::TimedOut),
        ("no route to host", Failure::TimedOut),
        ("service \"", Failure::NoService),
        ("no such host", Failure::NoService),
    ];
    let found = words.iter().find(|(word, _)| message.contains(word));
    found.map_or(Failure::Other, |(_, failure)| *failure)
}

fn security(message: &str) -> Option<Why<'_>> {
    if let Some((_, rest)) = message.split_once("violates PodSecurity \"") {
        let (level, violations) = rest.split_once('"')?;
        return Some(Why::PodSecurity {
            level,
            violations: violations.trim_start_matches([':', ' ']),
        });
    }
    let words = [
        "against any security context constraint",
        "against any pod security policy",
    ];
    words
        .iter()
        .any(|word| message.contains(word))
        .then_some(Why::SecurityContext)
}

/// `maximum cpu usage per Container is 1, but limit is 2`, also several in brackets.
fn limit_range(message: &str) -> Option<Why<'_>> {
    let words = [
        " usage per Container is ",
        " usage per Pod is ",
        " limit to request ratio per ",
        " claim is ",
    ];
    words.iter().any(|word| message.contains(word)).then_some(())?;
    let (_, rest) = message.split_once(" is forbidden: ")?;
    Some(Why::LimitRange(rest.trim_matches(['[', ']'])))
}

/// `ValidatingAdmissionPolicy 'NAME' with binding 'NAME' denied request: why`
fn policy(message: &str) -> Option<Why<'_>> {
    let policy = between(message, "ValidatingAdmissionPolicy '", "'")?;
    let (_, why) = message.split_once("denied request: ")?;
    Some(Why::PolicyDenied { policy, why })
}

fn missing(message: &str) -> Option<Why<'_>> {
    if let Some(name) = between(message, "serviceaccount \"", "\"") {
        return message.contains("not found").then_some(Why::ServiceAccount(name));
    }
    let class = between(message, "no PriorityClass with name ", " was found");
    class.map(Why::PriorityClass)
}

fn refusal(message: &str) -> Option<Why<'_>> {
    if message.contains("because it is being terminated") {
        return Some(Why::NamespaceEnds);
    }
    if message.contains("cannot create resource \"pods\"") {
        return Some(Why::NotAllowed);
    }
    let (_, why) = message.split_once(" is invalid: ")?;
    Some(Why::Invalid(why))
}

#[cfg(test)]
mod tests;
