//! Messages as the API server writes them and controllers pass them on.

use super::*;

#[track_caller]
fn is(message: &str, why: Why<'_>) {
    for before in ["Error creating: ", ""] {
        let message = format!("{before}{message}");
        assert_eq!(classify(&message), why, "{message}");
    }
}

#[test]
fn quotas() {
    is(
        "pods \"web-7d4\" is forbidden: exceeded quota: compute, requested: limits.memory=1Gi,requests.cpu=500m, used: limits.memory=3Gi,requests.cpu=2, limited: limits.memory=4Gi,requests.cpu=2",
        Why::Quota {
            name: "compute",
            requested: "limits.memory=1Gi,requests.cpu=500m",
            used: "limits.memory=3Gi,requests.cpu=2",
            limited: "limits.memory=4Gi,requests.cpu=2",
        },
    );
    is(
        "pods \"web-7d4\" is forbidden: failed quota: compute: must specify limits.cpu for: app; requests.memory for: app",
        Why::QuotaNeeds {
            name: "compute",
            what: "limits.cpu for: app; requests.memory for: app",
        },
    );
    is(
        "pods \"web-7d4\" is forbidden: failed quota: compute: must specify limits.cpu,limits.memory",
        Why::QuotaNeeds {
            name: "compute",
            what: "limits.cpu,limits.memory",
        },
    );
}

#[test]
fn limit_ranges() {
    for words in [
        "maximum cpu usage per Container is 1, but limit is 2",
        "maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi",
        "minimum memory usage per Container is 64Mi, but request is 32Mi",
        "maximum memory usage per Pod is 1Gi, but limit is 2147483648",
        "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
        "maximum cpu usage per Container is 500m.  No limit is specified",
    ] {
        is(
            &format!("pods \"web-7d4\" is forbidden: {words}"),
            Why::LimitRange(words),
        );
        is(
            &format!("pods \"web-7d4\" is forbidden: [{words}]"),
            Why::LimitRange(words),
        );
    }
}

#[test]
fn webhooks_that_say_no() {
    is(
        "admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Pod/shop/web-7d4 was blocked due to the following policies",
        Why::WebhookDenied {
            webhook: "validate.kyverno.svc-fail",
            why: "\n\nresource Pod/shop/web-7d4 was blocked due to the following policies",
        },
    );
    is(
        "admission webhook \"validation.gatekeeper.sh\" denied the request: [team] you must provide labels: {\"owner\"}",
        Why::WebhookDenied {
            webhook: "validation.gatekeeper.sh",
            why: "[team] you must provide labels: {\"owner\"}",
        },
    );
    is(
        "admission webhook \"a.example\" denied the request without explanation",
        Why::WebhookDenied {
            webhook: "a.example",
            why: "without explanation",
        },
    );
}

#[test]
fn webhooks_that_cannot_be_asked() {
    for (call, text, failure) in [
        (
            "failed to call webhook: ",
            "dial tcp 10.96.1.1:443: connect: connection refused",
            Failure::Refused,
        ),
        (
            "",
            "dial tcp 10.96.1.1:443: connect: connection refused",
            Failure::Refused,
        ),
        (
            "failed to call webhook: ",
            "no endpoints available for service \"hook\"",
            Failure::NoEndpoints,
        ),
        (
            "failed to call webhook: ",
            "service \"hook\" not found",
            Failure::NoService,
        ),
        (
            "failed to call webhook: ",
            "context deadline exceeded",
            Failure::TimedOut,
        ),
        (
            "failed to call webhook: ",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            Failure::Certificate,
        ),
        (
            "failed to call webhook: ",
            "the moon is in the wrong phase",
            Failure::Other,
        ),
    ] {
        let message = format!(
            "Internal error occurred: failed calling webhook \"inject.example\": {call}Post \"https://hook.mesh.svc:443/inject?timeout=10s\": {text}"
        );
        is(
            &message,
            Why::WebhookUnreachable {
                webhook: "inject.example",
                service: Some("hook.mesh"),
                failure,
            },
        );
    }
}

#[test]
fn rules_of_security() {
    let violations = "allowPrivilegeEscalation != false (container \"app\" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container \"app\" must set securityContext.runAsNonRoot=true)";
    let message = format!("pods \"web-7d4\" is forbidden: violates PodSecurity \"restricted:latest\": {violations}");
    let why = Why::PodSecurity {
        level: "restricted:latest",
        violations,
    };
    is(&message, why);
    assert!(why.is_permission());
    for words in [
        "pods \"web-7d4\" is forbidden: unable to validate against any security context constraint: [provider \"anyuid\": Forbidden: not usable by user or serviceaccount]",
        "pods \"web-7d4\" is forbidden: PodSecurityPolicy: unable to admit pod: unable to validate against any pod security policy: []",
    ] {
        is(words, Why::SecurityContext);
    }
}

#[test]
fn other_refusals() {
    is(
        "pods \"web-7d4\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'shop' denied request: too many",
        Why::PolicyDenied {
            policy: "replicas",
            why: "too many",
        },
    );
    is(
        "pods \"web-7d4\" is forbidden: error looking up service account shop/builder: serviceaccount \"builder\" not found",
        Why::ServiceAccount("builder"),
    );
    is(
        "pods \"web-7d4\" is forbidden: no PriorityClass with name high was found",
        Why::PriorityClass("high"),
    );
    is(
        "pods \"web-7d4\" is forbidden: unable to create new content in namespace shop because it is being terminated",
        Why::NamespaceEnds,
    );
    is(
        "pods is forbidden: User \"system:serviceaccount:kube-system:replicaset-controller\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"",
        Why::NotAllowed,
    );
    is(
        "Pod \"web-7d4\" is invalid: spec.containers[0].image: Required value",
        Why::Invalid("spec.containers[0].image: Required value"),
    );
    is("the moon is in the wrong phase", Why::Unknown);
}
