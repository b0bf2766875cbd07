//! # A rule of security keeps a container from starting or from working
//!
//! **Why it matters.** What is forbidden stays forbidden: no retry mends it, and the message rarely says which field of the
//! pod would.
//!
//! **How it is seen.** Three ways. A container waits with `CreateContainerConfigError` or `CreateContainerError` because of
//! `runAsNonRoot`, `AppArmor`, seccomp, `SELinux`, a read-only root or a right that the runtime lacks. The API server
//! refuses a workload's pods by Pod Security or security context constraints (`FailedCreate`, `ReplicaFailure`). Or, in the
//! comprehensive profile, the kernel counts system calls of a container that fail with `EACCES`, `EPERM` or `EROFS`.
//!
//! **Thresholds.** None for the first two; critical when no pod of the workload is available. System calls: 300 failures of
//! one call with one errno within a minute, spread over at least ten seconds; a warning.
//!
//! **What to do.** Give the container the securityContext that the rule wants, or give the path it writes to a volume.

use std::time::Duration;

use correlator::{
    ContainerView, Culprit, Insight, ObjectState, Pod, Severity, Signal, Source, Subject, Tunable, Verdict, Window,
};
use serde_json::{Value, json};

use crate::kubectl::{self, PatchType, Target};
use crate::messages::{admission, start::Why};
use crate::phrase::{count, escape};
use crate::rejected::{self, Rejection};
use crate::rule::Rule;
use crate::{advice, standing, suspects};

