//! Messages as the components write them, a few versions of each.

use super::*;

const NOT_FOUND: &str = r#"Failed to pull image "nginx:nope": rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/library/nginx:nope": failed to resolve reference "registry.example/library/nginx:nope": registry.example/library/nginx:nope: not found"#;

#[track_caller]
fn all_are(why: Why, messages: &[&str]) {
    for message in messages {
        assert_eq!(classify(message).why, why, "{message}");
    }
}

#[test]
fn an_image_or_tag_that_does_not_exist() {
    all_are(
        Why::NotFound,
        &[
            NOT_FOUND,
            "rpc error: code = Unknown desc = Error response from daemon: manifest for nginx:nope not found: manifest unknown: manifest unknown",
            "rpc error: code = Unknown desc = reading manifest nope in registry.example/library/nginx: manifest unknown: manifest unknown",
            "initializing source docker://registry.example/acme/web:v9: reading manifest v9 in registry.example/acme/web: manifest unknown",
            r#"Back-off pulling image "nginx:nope": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/library/nginx:nope": registry.example/library/nginx:nope: not found"#,
            "failed to resolve reference \"r.example/a:1\": unexpected status from HEAD request to https://r.example/v2/a/manifests/1: 404 Not Found",
            "reading manifest 1 in r.example/a: name unknown: repository name not known to registry",
        ],
    );
    let failure = classify(NOT_FOUND);
    assert_eq!((failure.image, failure.host), (Some("nginx:nope"), None));
}

#[test]
fn credentials_that_are_missing_or_wrong() {
    all_are(
        Why::Unauthorised,
        &[
            r#"failed to resolve reference "r.example/a:1": failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://auth.example/token?scope=x: 401 Unauthorized"#,
            r#"failed to resolve reference "r.example/a:1": failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized"#,
            "initializing source docker://r.example/a:1: reading manifest 1 in r.example/a: unauthorized: authentication required",
            "unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password",
            "Error response from daemon: Get https://r.example/v2/a/manifests/1: no basic auth credentials",
        ],
    );
}

#[test]
fn access_that_is_denied() {
    all_are(
        Why::Denied,
        &[
            r#"failed to pull and unpack image "registry.example/library/acme:1": failed to resolve reference "registry.example/library/acme:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#,
            "Error response from daemon: pull access denied for acme, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            r#"failed to resolve reference "registry.example/acme/web:1": unexpected status from HEAD request to https://registry.example/v2/acme/web/manifests/1: 403 Forbidden"#,
            r#"failed to resolve reference "registry.example/acme/web:1": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://registry.example/token: 403 Forbidden: denied"#,
            "reading manifest 1 in registry.example/library/acme: requested access to the resource is denied",
        ],
    );
}

#[test]
fn a_registry_whose_name_has_no_address() {
    let message = r#"failed to resolve reference "registry.example/web:1": failed to do request: Head "https://registry.example/v2/web/manifests/1": dial tcp: lookup registry.example on 10.0.0.2:53: no such host"#;
    all_are(
        Why::NameUnresolved,
        &[
            message,
            "pinging container registry registry.example: Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host",
            "Error response from daemon: Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: Temporary failure in name resolution",
            "Head \"https://registry.example/v2/\": dial tcp: lookup registry.example on 127.0.0.53:53: server misbehaving",
            "Head \"https://registry.example/v2/\": dial tcp: lookup registry.example on 10.0.0.2:53: read udp 10.0.0.9:4711->10.0.0.2:53: i/o timeout",
        ],
    );
    assert_eq!(classify(message).host, Some("registry.example"));
}

#[test]
fn a_registry_that_refuses_or_does_not_answer() {
    let refused =
        "failed to do request: Head \"https://10.0.0.5:5000/v2/\": dial tcp 10.0.0.5:5000: connect: connection refused";
    all_are(Why::Refused, &[refused]);
    assert_eq!(classify(refused).host, Some("10.0.0.5:5000"));
    all_are(
        Why::TimedOut,
        &[
            "failed to do request: Head \"https://r.example/v2/\": dial tcp 192.0.2.1:443: i/o timeout",
            "Error response from daemon: Get \"https://r.example/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
            "Get \"https://r.example/v2/\": net/http: TLS handshake timeout",
            "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            "dial tcp 192.0.2.1:443: connect: no route to host",
            "dial tcp [2001:db8::1]:443: connect: network is unreachable",
        ],
    );
}

