//! # The kernel killed a child process for want of memory, and the container goes on without it
//!
//! **Why it matters.** Kubernetes shows nothing at all: no restart, no `OOMKilled`, the pod is ready. Requests that the worker
//! served are lost, and a supervisor may start it again into the same wall.
//!
//! **How it is seen.** The victim of the kernel's `oom/mark_victim` is not the container's pid 1, and the main process is alive two
//! seconds later. Without the kernel's word: the cgroup's counter rose and the API server says five seconds later that the
//! same container still runs.
//!
//! **Thresholds.** None: one kill is enough. Warning; critical from three kills within five minutes on.
//!
//! **What to do.** Fewer or smaller workers, or a higher limit.

use std::time::Duration;

use correlator::{ContainerView, Insight, Severity, Tunable, Verdict, Window};

use crate::memory_kills::{self, Class, Kills, Whose};
use crate::phrase::bytes;
use crate::rule::Rule;
use crate::{remedies, suspects};

/// Kills from which on it is critical.
const CRITICAL: Tunable = Tunable {
    detector: "oom-child-killed",
    name: "criticalKills",
    default: 3.0,
    bounds: [1.0, 100.0],
    meaning: "kills within five minutes from which on it is critical",
};

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/memory", "ebpf/process", "cgroup", "k8s/pods"],
    hold: Duration::from_secs(300),
    tunables: &[CRITICAL],
    ..Rule::new("oom-child-killed", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let kills = memory_kills::of(window, container, Class::Child);
    if kills.number == 0 {
        return None;
    }
    let pod = &container.identity;
    let last = kills.kernel.last();
    let limit = memory_kills::limit(container, None, last.map(|kill| kill.victim));
    let subject = container.subject();
    let at = limit
        .map(|limit| format!(" at its memory limit of {}", bytes(limit)))
        .unwrap_or_default();
    let gone = if kills.number == 1 {
        "a child process".to_owned()
    } else {
        format!("{} child processes", kills.number)
    };
    let title = format!("{subject} lost {gone} to the OOM killer{at} and runs on");
    let severity = if kills.number as f64 >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut insight = Insight::new("oom-child-killed", subject, severity, title, cause(container, &kills));
    container.key().clone_into(&mut insight.what);
    insight.revision = kills.number as u64;
    insight.about = suspects::pod(pod);
    insight.suspects = suspects::owner(pod).into_iter().collect();
    insight = memory_kills::evidence(insight, &kills, container);
    insight.remedies.push(remedies::look_at_log(
        pod,
        "the main process may have logged that a worker died",
    ));
    if let Some(limit) = limit.filter(|_| last.is_none_or(|kill| kill.whose == Whose::Own)) {
        let node = pod.node.as_deref().and_then(|name| window.world().node(name));
        let allocatable = node.and_then(|node| node.state.allocatable_memory);
        let peak = container.runs.last().map_or(0.0, |run| memory_kills::peak(*run));
        insight
            .remedies
            .push(remedies::raise_memory_limit(pod, peak, limit, allocatable));
    }
    Some(insight)
}

fn cause(container: &ContainerView<'_>, kills: &Kills<'_>) -> String {
    let unseen = "Kubernetes shows nothing of it: the main process lives on";
    let Some(kill) = kills.kernel.last() else {
        return format!("the cgroup's counter of OOM kills rose and the container was not restarted; {unseen}");
    };
    let whose = if kill.whose == Whose::Own {
        "the container's limit"
    } else {
        "the limit of its pod"
    };
    let growth = memory_kills::growth(container)
        .map(|growth| format!("; {growth}"))
        .unwrap_or_default();
    format!(
        "{whose} was full and the kernel killed {}{growth}. {unseen}",
        memory_kills::victim(kill)
    )
}
