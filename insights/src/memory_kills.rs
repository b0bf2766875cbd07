//! The OOM kills of a container, gathered from kernel, cgroup counter and API server, each kill once, and told apart by
//! whose memory ran out and whether the container lived on.

mod tell;

use std::time::Duration;

use correlator::{
    ContainerStatus, ContainerView, Fact, OomKill, REACH, RunView, Series, Termination, Timestamp, Window, signals,
};

pub(crate) use tell::{evidence, growth, victim};

/// Victims within this time are one kill: with `memory.oom.group` the kernel kills every process of the cgroup.
const ONE_KILL: Duration = Duration::from_secs(1);
/// A main process that outlives the kill of a child by this lives on.
const SETTLED: Duration = Duration::from_secs(2);
/// The kubelet tells that a container ended within this time.
const TOLD: Duration = Duration::from_secs(5);
/// From this share of a node's allocatable memory on, a limit is that of all its pods together (`kubepods`).
const ALL_PODS: f64 = 0.9;

/// Whose memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The container's own limit.
    Own,
    /// The limit of its pod, or of a cgroup between the pod and all pods.
    Pod,
    /// What the node gives all its pods together.
    AllPods,
    /// The node: no cgroup was at its limit.
    Node,
}

impl Whose {
    /// Whether the node ran out rather than the container or its pod.
    pub(crate) const fn is_node(self) -> bool {
        matches!(self, Self::AllPods | Self::Node)
    }
}

/// Which insight tells of a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// `oom-killed`: the container ended, at its own limit or its pod's.
    Container,
    /// `oom-child-killed`: the container goes on without one of its processes.
    Child,
    /// `oom-killed-node`: the node ran out.
    Node,
}

/// One kill by the kernel's word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill<'a> {
    pub(crate) at: Timestamp,
    /// The main process when it was among the victims, else the first one.
    pub(crate) victim: &'a OomKill,
    /// Processes killed with it.
    pub(crate) others: usize,
    pub(crate) whose: Whose,
    pub(crate) run: RunView<'a>,
}

/// Everything that was seen of the kills of one class.
#[derive(Debug, Default)]
pub(crate) struct Kills<'a> {
    pub(crate) kernel: Vec<Kill<'a>>,
    /// The API server's word.
    pub(crate) stated: Vec<&'a Termination>,
    /// The cgroup's counter: when, and how many processes.
    pub(crate) counted: Vec<(Timestamp, u64)>,
    /// How many kills these are together.
    pub(crate) number: usize,
}

/// The kills of one class. What is too young to be told apart is left out until it can be.
pub(crate) fn of<'a>(window: &Window<'_>, container: &ContainerView<'a>, class: Class) -> Kills<'a> {
    let mut kills = Kills::default();
    for run in &container.runs {
        add_run(&mut kills, window, container, *run, class);
    }
    if class == Class::Container {
        let is_run = |end: &&Termination| container.runs.iter().any(|run| *run.id == *end.container_id);
        let alone = stated(window, container).filter(|end| !is_run(end));
        kills
            .stated
            .extend(alone.filter(|_| !is_told_otherwise(window, container)));
        kills.number += kills.stated.iter().filter(|end| !is_run(end)).count();
    }
    kills.stated.sort_by_key(|end| end.finished);
    kills
}

fn add_run<'a>(
    kills: &mut Kills<'a>,
    window: &Window<'_>,
    container: &ContainerView<'a>,
    run: RunView<'a>,
    class: Class,
) {
    let all = victims(window, container, run);
    let ours: Vec<Kill<'a>> = all
        .iter()
        .copied()
        .filter(|kill| self::class(window.now(), kill) == Some(class))
        .collect();
    let stated: Vec<&Termination> = stated(window, container)
        .filter(|end| *end.container_id == *run.id)
        .collect();
    let silent = all.is_empty() && silent_class(window, container, run, !stated.is_empty()) == Some(class);
    if ours.is_empty() && !silent {
        return;
    }
    let processes: u64 = counted(run).map(|(_, kills)| kills).sum();
    kills.number += match (ours.len(), stated.is_empty()) {
        (0, true) => usize::try_from(processes).unwrap_or(usize::MAX),
        (0, false) => 1,
        (seen, _) => seen,
    };
    kills.kernel.extend(ours);
    kills.stated.extend(stated);
    kills.counted.extend(counted(run));
}

