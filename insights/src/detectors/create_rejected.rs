//! # The API server does not take a workload's pods
//!
//! **Why it matters.** The pods do not exist, so nothing about pods shows it: no waiting container, no restart. Only the
//! controller says so, in an Event that is gone after an hour.
//!
//! **How it is seen.** The condition `ReplicaFailure` of a Deployment, and `FailedCreate` Events about `ReplicaSet`,
//! `StatefulSet`, `DaemonSet` and Job objects while pods are missing. Told apart: a quota that would be exceeded, with its figures; a
//! quota that wants requests or limits; a `LimitRange`; an admission webhook that says no; one that cannot be asked (no
//! Service, no endpoints, refused, no answer, certificate); a policy; a service account or priority class that does not
//! exist; a namespace that is being deleted. Pod Security is told by `permission-denied`.
//!
//! **Thresholds.** The condition as it stands, or one Event that is news. Critical when no pod of the workload is available,
//! or when a webhook that cannot be asked stops everything; else a warning.
//!
//! **What to do.** Make room in the quota or ask for less; give the pods what the rule wants; bring the webhook's Service
//! back.

use std::sync::Arc;

use correlator::{Culprit, Insight, ObjectRef, ObjectState, Remedy, Severity, Source, Subject, Verdict, Window, World};

use crate::kubectl::{self, Target};
use crate::messages::admission::{Failure, Why};
use crate::phrase::{bytes, escape};
use crate::rejected::{self, Rejection};
use crate::rule::Rule;
use crate::{advice, suspects};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/events", "k8s/deployments", "k8s/resourcequotas"],
    ..Rule::new("create-rejected", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let rejection = rejected::of(window).filter(|rejection| !rejection.why.is_permission());
    Verdict::of(rejection.iter().map(|rejection| insight(window, rejection)).collect())
}

fn insight(window: &Window<'_>, rejection: &Rejection<'_>) -> Insight {
    let object = &rejection.object;
    let title = format!("pods of {object} are not created: {}", headline(&rejection.why));
    let subject = Subject::Object(object.clone());
    let severity = severity(window.world(), rejection);
    let mut insight = Insight::new("create-rejected", subject, severity, title, cause(&rejection.why));
    insight.revision = u64::from(rejection.times);
    let says = format!("\"{}\"", escape(rejection.message, 500));
    insight = insight.because(rejection.at, Source::Kubernetes, says);
    insight = with_quota(insight, window, rejection);
    insight.about = vec![Culprit::Object(object.clone())];
    insight.suspects = webhook_service(&rejection.why)
        .into_iter()
        .chain(quota(rejection))
        .collect();
    insight.remedies = remedies(rejection);
    insight
}

