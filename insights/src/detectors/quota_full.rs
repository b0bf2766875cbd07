//! # A namespace has used up a quota
//!
//! **Why it matters.** The next pod, volume or Service that needs more of it is refused. Rollouts need room for more pods than
//! they end with.
//!
//! **How it is seen.** `status.used` against `status.hard` of the `ResourceQuota`.
//!
//! **Thresholds.** All of it is used. Worth knowing; what is refused because of it has its own insight.
//!
//! **What to do.** Free some of it, or ask for a larger quota.

use correlator::object::{QuotaState, Usage};
use correlator::{
    Culprit, Insight, ObjectRef, ObjectState, Scope, Severity, Source, Subject, Tunable, Verdict, Window,
};

use crate::kubectl::list;
use crate::phrase::{bytes, percent};
use crate::rule::Rule;
use crate::workloads::look_at;

const USED: Tunable = Tunable {
    detector: "quota-full",
    name: "usedRatio",
    default: 1.0,
    bounds: [0.1, 1.0],
    meaning: "part of the quota of a resource in use that is told of",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/resourcequotas"],
    tunables: &[USED],
    ..Rule::new("quota-full", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Quota(quota)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    let full: Vec<_> = full(quota, window.tuned(&USED)).collect();
    if full.is_empty() {
        return Verdict::Quiet;
    }
    Verdict::of(vec![insight(window, name, &full)])
}

/// A quota of zero forbids something on purpose.
fn full(quota: &QuotaState, used: f64) -> impl Iterator<Item = (&str, &Usage)> {
    let is_full = move |(_, usage): &(&str, &Usage)| usage.hard > 0.0 && usage.used >= used * usage.hard;
    quota
        .resources
        .iter()
        .map(|(resource, usage)| (&**resource, usage))
        .filter(is_full)
}

fn say(resource: &str, usage: Usage) -> String {
    if resource.contains("memory") || resource.contains("storage") {
        return format!("{resource}: {} of {}", bytes(usage.used), bytes(usage.hard));
    }
    format!("{resource}: {} of {}", usage.used, usage.hard)
}

fn insight(window: &Window<'_>, name: &ObjectRef, full: &[(&str, &Usage)]) -> Insight {
    let share = full
        .iter()
        .map(|(_, usage)| usage.used / usage.hard)
        .fold(0.0, f64::max);
    let (how, left) = if share >= 1.0 {
        ("used up".to_owned(), "")
    } else {
        (format!("used {} of", percent(share)), " than is left")
    };
    let full: Vec<String> = full.iter().map(|(resource, usage)| say(resource, **usage)).collect();
    let title = format!("namespace {} has {how} its quota {}", name.namespace, name.name);
    let cause = format!("{} is used; what needs more{left} is refused", full.join(", "));
    let mut insight = Insight::new(
        "quota-full",
        Subject::Object(name.clone().into()),
        Severity::Info,
        title,
        cause,
    );
    insight.about = vec![Culprit::Object(name.clone().into())];
    insight.revision = full.len() as u64;
    for says in full {
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    insight.remedies.extend(look_at(
        name,
        "it shows all that it limits",
        list("pods", &name.namespace),
    ));
    insight
}
