//! # A container runs into a limit that is not of memory or CPU
//!
//! **Why it matters.** Open files, processes, disk space and ports run out without a word from Kubernetes: the application logs an
//! error that looks like its own, hangs, or ends, and each limit is raised in another place.
//!
//! **How it is seen.** Errors of system calls, counted in the kernel by container (`syscall` probe, profile comprehensive): `EMFILE`,
//! `ENFILE`, `ENOSPC`, `EAGAIN` of clone, `EADDRINUSE` and `EADDRNOTAVAIL` of bind; and the cgroup's `pids.current` against `pids.max`, in
//! every profile. Ports that run out for connects are told elsewhere.
//!
//! **Thresholds.** Five errors within one minute, one just before a run ends with a failure, or 90 % of the allowed processes and
//! threads for ten seconds. Warning; critical when a run ended so, or at the limit of processes.
//!
//! **What to do.** Find out whether the application leaks or the limit is too low; the insight names where the limit stands.

use std::time::Duration;

use correlator::{
    ContainerView, Insight, REACH, Remedy, Series, Severity, Signal, Source, Timestamp, Tunable, Verdict, Window,
};

use crate::ends;
use crate::limits::{self, Hit, Limit};
use crate::nodes;
use crate::phrase::count;
use crate::rule::Rule;
use crate::{remedies, suspects};