/// The kernel's victims of one run, grouped into kills.
fn victims<'a>(window: &Window<'_>, container: &ContainerView<'a>, run: RunView<'a>) -> Vec<Kill<'a>> {
    let mut kills: Vec<Kill<'a>> = Vec::new();
    for (at, fact) in run.history.facts() {
        let Fact::OomKill(victim) = fact else { continue };
        match kills.last_mut().filter(|kill| at.since(kill.at) < ONE_KILL) {
            Some(kill) => {
                kill.others += 1;
                if victim.ns_pid == 1 {
                    kill.victim = victim;
                }
            }
            None => kills.push(Kill {
                at: *at,
                victim,
                others: 0,
                whose: whose(window, container, victim),
                run,
            }),
        }
    }
    kills
}

fn class(now: Timestamp, kill: &Kill<'_>) -> Option<Class> {
    if kill.whose.is_node() {
        return Some(Class::Node);
    }
    let ended = kill.run.history.facts().any(|(at, fact)| match fact {
        Fact::Exit(exit) => exit.ns_pid == 1 && at.since(kill.at) < SETTLED && kill.at.since(*at) < SETTLED,
        _ => false,
    });
    match kill.victim.ns_pid {
        0 | 1 => Some(Class::Container),
        _ if ended => Some(Class::Container),
        _ => (now.since(kill.at) >= SETTLED).then_some(Class::Child),
    }
}

/// What a kill is that the kernel did not tell of: of a child when the API server says that the container still runs.
fn silent_class(window: &Window<'_>, container: &ContainerView<'_>, run: RunView<'_>, stated: bool) -> Option<Class> {
    if stated {
        return (!is_told_otherwise(window, container)).then_some(Class::Container);
    }
    let last = counted(run).map(|(at, _)| at).last()?;
    let runs = container
        .state
        .is_some_and(|state| *state.id == *run.id && matches!(state.status, ContainerStatus::Running { .. }));
    if !runs {
        return Some(Class::Container);
    }
    (window.now().since(last) >= TOLD).then_some(Class::Child)
}

/// The kernel told more of this kill than the API server repeats after the kernel's word was forgotten.
fn is_told_otherwise(window: &Window<'_>, container: &ContainerView<'_>) -> bool {
    let is_other = |id: &str| matches!(id, "oom-killed-node" | "oom-child-killed");
    let uid = &container.identity.uid;
    window.found().any(|open| {
        is_other(open.id) && open.what == container.key() && crate::suspects::pod_of(&open.subject) == Some(uid)
    })
}

fn stated<'a>(window: &Window<'_>, container: &ContainerView<'a>) -> impl Iterator<Item = &'a Termination> {
    let now = window.now();
    let is_news =
        move |end: &&Termination| &*end.reason == "OOMKilled" && end.finished.is_some_and(|at| now.since(at) < REACH);
    container.terminations.clone().into_iter().filter(is_news)
}

/// What the cgroup's counter said of one run.
pub(crate) fn counted(run: RunView<'_>) -> impl Iterator<Item = (Timestamp, u64)> {
    let buckets = run
        .history
        .series(&signals::MEMORY_OOM_KILLS)
        .into_iter()
        .flat_map(Series::buckets);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    let kills = buckets.map(|bucket| (bucket.at, bucket.sum as u64));
    kills.filter(|(_, kills)| *kills > 0)
}

/// Whose memory ran out at this kill.
pub(crate) fn whose(window: &Window<'_>, container: &ContainerView<'_>, kill: &OomKill) -> Whose {
    let Some(limit) = kill.limit else { return Whose::Node };
    let own = container.state.and_then(|state| state.memory_limit);
    if kill.own_limit || own == Some(limit) {
        return Whose::Own;
    }
    let node = container
        .identity
        .node
        .as_deref()
        .and_then(|name| window.world().node(name));
    let allocatable = node.and_then(|node| node.state.allocatable_memory);
    match allocatable {
        Some(all) if limit as f64 >= all as f64 * ALL_PODS => Whose::AllPods,
        _ => Whose::Pod,
    }
}

/// The limit that ran out, bytes: by the kernel's word, by the cgroup files, by the pod's spec.
pub(crate) fn limit(container: &ContainerView<'_>, run: Option<RunView<'_>>, kill: Option<&OomKill>) -> Option<f64> {
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
    run.iter().chain(container.runs.iter().rev()).find_map(newest).or(spec)
}

/// The most that a run was charged, bytes; zero when that was not measured.
pub(crate) fn peak(run: RunView<'_>) -> f64 {
    run.history
        .series(&signals::MEMORY_USAGE)
        .and_then(Series::max)
        .unwrap_or_default()
}
