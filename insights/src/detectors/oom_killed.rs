//! # A container ran out of memory and the kernel killed a process in it
//!
//! **Why it matters.** The kill comes without warning and the process cannot clean up. When the victim is a child process
//! the container keeps running and Kubernetes shows nothing at all.
//!
//! **How it is seen.** The kernel's `oom/mark_victim` tracepoint names the victim and the memory cgroup that ran out; the
//! cgroup's own counter (`memory.events`, `memory.oom_control`) and the API server's `OOMKilled` are further witnesses of
//! the same kill and are not counted again. Without the kernel's word the other two are enough.
//!
//! **Thresholds.** None: one kill is enough. Critical; repeated kills update the same insight.
//!
//! **What to do.** Read the log of the run that ended, then raise the limit or make the process need less. When no cgroup
//! was at its limit the node itself ran out: raising this container's limit does not help, a request that matches what it
//! uses does.

use std::time::Duration;

use correlator::{
    ContainerView, Detector, Fact, Insight, OomKill, RunView, Series, Severity, Source, Subject, Termination,
    Timestamp, Verdict, Window, signals,
};

use crate::phrase::{bytes, count, duration};
use crate::remedies;

/// The detector.
pub(crate) struct Rule;

impl Detector for Rule {
    fn id(&self) -> &'static str {
        "oom-killed"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["ebpf/memory", "cgroup", "k8s/pods"]
    }

    fn hold(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        let containers = window
            .containers()
            .iter()
            .filter_map(|container| in_container(window, container));
        Verdict::of(containers.chain(on_host(window)).collect())
    }
}

/// Everything that was seen of the kills in one container.
#[derive(Default)]
struct Kills<'a> {
    kernel: Vec<(Timestamp, &'a OomKill, RunView<'a>)>,
    stated: Vec<&'a Termination>,
    counted: Vec<(Timestamp, u64)>,
}

impl Kills<'_> {
    fn number(&self) -> usize {
        let unseen = self
            .stated
            .iter()
            .filter(|end| !self.kernel.iter().any(|(_, _, run)| *run.id == *end.container_id));
        let counted: u64 = self.counted.iter().map(|(_, kills)| kills).sum();
        (self.kernel.len() + unseen.count()).max(usize::try_from(counted).unwrap_or(usize::MAX))
    }
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let kills = gather(window.now(), container);
    let number = kills.number();
    if number == 0 {
        return None;
    }
    let last = kills.kernel.last();
    let limit = limit(container, last.map(|(_, kill, _)| *kill));
    let subject = container.subject();
    let title = match limit {
        Some(limit) => format!("{subject} was OOM-killed at its memory limit of {}", bytes(limit)),
        None => format!("{subject} was OOM-killed"),
    };
    let cause = cause(container, last.map(|(_, kill, _)| *kill), limit);
    let mut insight = Insight::new("oom-killed", subject, Severity::Critical, title, cause);
    container.key().clone_into(&mut insight.what);
    insight.revision = number as u64;
    insight = with_evidence(insight, &kills, container);
    insight.remedies.push(remedies::look(
        &container.identity,
        "the log of the run that was killed may show what it was doing",
    ));
    let node_ran_out = last.is_some_and(|(_, kill, _)| kill.limit.is_none());
    if let Some(limit) = limit.filter(|_| !node_ran_out) {
        let node = container
            .identity
            .node
            .as_deref()
            .and_then(|name| window.world().node(name));
        let allocatable = node.and_then(|node| node.state.allocatable_memory);
        insight.remedies.push(remedies::raise_memory_limit(
            &container.identity,
            peak(container),
            limit,
            allocatable,
        ));
    }
    Some(insight)
}

fn gather<'a>(now: Timestamp, container: &ContainerView<'a>) -> Kills<'a> {
    let mut kills = Kills::default();
    for run in &container.runs {
        let facts = run.history.facts();
        kills.kernel.extend(facts.filter_map(|(at, fact)| match fact {
            Fact::OomKill(kill) => Some((*at, kill, *run)),
            _ => None,
        }));
        let buckets = run
            .history
            .series(&signals::MEMORY_OOM_KILLS)
            .into_iter()
            .flat_map(Series::buckets);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        kills.counted.extend(
            buckets
                .map(|bucket| (bucket.at, bucket.sum as u64))
                .filter(|(_, kills)| *kills > 0),
        );
    }
    let is_news = |end: &&Termination| {
        &*end.reason == "OOMKilled" && end.finished.is_some_and(|at| now.since(at) < correlator::REACH)
    };
    kills.stated = container.terminations.iter().copied().filter(is_news).collect();
    kills
}