fn severity(world: &World, rejection: &Rejection<'_>) -> Severity {
    let is_down =
        matches!(world.object(&rejection.object), Some(ObjectState::Workload(workload)) if workload.available == 0);
    let is_wide = matches!(rejection.why, Why::WebhookUnreachable { .. });
    if is_down || is_wide {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

fn headline(why: &Why<'_>) -> String {
    match why {
        Why::Quota { name, .. } => format!("the quota {} would be exceeded", escape(name, 80)),
        Why::QuotaNeeds { name, .. } => format!("the quota {} wants requests or limits", escape(name, 80)),
        Why::LimitRange(_) => "a LimitRange forbids what they ask for".to_owned(),
        Why::WebhookDenied { webhook, .. } => format!("the webhook {} says no", escape(webhook, 120)),
        Why::WebhookUnreachable { webhook, failure, .. } => {
            format!(
                "the webhook {} cannot be asked ({})",
                escape(webhook, 120),
                failure_words(*failure)
            )
        }
        Why::PolicyDenied { policy, .. } => format!("the policy {} says no", escape(policy, 120)),
        Why::PodSecurity { .. } | Why::SecurityContext => "a security rule forbids them".to_owned(),
        Why::ServiceAccount(name) => format!("there is no service account {}", escape(name, 120)),
        Why::PriorityClass(name) => format!("there is no priority class {}", escape(name, 120)),
        Why::NamespaceEnds => "their namespace is being deleted".to_owned(),
        Why::NotAllowed => "the controller may not create pods there".to_owned(),
        Why::Invalid(_) => "the pod template is invalid".to_owned(),
        Why::Unknown => "the API server refuses them".to_owned(),
    }
}

fn cause(why: &Why<'_>) -> String {
    let cut = |text: &str| escape(text.trim(), 300);
    match why {
        Why::Quota {
            requested,
            used,
            limited,
            ..
        } => {
            format!(
                "a pod asks for {}; {} is in use of {}",
                cut(requested),
                cut(used),
                cut(limited)
            )
        }
        Why::QuotaNeeds { what, .. } => format!("every pod of the namespace has to specify {}", cut(what)),
        Why::LimitRange(words) | Why::Invalid(words) => cut(words),
        Why::WebhookDenied { why, .. } | Why::PolicyDenied { why, .. } => cut(why),
        Why::WebhookUnreachable {
            service: Some(service),
            failure,
            ..
        } => format!(
            "the API server asks the webhook through the Service {} and fails: {}; until it answers, nothing that it watches is created",
            cut(service),
            failure_words(*failure)
        ),
        Why::WebhookUnreachable { failure, .. } => {
            format!("the API server cannot ask the webhook: {}", failure_words(*failure))
        }
        Why::ServiceAccount(name) => format!(
            "the pod template names the service account {}, which does not exist",
            cut(name)
        ),
        Why::PriorityClass(name) => format!(
            "the pod template names the priority class {}, which does not exist",
            cut(name)
        ),
        Why::NamespaceEnds => "nothing new is created in a namespace that is being deleted".to_owned(),
        Why::NotAllowed => "the controller's own role does not let it create pods".to_owned(),
        Why::PodSecurity { .. } | Why::SecurityContext | Why::Unknown => {
            "the controller gives a reason that tapio does not know; its words are below".to_owned()
        }
    }
}

fn failure_words(failure: Failure) -> &'static str {
    match failure {
        Failure::NoService => "its Service does not exist",
        Failure::NoEndpoints => "its Service has no endpoints",
        Failure::Refused => "the connection is refused",
        Failure::TimedOut => "no answer in time",
        Failure::Certificate => "its certificate is not accepted",
        Failure::Other => "the call fails",
    }
}

/// How full the quota is now, by the quota itself.
fn with_quota(insight: Insight, window: &Window<'_>, rejection: &Rejection<'_>) -> Insight {
    let Some(Culprit::Object(name)) = quota(rejection) else {
        return insight;
    };
    let Some(ObjectState::Quota(quota)) = window.world().object(&name) else {
        return insight;
    };
    let full = quota.resources.iter().filter(|(_, usage)| usage.hard > 0.0);
    let says: Vec<String> = full
        .map(|(resource, usage)| {
            format!(
                "{resource} {} of {}",
                figure(resource, usage.used),
                figure(resource, usage.hard)
            )
        })
        .collect();
    insight.because(
        window.now(),
        Source::Kubernetes,
        format!("{name} now: {}", says.join(", ")),
    )
}

/// An amount of a resource, in the unit that suits it.
fn figure(resource: &str, amount: f64) -> String {
    if resource.contains("memory") || resource.contains("storage") {
        return bytes(amount);
    }
    ((amount * 1000.0).round() / 1000.0).to_string()
}

fn quota(rejection: &Rejection<'_>) -> Option<Culprit> {
    match rejection.why {
        Why::Quota { name, .. } | Why::QuotaNeeds { name, .. } => {
            suspects::object("ResourceQuota", &rejection.object.namespace, &name.into())
        }
        _ => None,
    }
}

fn webhook_service(why: &Why<'_>) -> Option<Culprit> {
    let Why::WebhookUnreachable { service, .. } = why else {
        return None;
    };
    let (name, namespace) = (*service)?.split_once('.')?;
    suspects::object("Service", &namespace.into(), &name.into())
}

fn remedies(rejection: &Rejection<'_>) -> Vec<Remedy> {
    let object = &rejection.object;
    let describe = Target::object(object).as_ref().map(kubectl::describe);
    let related = match (&rejection.why, quota(rejection), webhook_service(&rejection.why)) {
        (_, Some(Culprit::Object(name)), _) | (_, _, Some(Culprit::Object(name))) => look_at(&name),
        (Why::LimitRange(_), ..) => kubectl::list("limitranges", &object.namespace),
        (Why::ServiceAccount(_), ..) => kubectl::list("serviceaccounts", &object.namespace),
        (Why::PriorityClass(_), ..) => kubectl::list_all("priorityclasses"),
        (Why::WebhookDenied { .. }, ..) => kubectl::list_all("validatingwebhookconfigurations"),
        _ => None,
    };
    let (title, why, verify) = match rejection.why {
        Why::Quota { .. } => (
            "Make room in the quota, or ask for less",
            "pods of the namespace that are not needed give back what they hold; whoever owns the quota can raise it",
            "the quota shows room for one more pod, and the controller makes it at its next try",
        ),
        Why::QuotaNeeds { .. } | Why::LimitRange(_) => (
            "Give the containers requests and limits that the rule allows",
            "the rule is the namespace's, not the workload's",
            "the controller makes the pods at its next try",
        ),
        Why::WebhookUnreachable { .. } => (
            "Bring the webhook's Service back",
            "the webhook is a pod like others: it may wait for itself",
            "the Service has a ready endpoint; the next try goes through",
        ),
        _ => (
            "Read the rule that refuses the pods, then change the pod template",
            "the controller tries again with growing pauses, up to some minutes",
            "the controller makes the pods at its next try",
        ),
    };
    vec![advice::look(title, why, [describe, related], verify)]
}

fn look_at(object: &Arc<ObjectRef>) -> Option<kubectl::Kubectl> {
    Target::object(object).as_ref().map(kubectl::describe)
}
