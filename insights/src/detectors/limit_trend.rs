//! # Something other than memory is on its way to its limit
//!
//! **Why it matters.** Processes, open files, disk space, inodes and tracked connections run out all at once: forks fail, files
//! cannot be opened or written, packets are dropped, pods are evicted, and each error looks like one of the application's own.
//!
//! **How it is seen.** The same forecast as for memory (`oom-trend`), made from what is used and what holds: `pids.current` under the
//! lowest `pids.max` around it; open files of the process that is nearest to its `RLIMIT_NOFILE`; used bytes and inodes of volumes
//! that have a file system of their own; `MemAvailable` and the kubelet's file system of the node down to the eviction thresholds; entries
//! of the connection tracking table.
//!
//! **Thresholds.** As for memory: info from a stated probability of 0.3, warning from 0.5, critical from 0.8 within 32 minutes; beyond
//! that a warning at most. Nothing below a quarter of the limit.
//!
//! **What it cannot do.** What is stated is calibrated on OOM kills: how often these limits are met is not learnt from.
//!
//! **What to do.** Find what grows; raise the limit where it stands, or make room.

use correlator::forecast::{Filling, OF_OTHERS};
use correlator::{
    ContainerView, Insight, PodIdentity, Remedy, Resource, Severity, Source, Subject, Tunable, Verdict, Window,
};

use crate::consumers::{self, Consumer};
use crate::danger::{self, Danger};
use crate::kubectl::on_pod;
use crate::phrase::{bytes, duration, escape};
use crate::rule::Rule;
use crate::{growth, nodes, remedies, standing};

const SOON: Tunable = danger::soon("limit-trend");
const TUNABLES: [Tunable; 4] = {
    let [info, warning, critical] = OF_OTHERS;
    [info, warning, critical, SOON]
};

/// Pods that are named when a node's memory runs out.
const NAMED: usize = 3;

/// What is told of a resource.
struct Kind {
    resource: Resource,
    /// What fills up: `its processes and threads`.
    what: &'static str,
    /// What happens at the limit.
    then: &'static str,
    event: &'static str,
    written: growth::Written,
}

impl Kind {
    /// Where its figures are read: the cgroup files, or /proc and the file systems.
    fn source(&self) -> Source {
        match self.resource {
            Resource::Processes => Source::Cgroup,
            _ => Source::Kernel,
        }
    }
}

const OF_CONTAINERS: [Kind; 2] = [
    Kind {
        resource: Resource::Processes,
        what: "its processes and threads",
        then: "it can start no process or thread any more (EAGAIN)",
        event: "process-limit",
        written: pieces,
    },
    Kind {
        resource: Resource::Files,
        what: "the open files of one of its processes",
        then: "that process can open no file or connection any more (EMFILE)",
        event: "file-limit",
        written: pieces,
    },
];
const OF_PODS: [Kind; 2] = [
    Kind {
        resource: Resource::Volume,
        what: "its volume",
        then: "nothing can be written to it any more (ENOSPC)",
        event: "volume-full",
        written: bytes,
    },
    Kind {
        resource: Resource::VolumeInodes,
        what: "the inodes of its volume",
        then: "no file can be made on it any more (ENOSPC), whatever space is left",
        event: "volume-full",
        written: pieces,
    },
];
const OF_NODES: [Kind; 4] = [
    Kind {
        resource: Resource::NodeMemory,
        what: "its memory",
        then: "the kubelet evicts pods for node pressure; this is no OOM kill",
        event: "eviction",
        written: bytes,
    },
    Kind {
        resource: Resource::NodeDisk,
        what: "the kubelet's disk",
        then: "the kubelet deletes images and evicts pods",
        event: "eviction",
        written: bytes,
    },
    Kind {
        resource: Resource::NodeDiskInodes,
        what: "the inodes of the kubelet's disk",
        then: "the kubelet deletes images and evicts pods",
        event: "eviction",
        written: pieces,
    },
    Kind {
        resource: Resource::Conntrack,
        what: "its connection tracking table",
        then: "packets of new connections are dropped",
        event: "conntrack-full",
        written: pieces,
    },
];