/// The limit that ran out: by the kernel's word, by the cgroup files, by the pod's spec.
fn limit(container: &ContainerView<'_>, kill: Option<&OomKill>) -> Option<f64> {
    if let Some(kill) = kill {
        return kill.limit.map(|limit| limit as f64);
    }
    let newest = |run: &RunView<'_>| {
        run.history
            .series(&signals::MEMORY_LIMIT)?
            .last()
            .map(|bucket| bucket.last)
    };
    let spec = container
        .state
        .and_then(|state| state.memory_limit)
        .map(|limit| limit as f64);
    container.runs.iter().rev().find_map(newest).or(spec)
}

fn peak(container: &ContainerView<'_>) -> f64 {
    let highest = container
        .runs
        .iter()
        .filter_map(|run| run.history.series(&signals::MEMORY_USAGE)?.max());
    highest.fold(0.0, f64::max)
}

fn cause(container: &ContainerView<'_>, kill: Option<&OomKill>, limit: Option<f64>) -> String {
    let Some(kill) = kill else {
        return "it needed more memory than its limit allows; only Kubernetes or the cgroup counter tells of the kill, \
                so the victim is not known"
            .to_owned();
    };
    let victim = format!(
        "{} (pid {}, {} anonymous memory)",
        kill.comm,
        kill.pid,
        bytes(kill.anon as f64)
    );
    let whose = match (limit, kill.own_limit) {
        (None, _) => {
            return format!("the node ran out of memory, no cgroup was at its limit; the kernel chose {victim}");
        }
        (Some(_), true) => "its own limit",
        (Some(_), false) => "the limit of the pod or of a cgroup above it",
    };
    let growth = growth(container)
        .map(|growth| format!("; {growth}"))
        .unwrap_or_default();
    let child = if kill.ns_pid > 1 {
        "; the victim is not the container's main process, which may live on"
    } else {
        ""
    };
    format!("{whose} was full and the kernel killed {victim}{growth}{child}")
}

/// How the unreclaimable memory of the killed run grew, when it was watched for five seconds or more.
fn growth(container: &ContainerView<'_>) -> Option<String> {
    let series = container.runs.iter().rev().find_map(|run| {
        let series = run.history.series(&signals::MEMORY_UNRECLAIMABLE)?;
        run.history
            .facts()
            .any(|(_, fact)| matches!(fact, Fact::OomKill(_)))
            .then_some(series)
    })?;
    let first = series.buckets().next()?;
    let top = series.buckets().max_by(|a, b| a.max.total_cmp(&b.max))?;
    let took = top.at.since(first.at);
    (took >= Duration::from_secs(5) && top.max > first.min).then(|| {
        format!(
            "memory it cannot give back grew from {} to {} in {}",
            bytes(first.min),
            bytes(top.max),
            duration(took)
        )
    })
}

fn with_evidence(mut insight: Insight, kills: &Kills<'_>, container: &ContainerView<'_>) -> Insight {
    for (at, kill, _) in &kills.kernel {
        let charged = match (kill.usage, kill.limit) {
            (Some(usage), Some(limit)) => {
                format!("cgroup at {} of {}", bytes(usage as f64), bytes(limit as f64))
            }
            _ => "no cgroup at its limit".to_owned(),
        };
        let parts = format!(
            "anonymous {}, file {}, shared {}",
            bytes(kill.anon as f64),
            bytes(kill.file as f64),
            bytes(kill.shmem as f64)
        );
        let says = format!(
            "oom/mark_victim chose {} (pid {}): {parts}; {charged}",
            kill.comm, kill.pid
        );
        insight = insight.because(*at, Source::Kernel, says);
    }
    for (at, counted) in &kills.counted {
        let says = format!(
            "the cgroup counted {}",
            count(usize::try_from(*counted).unwrap_or(usize::MAX), "OOM kill")
        );
        insight = insight.because(*at, Source::Cgroup, says);
    }
    for end in &kills.stated {
        let at = end.finished.unwrap_or_default();
        let says = format!(
            "container {} ended: {}, exit code {}",
            container.key(),
            end.reason,
            end.exit_code
        );
        insight = insight.because(at, Source::Kubernetes, says);
    }
    insight.evidence.sort_by_key(|evidence| evidence.at);
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