const LEAST: Tunable = Tunable {
    detector: "resource-exhausted",
    name: "leastErrors",
    default: 5.0,
    bounds: [1.0, 1e6],
    meaning: "errors of one limit within a minute that are no accident",
};
/// What is judged.
const FRESH: Duration = Duration::from_secs(60);
const CLOSE: Tunable = Tunable {
    detector: "resource-exhausted",
    name: "processesRatio",
    default: 0.9,
    bounds: [0.1, 1.0],
    meaning: "part of the allowed processes and threads that is close to the limit",
};
const LASTING: Tunable = Tunable {
    detector: "resource-exhausted",
    name: "processesSeconds",
    default: 10.0,
    bounds: [1.0, 240.0],
    meaning: "how long processes and threads have to be that close to their limit",
};
/// From the cgroup files: processes and threads, and the lowest limit that holds.
const PIDS: Signal = Signal::new("pids.current");
const PIDS_MAX: Signal = Signal::new("pids.max");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/syscall", "cgroup", "k8s/pods"],
    tunables: &[LEAST, CLOSE, LASTING],
    ..Rule::new("resource-exhausted", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

/// What was found of one limit.
struct Found {
    hit: Hit,
    /// A run ended with this code just after.
    ended: Option<i32>,
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Vec<Insight> {
    let now = window.now();
    let mut found: Vec<Found> = Vec::new();
    for end in ends::of(now, container, REACH)
        .iter()
        .filter(|end| !matches!(end.code, 0 | 137 | 143))
    {
        let ended = Some(end.code);
        found.extend(limits::before(end).into_iter().map(|hit| Found { hit, ended }));
    }
    let runs = container
        .runs
        .iter()
        .flat_map(|run| limits::hits(*run, now.minus(FRESH), now));
    found.extend(
        runs.filter(|hit| hit.count as f64 >= window.tuned(&LEAST))
            .map(|hit| Found { hit, ended: None }),
    );
    // Of one limit the account of an end says most; of several the last.
    found.sort_by_key(|found| {
        (
            found.hit.limit,
            found.ended.is_none(),
            std::cmp::Reverse(found.hit.last),
        )
    });
    found.dedup_by_key(|found| found.hit.limit);
    let tasks = tasks(window, container);
    let mut insights: Vec<Insight> = found
        .iter()
        .map(|found| insight(window, container, found, tasks))
        .collect();
    if let Some((at, current, most)) = tasks.filter(|_| !found.iter().any(|found| found.hit.limit == Limit::Tasks)) {
        insights.push(close_to_tasks(container, at, current, most));
    }
    insights
}

/// Processes and threads close to their limit for a while: when, how many, and the limit.
fn tasks(window: &Window<'_>, container: &ContainerView<'_>) -> Option<(Timestamp, f64, f64)> {
    let most = container.series(&PIDS_MAX).and_then(Series::last)?.last;
    let series = container.series(&PIDS)?;
    let close = |bucket: &correlator::Bucket| bucket.last >= window.tuned(&CLOSE) * most;
    let lasting = series.buckets().rev().take_while(close).count() as f64 >= window.tuned(&LASTING);
    series
        .last()
        .filter(|_| lasting && most > 0.0)
        .map(|bucket| (bucket.at, bucket.last, most))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    found: &Found,
    tasks: Option<(Timestamp, f64, f64)>,
) -> Insight {
    let Found { hit, ended } = found;
    let severity = if ended.is_some() {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let subject = container.subject();
    let title = format!("{subject} {}", headline(hit.limit));
    let mut cause = explain(hit.limit, tasks.map(|(_, _, most)| most));
    if let Some(code) = ended {
        cause = format!("{cause}. It ended with {code} just after");
    }
    let mut insight = Insight::new("resource-exhausted", subject, severity, title, cause);
    insight.what = format!("{} {:?}", container.key(), hit.limit);
    insight.revision = hit.count;
    insight.about = suspects::pod(&container.identity);
    insight.suspects = suspects(window, container, hit.limit);
    let (call, errno) = hit.call.split_once(':').unwrap_or((hit.call, "an error"));
    let says = format!(
        "{} ended with {errno}, most of them {call}",
        count(usize::try_from(hit.count).unwrap_or(usize::MAX), "system call")
    );
    insight = insight.because(hit.last, Source::Kernel, says);
    if let Some((at, current, most)) = tasks.filter(|_| hit.limit == Limit::Tasks) {
        insight = insight.because(
            at,
            Source::Cgroup,
            format!("{current:.0} processes and threads of {most:.0}"),
        );
    }
    insight.remedies.push(remedies::look_at_log(
        &container.identity,
        "its own error message names the file, port or thread",
    ));
    insight.remedies.extend(knob(container, hit.limit));
    insight
}

fn close_to_tasks(container: &ContainerView<'_>, at: Timestamp, current: f64, most: f64) -> Insight {
    let full = current >= most;
    let severity = if full { Severity::Critical } else { Severity::Warning };
    let subject = container.subject();
    let title = format!("{subject} has {current:.0} of the {most:.0} processes and threads it may have");
    let mut insight = Insight::new(
        "resource-exhausted",
        subject,
        severity,
        title,
        explain(Limit::Tasks, Some(most)),
    );
    insight.what = format!("{} {:?}", container.key(), Limit::Tasks);
    insight.about = suspects::pod(&container.identity);
    insight.suspects = suspects::owner(&container.identity).into_iter().collect();
    insight = insight.because(
        at,
        Source::Cgroup,
        format!("pids.current {current:.0}, pids.max {most:.0}"),
    );
    insight.remedies.push(remedies::look_at_log(
        &container.identity,
        "whether it makes threads without end",
    ));
    insight.remedies.extend(knob(container, Limit::Tasks));
    insight
}

/// What stands in the template, and what the node as a whole ran out of.
fn suspects(window: &Window<'_>, container: &ContainerView<'_>, limit: Limit) -> Vec<correlator::Culprit> {
    let pod = &container.identity;
    let node = pod.node.as_deref().and_then(|name| window.world().node(name));
    let full = |kind: &str| {
        let condition = node.and_then(|node| node.state.condition(kind));
        condition.is_some_and(|condition| &*condition.status == "True")
    };
    let of_node = match limit {
        Limit::NodeFiles => true,
        Limit::Disk => full("DiskPressure"),
        Limit::Tasks => full("PIDPressure"),
        _ => false,
    };
    suspects::node(pod)
        .filter(|_| of_node)
        .into_iter()
        .chain(suspects::owner(pod))
        .collect()
}

fn headline(limit: Limit) -> &'static str {
    match limit {
        Limit::OpenFiles => "has no more open files (EMFILE)",
        Limit::NodeFiles => "cannot open files because its node has no more (ENFILE)",
        Limit::InotifyInstances => "gets no more inotify instances (EMFILE)",
        Limit::InotifyWatches => "gets no more inotify watches (ENOSPC)",
        Limit::EpollWatches => "gets no more epoll watches (ENOSPC)",
        Limit::Disk => "writes to a full file system (ENOSPC)",
        Limit::Tasks => "cannot start processes or threads (EAGAIN)",
        Limit::Address => "binds an address that it does not have (EADDRNOTAVAIL)",
        Limit::Port => "binds a port that is taken (EADDRINUSE)",
    }
}

fn explain(limit: Limit, tasks: Option<f64>) -> String {
    match (limit, tasks) {
        (Limit::OpenFiles, _) => "one of its processes has as many files and sockets open as it may (RLIMIT_NOFILE). The limit is the \
                             container runtime's (LimitNOFILE of its service) or was set by the image's entrypoint; Kubernetes \
                             has no field for it. A number that grows without end is a leak"
            .to_owned(),
        (Limit::NodeFiles, _) => "the node has as many files open as its kernel allows (sysctl fs.file-max), whoever opened them".to_owned(),
        (Limit::InotifyInstances, _) => "the processes of its user have as many inotify instances as the node allows (sysctl \
                             fs.inotify.max_user_instances, 128 by default), or it has no more open files"
            .to_owned(),
        (Limit::InotifyWatches, _) => "the processes of its user watch as many files as the node allows (sysctl fs.inotify.max_user_watches)".to_owned(),
        (Limit::EpollWatches, _) => "the processes of its user wait for as many files as the node allows (sysctl fs.epoll.max_user_watches)".to_owned(),
        (Limit::Disk, _) => "a file system that it writes to has no room or no inodes left: the node's disk under its writable layer \
                             and its emptyDir volumes, an emptyDir with a size limit in memory, or a persistent volume"
            .to_owned(),
        (Limit::Tasks, Some(most)) => format!(
            "it, or its pod, may have {most:.0} processes and threads (pids.max; the kubelet's podPidsLimit) and new ones are \
             refused at that number"
        ),
        (Limit::Tasks, None) => "the kernel refuses new processes and threads; the cgroup's limit was not reached or not read, so it is \
                             that of the user (RLIMIT_NPROC), of a cgroup above, or of the node (sysctl kernel.threads-max, kernel.pid_max)"
            .to_owned(),
        (Limit::Address, _) => "the address it is told to listen on belongs to no interface of the pod: 0.0.0.0 or [::] listens on all".to_owned(),
        (Limit::Port, _) => "another process listens on that port already: another container of the pod, a process of its own that \
                             lives on, or, in a hostNetwork pod, anything on the node"
            .to_owned(),
    }
}

/// Where the limit can be looked at.
fn knob(container: &ContainerView<'_>, limit: Limit) -> Option<Remedy> {
    let pod = &container.identity;
    match limit {
        Limit::NodeFiles
        | Limit::InotifyInstances
        | Limit::InotifyWatches
        | Limit::EpollWatches
        | Limit::Disk
        | Limit::Tasks => nodes::look_at(
            pod.node.as_deref()?,
            "the limit is the node's: its conditions, and what else runs there",
        ),
        Limit::OpenFiles | Limit::Address | Limit::Port => {
            let target = crate::kubectl::Target::pod(pod)?;
            Some(Remedy::look(
"Compare ports and command of the pod's containers".to_owned(),
"a limit or an address is set in its command or environment, and two containers of a pod share its ports".to_owned(),
vec![crate::kubectl::get(&target, "yaml").to_string()],
"each port is bound once, and ulimit -n of the entrypoint suits the load".to_owned(),
))
        }
    }
}
