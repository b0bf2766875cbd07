//! Why an image could not be pulled: messages of the kubelet, containerd, CRI-O and cri-dockerd, as they stand in a
//! container's waiting state and in Events with the reason `Failed`.
//!
//! Sources: `kubernetes/pkg/kubelet/images`, `containerd/core/remotes/docker`, `containers/image` (CRI-O), `moby/moby`.

use super::text::{between, first_form, word_after};

/// A pull that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PullFailure<'a> {
    pub(crate) why: Why,
    /// The image, where the message quotes it.
    pub(crate) image: Option<&'a str>,
    /// The name or address that was asked, where the message names it.
    pub(crate) host: Option<&'a str>,
}

/// Why the pull failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The registry has the repository or the tag not.
    NotFound,
    /// The registry wants credentials, or does not take those it got.
    Unauthorised,
    /// The registry says no, and does not say whether the repository exists.
    Denied,
    /// The registry's name has no address.
    NameUnresolved,
    /// Nothing listens at the registry's address.
    Refused,
    /// No answer in time, or no way there.
    TimedOut,
    /// The registry's certificate is not trusted, expired, or for another name.
    Certificate,
    /// The registry speaks HTTP where HTTPS is expected.
    PlainHttp,
    /// Too many pulls.
    RateLimited,
    /// The registry itself failed.
    ServerError,
    /// The image has no variant for this node's processor or system.
    WrongPlatform,
    /// The name is no image reference.
    InvalidName,
    /// A short name that the runtime may not complete.
    ShortName,
    /// The node's disk is full.
    DiskFull,
    /// It is not on the node, and may not be pulled.
    NeverPull,
    /// Its signature is not accepted.
    Signature,
    /// The message names no cause, or one in an unknown form.
    Unknown,
}

/// In order: what is more particular comes before what it contains.
const FORMS: &[(&[&str], Why)] = &[
    (&["pull policy of never"], Why::NeverPull),
    (&["toomanyrequests"], Why::RateLimited),
    (&["429 too many requests"], Why::RateLimited),
    (&["pull rate limit"], Why::RateLimited),
    (&["no space left on device"], Why::DiskFull),
    (&["invalid reference format"], Why::InvalidName),
    (&["couldn't parse image"], Why::InvalidName),
    (&["short-name"], Why::ShortName),
    (&["no match for platform"], Why::WrongPlatform),
    (&["no matching manifest for"], Why::WrongPlatform),
    (&["no image found in", "for architecture"], Why::WrongPlatform),
    (&["no child with platform"], Why::WrongPlatform),
    (&["does not match the specified platform"], Why::WrongPlatform),
    (&["source image rejected"], Why::Signature),
    (&["signature", "validation"], Why::Signature),
    (&["server gave http response to https client"], Why::PlainHttp),
    (&["first record does not look like a tls handshake"], Why::PlainHttp),
    (&["x509:"], Why::Certificate),
    (&["tls: failed to verify certificate"], Why::Certificate),
    (&["remote error: tls"], Why::Certificate),
    (&["no such host"], Why::NameUnresolved),
    (&["temporary failure in name resolution"], Why::NameUnresolved),
    (&["server misbehaving"], Why::NameUnresolved),
    (&["dial tcp: lookup"], Why::NameUnresolved),
    (&["connection refused"], Why::Refused),
    (&["pull access denied"], Why::Denied),
    (&["insufficient_scope"], Why::Denied),
    (&["requested access to the resource is denied"], Why::Denied),
    (&["manifest unknown"], Why::NotFound),
    (&["name unknown"], Why::NotFound),
    (&["repository name not known"], Why::NotFound),
    (&["403 forbidden"], Why::Denied),
    (&["401 unauthorized"], Why::Unauthorised),
    (&["unauthorized:"], Why::Unauthorised),
    (&["authentication required"], Why::Unauthorised),
    (&["no basic auth credentials"], Why::Unauthorised),
    (&["invalid username/password"], Why::Unauthorised),
    (&["failed to fetch oauth token"], Why::Unauthorised),
    (&["failed to fetch anonymous token"], Why::Unauthorised),
    (&["authorization failed"], Why::Unauthorised),
    (&["access denied"], Why::Denied),
    (&["denied:"], Why::Denied),
    (&["500 internal server error"], Why::ServerError),
    (&["502 bad gateway"], Why::ServerError),
    (&["503 service unavailable"], Why::ServerError),
    (&["504 gateway time"], Why::ServerError),
    (&["i/o timeout"], Why::TimedOut),
    (&["tls handshake timeout"], Why::TimedOut),
    (&["request canceled while waiting for connection"], Why::TimedOut),
    (&["connection timed out"], Why::TimedOut),
    (&["deadline exceeded"], Why::TimedOut),
    (&["no route to host"], Why::TimedOut),
    (&["network is unreachable"], Why::TimedOut),
    (&["connection reset by peer"], Why::TimedOut),
    (&["404 not found"], Why::NotFound),
    (&["not found"], Why::NotFound),
];

/// What a message of the kubelet or a runtime says about a pull.
pub(crate) fn classify(message: &str) -> PullFailure<'_> {
    let why = first_form(message, FORMS).unwrap_or(Why::Unknown);
    PullFailure {
        why,
        image: image(message),
        host: host(message),
    }
}

impl Why {
    /// What cannot mend itself: the next try will fail as well until somebody changes something.
    pub(crate) fn is_lasting(self) -> bool {
        !matches!(
            self,
            Self::NameUnresolved
                | Self::Refused
                | Self::TimedOut
                | Self::RateLimited
                | Self::ServerError
                | Self::Unknown
        )
    }
}

fn image(message: &str) -> Option<&str> {
    let opens = [
        "ulling image \"",
        "pull image \"",
        "default image tag \"",
        "Container image \"",
        "parse image name \"",
    ];
    opens.iter().find_map(|open| between(message, open, "\""))
}

fn host(message: &str) -> Option<&str> {
    let looked_up = message
        .contains("lookup ")
        .then(|| word_after(message, "lookup ", &[' ', ':', ',']));
    let dialled = || word_after(message, "dial tcp ", &[' ', ',']).map(|peer| peer.trim_end_matches(':'));
    let asked = || word_after(message, "https://", &['/', '"', ' ', ':']);
    looked_up.flatten().or_else(dialled).or_else(asked)
}

/// The registry that an image reference names; where it names none the runtime has one of its own
/// (`github.com/distribution/reference`, `splitDockerDomain`).
pub(crate) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "the runtime's default registry",
    }
}

#[cfg(test)]
mod tests;
