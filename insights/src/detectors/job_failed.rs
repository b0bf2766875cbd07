//! # A Job has given up
//!
//! **Why it matters.** What it should have done is not done, and Kubernetes will not try again.
//!
//! **How it is seen.** The Job's `Failed` condition: `BackoffLimitExceeded` (too many of its pods failed), `DeadlineExceeded`
//! (it took longer than `activeDeadlineSeconds`), `PodFailurePolicy`.
//!
//! **Thresholds.** None: it failed or it did not. Jobs that failed more than ten minutes ago are history. Warning.
//!
//! **What to do.** Read the log of its last pod.

use correlator::object::WorkloadState;
use correlator::{
    Condition, Culprit, Insight, ObjectRef, ObjectState, Pod, Scope, Severity, Source, Subject, Tunable, Verdict,
    Window,
};

use crate::kubectl::Kubectl;
use crate::phrase::{count, escape};
use crate::rule::Rule;
use crate::workloads::{look_at, why_unready};

const NEWS: Tunable = Tunable {
    detector: "job-failed",
    name: "newsSeconds",
    default: 600.0,
    bounds: [60.0, 604_800.0],
    meaning: "how long ago a Job may have failed to be told of",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/jobs", "k8s/pods"],
    tunables: &[NEWS],
    ..Rule::new("job-failed", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let Scope::Object(name) = window.scope() else {
        return Verdict::Quiet;
    };
    let Some(ObjectState::Workload(workload)) = window.world().object(name) else {
        return Verdict::Quiet;
    };
    let failed = workload.conditions.iter().find(|condition| {
        let is_news = condition
            .since
            .is_some_and(|since| window.now().since(since) < window.tuned_time(&NEWS));
        &*condition.kind == "Failed" && &*condition.status == "True" && is_news
    });
    let found = failed
        .filter(|_| &*name.kind == "Job")
        .map(|failed| insight(window, name, workload, failed));
    Verdict::of(found.into_iter().collect())
}

fn insight(window: &Window<'_>, name: &ObjectRef, workload: &WorkloadState, failed: &Condition) -> Insight {
    let job = workload.job.clone().unwrap_or_default();
    let pods = count(job.failed as usize, "failed pod");
    let of = workload
        .owner
        .as_ref()
        .map(|owner| format!(" of {} {}", owner.kind.to_lowercase(), owner.name));
    let title = format!("{name}{} has given up after {pods}", of.unwrap_or_default());
    let cause = match &*failed.reason {
        "BackoffLimitExceeded" => format!(
            "more of its pods failed than its backoffLimit of {} allows",
            job.backoff_limit.unwrap_or(6)
        ),
        "DeadlineExceeded" => "it took longer than its activeDeadlineSeconds".to_owned(),
        "PodFailurePolicy" => "a pod failed in a way that its podFailurePolicy ends it for".to_owned(),
        other => format!("Kubernetes gives the reason {other}"),
    };
    let mut insight = Insight::new(
        "job-failed",
        Subject::Object(name.clone().into()),
        Severity::Warning,
        title,
        cause,
    );
    insight.about = vec![Culprit::Object(name.clone().into())];
    let says = format!("Failed ({}): \"{}\"", failed.reason, escape(&failed.message, 300));
    insight = insight.because(failed.since.unwrap_or(window.now()), Source::Kubernetes, says);
    if let Some(pod) = last_failed(window, name) {
        insight = insight.because(
            window.now(),
            Source::Kubernetes,
            format!("{}: {}", pod.identity.pod_label(), why_unready(pod)),
        );
    }
    let selector = format!("--selector=batch.kubernetes.io/job-name={}", name.name);
    let logs = Kubectl::new(&["logs", "--tail=50", "--all-containers"])
        .namespace(&name.namespace)
        .map(|logs| logs.arg(selector));
    insight
        .remedies
        .extend(look_at(name, "the log of its pods tells what failed", logs));
    insight
}

/// The pod of the Job that failed last. A Job's pods are owned by its `CronJob`, if it has one, so the label tells.
fn last_failed<'a>(window: &Window<'a>, job: &ObjectRef) -> Option<&'a Pod> {
    let of_job = |pod: &&Pod| {
        let labels = &pod.state.labels;
        let label = labels
            .get("batch.kubernetes.io/job-name")
            .or_else(|| labels.get("job-name"));
        &*pod.state.phase == "Failed"
            && label == Some(&job.name)
            && pod.identity.namespace.as_ref() == Some(&job.namespace)
    };
    window.world().pods().filter(of_job).max_by_key(|pod| pod.state.created)
}
