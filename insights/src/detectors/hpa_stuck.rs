//! # An autoscaler cannot scale, or would like to go beyond its maximum
//!
//! **Why it matters.** The workload stays at its size whatever the load. At the maximum, more load means slower answers.
//!
//! **How it is seen.** The conditions of the `HorizontalPodAutoscaler`: `ScalingActive` (can it read its metrics),
//! `AbleToScale` (can it change the workload), `ScalingLimited` with `TooManyReplicas`.
//!
//! **Thresholds.** Two minutes without metrics or scale; fifteen minutes at the maximum. Warning; at the maximum it is worth
//! knowing. An autoscaler at its minimum is at rest and not reported.
//!
//! **What to do.** Look at where the metrics come from; or raise the maximum.

use correlator::object::AutoscalerState;
use correlator::{
    Condition, Insight, ObjectRef, ObjectState, Scope, Severity, Source, Subject, Tunable, Verdict, Window,
};

use crate::kubectl::Kubectl;
use crate::phrase::escape;
use crate::rule::Rule;
use crate::workloads::look_at;

const BROKEN: Tunable = Tunable {
    detector: "hpa-stuck",
    name: "patienceSeconds",
    default: 120.0,
    bounds: [0.0, 86400.0],
    meaning: "how long an autoscaler may be without metrics or scale",
};
const AT_MAXIMUM: Tunable = Tunable {
    detector: "hpa-stuck",
    name: "atMaximumSeconds",
    default: 900.0,
    bounds: [0.0, 86400.0],
    meaning: "how long an autoscaler may be at its maximum",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/horizontalpodautoscalers"],
    tunables: &[BROKEN, AT_MAXIMUM],
    ..Rule::new("hpa-stuck", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Autoscaler(autoscaler)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    let lasts = |condition: &Condition, least: &Tunable| {
        let since = condition.since;
        since.is_some_and(|since| window.now().since(since) >= window.tuned_time(least))
    };
    let is_trouble = |condition: &&Condition| {
        let is_limited = &*condition.reason == "TooManyReplicas" && autoscaler.desired >= autoscaler.max;
        match (&*condition.kind, &*condition.status) {
            // Scaled to zero by hand: that is how an autoscaler is turned off.
            ("ScalingActive", "False") if &*condition.reason == "ScalingDisabled" => false,
            ("ScalingActive" | "AbleToScale", "False") => lasts(condition, &BROKEN),
            ("ScalingLimited", "True") => is_limited && lasts(condition, &AT_MAXIMUM),
            _ => false,
        }
    };
    let found = autoscaler.conditions.iter().find(is_trouble);
    Verdict::of(
        found
            .map(|condition| insight(window, name, autoscaler, condition))
            .into_iter()
            .collect(),
    )
}

fn insight(window: &Window<'_>, name: &ObjectRef, autoscaler: &AutoscalerState, condition: &Condition) -> Insight {
    let target = format!("{} {}", autoscaler.target.kind.to_lowercase(), autoscaler.target.name);
    let (title, cause, severity) = match &*condition.kind {
        "ScalingLimited" => (
            format!("{name} keeps {target} at its maximum of {}", autoscaler.max),
            "the load asks for more pods than it may make".to_owned(),
            Severity::Info,
        ),
        "AbleToScale" => (
            format!("{name} cannot change the size of {target}"),
            format!("it cannot read or write the scale of {target} ({})", condition.reason),
            Severity::Warning,
        ),
        _ => (
            format!("{name} cannot read the metrics it scales {target} by"),
            format!(
                "{}; {target} stays at {}",
                no_metrics(&condition.reason),
                autoscaler.current
            ),
            Severity::Warning,
        ),
    };
    let says = escape(&condition.message, 300);
    let cause = if says.is_empty() {
        cause
    } else {
        format!("{cause}; it says: \"{says}\"")
    };
    let mut insight = Insight::new(
        "hpa-stuck",
        Subject::Object(name.clone().into()),
        severity,
        title,
        cause,
    );
    let says = format!(
        "{} is {} ({}): \"{}\"",
        condition.kind,
        condition.status,
        condition.reason,
        escape(&condition.message, 300)
    );
    insight = insight.because(condition.since.unwrap_or(window.now()), Source::Kubernetes, says);
    let says = format!(
        "{} pods now, {} wanted, {} to {} allowed",
        autoscaler.current, autoscaler.desired, autoscaler.min, autoscaler.max
    );
    insight = insight.because(window.now(), Source::Kubernetes, says);
    let metrics = Kubectl::new(&["get", "apiservices", "v1beta1.metrics.k8s.io"]);
    let metrics = Some(metrics).filter(|_| &*condition.kind == "ScalingActive");
    insight.remedies.extend(look_at(
        name,
        "its conditions and events name the metric and what is wrong with it",
        metrics,
    ));
    insight
}

fn no_metrics(reason: &str) -> &'static str {
    match reason {
        "FailedGetResourceMetric" => "the resource metrics (metrics-server) are missing, or its pods have no requests",
        "FailedGetExternalMetric" | "FailedGetObjectMetric" | "FailedGetPodsMetric" => {
            "the adapter that serves its custom metrics does not have them"
        }
        "InvalidSelector" => "the workload's selector cannot be read",
        _ => "its metrics cannot be read",
    }
}