const REACH: Duration = Duration::from_secs(60);
const LEAST: Tunable = Tunable {
    detector: "permission-denied",
    name: "leastFailures",
    default: 300.0,
    bounds: [10.0, 1e6],
    meaning: "failures of one system call with one errno within a minute that are enough",
};
const SECONDS: Tunable = Tunable {
    detector: "permission-denied",
    name: "distinctSeconds",
    default: 10.0,
    bounds: [1.0, 60.0],
    meaning: "different seconds of the minute in which system calls have to fail",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events"],
    tunables: &[LEAST, SECONDS],
    ..Rule::new("permission-denied", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let rejection = rejected::of(window).filter(|rejection| rejection.why.is_permission());
    let mut found: Vec<Insight> = rejection.iter().map(|rejection| not_taken(window, rejection)).collect();
    for container in window.containers() {
        found.extend(not_made(window, container));
        found.extend(storm(window, container));
    }
    Verdict::of(found)
}

fn not_made(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let pod = window.pod().filter(|pod| !standing::is_over(pod))?;
    let state = container.state?;
    let why = standing::not_made(state).filter(|why| why.is_permission())?;
    let (reason, message) = standing::waiting(state)?;
    let title = format!("{} may not start: {}", container.subject(), headline(why));
    let severity = standing::severity(window.world(), &pod.identity);
    let mut insight = Insight::new("permission-denied", container.subject(), severity, title, cause(why));
    container.key().clone_into(&mut insight.what);
    let says = format!("waits with {reason}: \"{}\"", escape(message, 400));
    insight = insight.because(window.now(), Source::Kubernetes, says);
    insight.about = suspects::pod(&pod.identity);
    let image = Some(Culprit::Image(state.image.clone()));
    let node = suspects::node(&pod.identity)
        .filter(|_| matches!(why, Why::AppArmor | Why::Seccomp | Why::SeLinux | Why::NotPermitted));
    insight.suspects = [suspects::owner(&pod.identity), image, node]
        .into_iter()
        .flatten()
        .collect();
    insight.remedies.push(advice::look(
        "Compare the securityContext with the user of the image",
        "the rule and the image have to agree",
        [Target::pod(&pod.identity).map(|pod| {
            kubectl::get(
                &pod,
                "jsonpath={.spec.securityContext}{.spec.containers[*].securityContext}",
            )
        })],
        "the container leaves its waiting state",
    ));
    insight.remedies.extend(run_as_user(pod, container, why));
    Some(insight)
}

fn headline(why: Why<'_>) -> String {
    match why {
        Why::RunsAsRoot => "runAsNonRoot is set and the image runs as root".to_owned(),
        Why::UserIsName(name) => format!(
            "runAsNonRoot is set and the image's user is the name {}",
            escape(name, 60)
        ),
        Why::RootAsked => "runAsNonRoot and runAsUser 0 contradict each other".to_owned(),
        Why::NotExecutable(program) => format!("its program {} may not be executed", escape(program, 120)),
        Why::ReadOnly => "a file system that it needs is read-only".to_owned(),
        Why::AppArmor => "its AppArmor profile cannot be applied".to_owned(),
        Why::Seccomp => "its seccomp profile cannot be applied".to_owned(),
        Why::SeLinux => "SELinux forbids it".to_owned(),
        _ => "a right is missing".to_owned(),
    }
}

fn cause(why: Why<'_>) -> String {
    match why {
        Why::RunsAsRoot => {
            "securityContext.runAsNonRoot is true, no runAsUser is set, and the image says no user or root"
        }
        Why::UserIsName(_) => "the kubelet cannot tell whether a user that is given by name is root; it wants a number",
        Why::RootAsked => "securityContext asks for user 0 and forbids it",
        Why::NotExecutable(_) => {
            "the file lacks the execute bit for the container's user, or is on a volume mounted noexec"
        }
        Why::ReadOnly => "something has to be made on the container's root file system, which is read-only",
        Why::AppArmor => "the profile that the pod names is not loaded on this node",
        Why::Seccomp => "the profile that the pod names is missing on this node or not valid there",
        _ => "the runtime or the kernel refuses it; its words are below",
    }
    .to_owned()
}

/// A numeric user, for an image whose user is a name or root. Which number is right only the image knows.
fn run_as_user(pod: &Pod, container: &ContainerView<'_>, why: Why<'_>) -> Option<correlator::Remedy> {
    let target = Target::owner(&pod.identity).filter(|target| kubectl::rollout_status(target).is_some())?;
    if !matches!(why, Why::RunsAsRoot | Why::UserIsName(_) | Why::RootAsked) {
        return None;
    }
    let patch = |user: Value| {
        let context = json!({"name": container.key(), "securityContext": {"runAsUser": user}});
        let body = json!({"spec": {"template": {"spec": {"containers": [context]}}}});
        Some(kubectl::patch(&target, PatchType::Strategic, &body))
    };
    let remedy = advice::change(
        "Run it as a user of its own",
        "a numeric user that is not 0 satisfies runAsNonRoot whatever the image says",
        patch(json!(65_532)),
        patch(Value::Null),
        "the container runs; its log shows no file that it may not read or write",
    )?;
    let needs = "the image works for the user 65532 (nonroot in many base images): its files are readable for all, and it writes to volumes only";
    Some(correlator::Remedy {
        needs: Some(needs.to_owned()),
        ..remedy
    })
}

fn not_taken(window: &Window<'_>, rejection: &Rejection<'_>) -> Insight {
    let object = &rejection.object;
    let (rule, cause) = match rejection.why {
        admission::Why::PodSecurity { level, violations } => (
            format!("Pod Security \"{}\"", escape(level, 60)),
            format!("the pod template violates it: {}", escape(violations, 400)),
        ),
        _ => (
            "security context constraints".to_owned(),
            "no constraint that its service account may use admits the pod template".to_owned(),
        ),
    };
    let title = format!("pods of {object} are not created: {rule} forbids them");
    let is_down =
        matches!(window.world().object(object), Some(ObjectState::Workload(workload)) if workload.available == 0);
    let severity = if is_down { Severity::Critical } else { Severity::Warning };
    let mut insight = Insight::new(
        "permission-denied",
        Subject::Object(object.clone()),
        severity,
        title,
        cause,
    );
    insight.revision = u64::from(rejection.times);
    insight = insight.because(
        rejection.at,
        Source::Kubernetes,
        format!("\"{}\"", escape(rejection.message, 500)),
    );
    insight.about = vec![Culprit::Object(object.clone())];
    let namespace = Some(&*object.namespace).filter(|name| kubectl::is_label(name));
    insight.remedies.push(advice::look(
        "Give the containers the securityContext that the rule wants",
        "the message names each field; the namespace's labels say which level is enforced",
        [
            Target::object(object).as_ref().map(kubectl::describe),
            namespace.map(|name| kubectl::Kubectl::new(&["get", "namespace", name, "--show-labels"])),
        ],
        "the controller makes the pods at its next try",
    ));
    insight
}

/// Calls about files, sockets and rights that commonly meet a rule.
const CALLS: [&str; 22] = [
    "open",
    "openat",
    "openat2",
    "creat",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "chmod",
    "fchmodat",
    "chown",
    "fchownat",
    "execve",
    "bind",
    "connect",
    "mount",
    "setuid",
    "setgid",
    "bpf",
];
const ERRNOS: [&str; 3] = ["EACCES", "EPERM", "EROFS"];

fn storm(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    container.runs.last()?;
    let pairs = CALLS
        .iter()
        .flat_map(|call| ERRNOS.iter().map(move |errno| (*call, *errno)));
    let counted = pairs.filter_map(|(call, errno)| Some((failures(window, container, call, errno)?, call, errno)));
    let (number, call, errno) = counted.max()?;
    let rule = match errno {
        "EROFS" => "the file system is read-only",
        "EPERM" => "a capability or privilege is missing, or seccomp refuses it",
        _ => "the file's owner and mode, or a security module, do not let the container's user in",
    };
    let title = format!("{} is denied {call} again and again ({errno})", container.subject());
    let mut insight = Insight::new(
        "permission-denied",
        container.subject(),
        Severity::Warning,
        title,
        rule.to_owned(),
    );
    insight.what = format!("{} {call} {errno}", container.key());
    insight.revision = number;
    let calls = count(usize::try_from(number).unwrap_or(usize::MAX), "call");
    insight = insight.because(
        window.now(),
        Source::Kernel,
        format!("{calls} of {call} failed with {errno} within a minute"),
    );
    let image = container.state.map(|state| Culprit::Image(state.image.clone()));
    insight.suspects = [suspects::owner(&container.identity), image]
        .into_iter()
        .flatten()
        .collect();
    insight.remedies.push(advice::look(
        "Find what is denied, then give the path a volume or the container the right",
        "the kernel counts these failures without paths; the log usually names one",
        [
            Target::pod(&container.identity)
                .and_then(|pod| kubectl::logs(&pod, container.key(), kubectl::Run::Current)),
            Target::pod(&container.identity)
                .map(|pod| kubectl::get(&pod, "jsonpath={.spec.containers[*].securityContext}")),
        ],
        "the failures stop",
    ));
    Some(insight)
}

/// Failures within the last minute, when they are many and go on.
fn failures(window: &Window<'_>, container: &ContainerView<'_>, call: &str, errno: &str) -> Option<u64> {
    let series = container.series(&Signal::named(format!("syscall.errors:{call}:{errno}")))?;
    let fresh = series
        .buckets()
        .filter(|bucket| window.now().since(bucket.at) < REACH && bucket.sum > 0.0);
    let sums: Vec<f64> = fresh.map(|bucket| bucket.sum).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    let number = sums.iter().sum::<f64>() as u64;
    (number as f64 >= window.tuned(&LEAST) && sums.len() as f64 >= window.tuned(&SECONDS)).then_some(number)
}