#[test]
fn a_registry_that_cannot_be_trusted() {
    all_are(
        Why::Certificate,
        &[
            "Head \"https://r.example/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "Head \"https://r.example/v2/\": x509: certificate signed by unknown authority",
            "Head \"https://r.example/v2/\": x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2025-12-31T00:00:00Z",
            "Head \"https://10.0.0.5/v2/\": x509: cannot validate certificate for 10.0.0.5 because it doesn't contain any IP SANs",
            "Head \"https://r.example/v2/\": remote error: tls: handshake failure",
        ],
    );
    all_are(
        Why::PlainHttp,
        &[
            "failed to do request: Head \"https://10.0.0.5:5000/v2/web/manifests/1\": http: server gave HTTP response to HTTPS client",
        ],
    );
}

#[test]
fn too_many_pulls_or_a_registry_that_fails() {
    all_are(
        Why::RateLimited,
        &[
            "failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.registry.example/v2/library/nginx/manifests/sha256:ab: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit",
            "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            "reading manifest latest in registry.example/library/nginx: toomanyrequests: You have reached your pull rate limit.",
            "unexpected status from GET request to https://registry.example/v2/: 429 Too Many Requests",
        ],
    );
    all_are(
        Why::ServerError,
        &[
            "unexpected status from HEAD request to https://r.example/v2/web/manifests/1: 503 Service Unavailable",
            "received unexpected HTTP status: 500 Internal Server Error",
        ],
    );
}

#[test]
fn an_image_for_other_machines() {
    all_are(
        Why::WrongPlatform,
        &[
            "failed to pull and unpack image \"r.example/web:1\": no match for platform in manifest: not found",
            "failed to unpack image: no match for platform in manifest sha256:ab: not found",
            "choosing image instance: no image found in image index for architecture \"arm64\", variant \"v8\", OS \"linux\"",
            "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
        ],
    );
}

#[test]
fn what_the_node_or_the_name_forbids() {
    let invalid = r#"Failed to apply default image tag "Nginx:1": couldn't parse image name "Nginx:1": invalid reference format: repository name (library/Nginx) must be lowercase"#;
    all_are(
        Why::InvalidName,
        &[
            invalid,
            r#"Failed to apply default image tag "a//b": couldn't parse image reference "a//b": invalid reference format"#,
        ],
    );
    assert_eq!(classify(invalid).image, Some("Nginx:1"));
    all_are(
        Why::ShortName,
        &[
            r#"short-name "web:1" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf""#,
            "rpc error: code = Unknown desc = short-name resolution enforced but cannot prompt without a TTY",
        ],
    );
    all_are(
        Why::DiskFull,
        &[
            "failed to extract layer sha256:ab: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/9/fs/x: no space left on device: unknown",
        ],
    );
    let never = r#"Container image "web:1" is not present with pull policy of Never"#;
    all_are(Why::NeverPull, &[never]);
    assert_eq!(classify(never).image, Some("web:1"));
    all_are(
        Why::Signature,
        &["Source image rejected: A signature was required, but no signature exists"],
    );
}

#[test]
fn a_message_without_a_cause_stays_unknown() {
    let back_off = r#"Back-off pulling image "nginx:nope""#;
    all_are(
        Why::Unknown,
        &[
            back_off,
            "",
            "rpc error: code = Unknown desc = the moon is in the wrong phase",
        ],
    );
    assert_eq!(classify(back_off).image, Some("nginx:nope"));
}

#[test]
fn the_registry_of_an_image() {
    for (image, host) in [
        ("nginx", "the runtime's default registry"),
        ("acme/web:1", "the runtime's default registry"),
        ("registry.example/acme/web:1", "registry.example"),
        ("localhost/web", "localhost"),
        ("r:5000/web", "r:5000"),
    ] {
        assert_eq!(registry(image), host, "{image}");
    }
}
