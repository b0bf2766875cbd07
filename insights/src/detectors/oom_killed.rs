//! # A container ran out of memory and the kernel killed it
//!
//! **Why it matters.** The kill comes without warning and the process cannot clean up.
//!
//! **How it is seen.** The kernel's `oom/mark_victim` tracepoint names the victim and the memory cgroup that ran out; the
//! cgroup's own counter (`memory.events`, `memory.oom_control`) and the API server's `OOMKilled` are further witnesses of
//! the same kill and are not counted again. Without the kernel's word the other two are enough. Several processes killed at
//! once (`memory.oom.group`) are one kill. A kill because the node ran out is told as `oom-killed-node`, one of a child that
//! the container outlives as `oom-child-killed`: one kill gives one insight.
//!
//! **Thresholds.** None: one kill is enough. Critical; repeated kills update the same insight.
//!
//! **What to do.** Read the log of the run that ended, then raise the limit or make the process need less. When it was the
//! pod's limit, its containers together need more: look at the largest first.

use std::time::Duration;

use correlator::{ContainerStatus, ContainerView, Fact, Insight, Severity, Source, Subject, Verdict, Window, signals};

use crate::memory_kills::{self, Class, Kill, Kills, Whose};
use crate::phrase::{bytes, count};
use crate::rule::Rule;
use crate::{remedies, suspects};

/// Containers of the pod that are named when the pod's limit ran out.
const NAMED: usize = 3;

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/memory", "cgroup", "k8s/pods"],
    hold: Duration::from_secs(300),
    ..Rule::new("oom-killed", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let containers = window
        .containers()
        .iter()
        .filter_map(|container| in_container(window, container));
    Verdict::of(containers.chain(on_host(window)).collect())
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let kills = memory_kills::of(window, container, Class::Container);
    if kills.number == 0 {
        return None;
    }
    let last = kills.kernel.last();
    let limit = memory_kills::limit(container, None, last.map(|kill| kill.victim));
    let subject = container.subject();
    let title = match (limit, last.map(|kill| kill.whose)) {
        (Some(limit), Some(Whose::Pod)) => {
            format!("{subject} was OOM-killed at its pod's memory limit of {}", bytes(limit))
        }
        (Some(limit), _) => format!("{subject} was OOM-killed at its memory limit of {}", bytes(limit)),
        (None, _) => format!("{subject} was OOM-killed"),
    };
    let mut insight = Insight::new("oom-killed", subject, Severity::Critical, title, cause(container, last));
    container.key().clone_into(&mut insight.what);
    insight.revision = kills.number as u64;
    insight.about = suspects::pod(&container.identity);
    insight.suspects = suspects::owner(&container.identity).into_iter().collect();
    insight = memory_kills::evidence(insight, &kills, container);
    insight = with_siblings(window, insight, last);
    insight = with_restarts(window, insight, container);
    Some(with_remedies(window, insight, container, &kills, limit))
}

fn cause(container: &ContainerView<'_>, kill: Option<&Kill<'_>>) -> String {
    let Some(kill) = kill else {
        return "it needed more memory than its limit allows; only Kubernetes or the cgroup counter tells of the kill, \
                so the victim is not known"
            .to_owned();
    };
    let whose = match kill.whose {
        Whose::Own => "its own limit",
        _ => "the limit of the pod or of a cgroup above it",
    };
    let growth = memory_kills::growth(container)
        .map(|growth| format!("; {growth}"))
        .unwrap_or_default();
    let child = if kill.victim.ns_pid > 1 {
        "; the victim is a child process, and the container's main process ended with it"
    } else {
        ""
    };
    format!(
        "{whose} was full and the kernel killed {}{growth}{child}",
        memory_kills::victim(kill)
    )
}

/// Who else filled the limit of the pod.
fn with_siblings(window: &Window<'_>, mut insight: Insight, kill: Option<&Kill<'_>>) -> Insight {
    if kill.is_none_or(|kill| kill.whose != Whose::Pod) {
        return insight;
    }
    let used = |container: &ContainerView<'_>| {
        let last = container.series(&signals::MEMORY_USAGE)?.last()?;
        Some((last.at, container.key().to_owned(), last.max))
    };
    let mut all: Vec<_> = window.containers().iter().filter_map(used).collect();
    all.sort_by(|a, b| b.2.total_cmp(&a.2));
    for (at, name, used) in all.into_iter().take(NAMED) {
        insight = insight.because(
            at,
            Source::Cgroup,
            format!("container {name} of the pod used {}", bytes(used)),
        );
    }
    insight
}

fn with_restarts(window: &Window<'_>, insight: Insight, container: &ContainerView<'_>) -> Insight {
    let Some(state) = container.state.filter(|state| state.restarts > 1) else {
        return insight;
    };
    let waits = match &state.status {
        ContainerStatus::Waiting { reason, .. } => format!(", waiting: {reason}"),
        _ => String::new(),
    };
    let says = format!("{} restarted so far{waits}", count(state.restarts as usize, "time"));
    insight.because(window.now(), Source::Kubernetes, says)
}

fn with_remedies(
    window: &Window<'_>,
    mut insight: Insight,
    container: &ContainerView<'_>,
    kills: &Kills<'_>,
    limit: Option<f64>,
) -> Insight {
    let pod = &container.identity;
    insight.remedies.push(remedies::look(
        pod,
        "the log of the run that was killed may show what it was doing",
    ));
    let own = kills.kernel.last().is_none_or(|kill| kill.whose == Whose::Own);
    if let Some(limit) = limit.filter(|_| own) {
        let node = pod.node.as_deref().and_then(|name| window.world().node(name));
        let allocatable = node.and_then(|node| node.state.allocatable_memory);
        let peak = container
            .runs
            .iter()
            .map(|run| memory_kills::peak(*run))
            .fold(0.0, f64::max);
        insight
            .remedies
            .push(remedies::raise_memory_limit(pod, peak, limit, allocatable));
    }
    let began = insight
        .evidence
        .iter()
        .map(|evidence| evidence.at)
        .min()
        .unwrap_or(window.now());
    insight
        .remedies
        .extend(crate::changes::undo(window.world(), pod, began));
    insight
}

/// A kill outside every container: named, with nothing kubectl could do.
fn on_host(window: &Window<'_>) -> Option<Insight> {
    let subject @ Subject::Process(_) = window.subject() else {
        return None;
    };
    let (at, kill) = window.own().facts().rev().find_map(|(at, fact)| match fact {
        Fact::OomKill(kill) => Some((*at, kill)),
        _ => None,
    })?;
    let title = format!("{subject} was OOM-killed on the node, outside every container");
    let cause = match kill.limit {
        Some(limit) => format!("its cgroup was at its limit of {}", bytes(limit as f64)),
        None => "the node ran out of memory".to_owned(),
    };
    let says = format!(
        "oom/mark_victim chose {} (pid {}), {} anonymous memory",
        kill.comm,
        kill.pid,
        bytes(kill.anon as f64)
    );
    let insight = Insight::new("oom-killed", subject, Severity::Warning, title, cause);
    Some(insight.because(at, Source::Kernel, says))
}