pub(crate) const RULE: Rule = Rule {
    needs: &["cgroup", "node"],
    tunables: &TUNABLES,
    ..Rule::new("limit-trend", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if window.pod().is_some_and(standing::is_over) {
        return Verdict::Quiet;
    }
    let containers = window.containers().iter().flat_map(|container| {
        let of_kind = move |kind| in_container(window, container, kind);
        OF_CONTAINERS.iter().filter_map(of_kind)
    });
    let own = OF_PODS.iter().chain(&OF_NODES).flat_map(|kind| {
        window
            .fillings(kind.resource)
            .map(move |(name, filling)| (kind, name, filling))
    });
    let own = own.filter_map(|(kind, name, filling)| {
        let insight = told(window, window.subject(), kind, name, filling)?;
        Some(with_remedies(insight, kind, None))
    });
    Verdict::of(containers.chain(own).collect())
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>, kind: &Kind) -> Option<Insight> {
    if is_told(window, container) {
        return None;
    }
    let run = container.runs.last()?;
    let (_, filling) = run.fillings(kind.resource).next()?;
    let mut insight = told(window, container.subject(), kind, "", filling)?;
    insight.what = format!("{}/{}", container.key(), kind.event);
    Some(with_remedies(insight, kind, Some(&container.identity)))
}

/// Whether it is told that the container is at such a limit already.
fn is_told(window: &Window<'_>, container: &ContainerView<'_>) -> bool {
    let subject = container.subject();
    window
        .open()
        .any(|insight| insight.id == "resource-exhausted" && insight.subject == subject)
}

fn told(window: &Window<'_>, subject: Subject, kind: &Kind, name: &str, filling: &Filling) -> Option<Insight> {
    let danger = Danger::of(
        filling.record()?,
        filling.outlook(),
        window.now(),
        window.tuned_time(&SOON),
    )?;
    let sample = danger.fill.last()?;
    let (capacity, written) = (sample.used + sample.headroom, kind.written);
    let what = match name {
        "" => kind.what.to_owned(),
        name => format!("{} {}", kind.what, escape(name, 63)),
    };
    let verdict = match danger.severity {
        Severity::Info => "may reach",
        Severity::Warning | Severity::Critical => "is likely to reach",
    };
    let when = danger.time.map(|time| format!(" in about {}", duration(time.likely)));
    let title = format!(
        "{subject} {verdict} the limit of {what}{}: {}",
        when.unwrap_or_default(),
        written(capacity)
    );
    let trend = growth::trend(danger.fill, danger.horizon, capacity, written);
    let mut cause = format!("{} of {} are in use", written(sample.used), written(capacity));
    if let Some(trend) = &trend {
        cause = format!("{cause}, and {trend}");
    }
    let cause = format!("{cause}; at the limit {}", kind.then);
    let mut insight = Insight::new("limit-trend", subject, danger.severity, title, cause);
    insight.what = format!("{}/{name}", kind.resource.label());
    let reasons = growth::reasons(&window.reasons(danger.fill, danger.horizon));
    for says in trend.into_iter().chain(growth::peaks(danger.fill)).chain(reasons) {
        insight = insight.because(window.now(), kind.source(), says);
    }
    if let (Resource::NodeMemory, Subject::Node(node)) = (kind.resource, &insight.subject) {
        let largest: Vec<String> = consumers::on_node(window, node)
            .iter()
            .take(NAMED)
            .map(Consumer::says)
            .collect();
        for says in largest {
            insight = insight.because(window.now(), Source::Cgroup, says);
        }
    }
    insight.prediction = Some(danger.prediction(kind.event, window.calibration()));
    Some(insight)
}

fn with_remedies(mut insight: Insight, kind: &Kind, container: Option<&PodIdentity>) -> Insight {
    let look = match (&insight.subject, container) {
        (_, Some(pod)) => vec![remedies::look_at_log(
            pod,
            "what grows is often named there: a pool, a queue, a leak of handles",
        )],
        (Subject::Pod(pod), None) => look_at_volume(pod).into_iter().collect(),
        (Subject::Node(node), None) if kind.resource == Resource::Conntrack => {
            remedies::look_at_node(Some(node)).into_iter().collect()
        }
        (Subject::Node(node), None) => nodes::look_at(node, "what runs there fills it up together")
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    insight.remedies = look;
    insight
}

/// Read-only: which claim the volume belongs to.
fn look_at_volume(pod: &PodIdentity) -> Option<Remedy> {
    let describe = on_pod(&["describe", "pod"], pod)?;
    Some(Remedy::look(
        format!("See what fills the volume of {}", pod.pod_label()),
        "a claim of a class that allows expansion can be given more; what is not needed can be deleted".to_owned(),
        vec![describe.to_string()],
        "its use stops growing, or its claim is bound to more".to_owned(),
    ))
}

fn pieces(number: f64) -> String {
    format!("{number:.0}")
}
