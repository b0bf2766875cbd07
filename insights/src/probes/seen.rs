//! What the kernel and the cgroup files saw of a container around the time its probe failed.

use std::time::Duration;

use correlator::{ContainerView, Outcome, Scope, Signal, Source, Timestamp, Window, signals};

use crate::phrase::count;

/// How far back from the end it is looked.
const BEFORE: Duration = Duration::from_secs(60);
/// Throttled in this share of the quota's periods is slow.
const THROTTLED: f64 = 0.25;
/// Periods below which a share says nothing.
const PERIODS: f64 = 50.0;
/// A wait for a CPU this long, at the 95th percentile, is slow.
const WAIT: Duration = Duration::from_millis(20);
/// Waits below which a quantile says nothing.
const WAITS: u64 = 100;
/// Stalled for memory for this share of the time is slow.
const STALLED: f64 = 0.02;
/// From `cpu_sched`.
const RUNQUEUE_WAIT: Signal = Signal::new("cpu.runqueue_wait");
/// From the cgroup files.
const MEMORY_PRESSURE: Signal = Signal::new("memory.pressure_some");
/// The kubelet's process and cgroup under systemd: kubeadm, kind, k3s, RKE2. Its failed connects are kept with its host process.
const KUBELETS: [(&str, &str); 6] = [
    ("kubelet", "/system.slice/kubelet.service"),
    ("kubelet", "/kubelet.slice/kubelet.service"),
    ("k3s-server", "/system.slice/k3s.service"),
    ("k3s-agent", "/system.slice/k3s-agent.service"),
    ("kubelet", "/system.slice/rke2-server.service"),
    ("kubelet", "/system.slice/rke2-agent.service"),
];

/// What kept the container from answering in the minute before `end`, and whether others did.
pub(super) fn slowness(container: &ContainerView<'_>, end: Timestamp) -> Vec<(String, bool)> {
    [
        throttled(container, end).map(|says| (says, false)),
        starved(container, end).map(|says| (says, true)),
        stalled(container, end).map(|says| (says, false)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn throttled(container: &ContainerView<'_>, end: Timestamp) -> Option<String> {
    let periods = rise(container, &signals::CPU_PERIODS, end);
    let throttled = rise(container, &signals::CPU_THROTTLED_PERIODS, end);
    let share = throttled / periods.max(1.0);
    (periods >= PERIODS && share >= THROTTLED).then(|| {
        format!(
            "it was throttled by its CPU limit in {:.0} % of the periods",
            share * 100.0
        )
    })
}

fn starved(container: &ContainerView<'_>, end: Timestamp) -> Option<String> {
    let runs = container.runs.iter();
    let slow = runs.filter_map(|run| {
        let waits = run.history.latencies(&RUNQUEUE_WAIT, end.minus(BEFORE), end);
        waits
            .quantile(0.95)
            .filter(|wait| waits.count() >= WAITS && *wait >= WAIT)
    });
    slow.max()
        .map(|wait| format!("its threads waited {} ms for a CPU (95th percentile)", wait.as_millis()))
}

fn stalled(container: &ContainerView<'_>, end: Timestamp) -> Option<String> {
    let share = rise(container, &MEMORY_PRESSURE, end) / BEFORE.as_secs_f64() / 1e9;
    (share >= STALLED).then(|| {
        format!(
            "it was stalled for want of memory for {:.0} % of the time",
            share * 100.0
        )
    })
}

/// How much a counter rose in the minute before `end`, over all runs.
fn rise(container: &ContainerView<'_>, signal: &Signal, end: Timestamp) -> f64 {
    let series = container.runs.iter().filter_map(|run| run.history.series(signal));
    let near = series
        .flat_map(correlator::Series::buckets)
        .filter(|bucket| bucket.at <= end && bucket.at >= end.minus(BEFORE));
    near.map(|bucket| bucket.sum).sum()
}

/// Refused connects of the kubelet to this port of the pod.
pub(super) fn refused(window: &Window<'_>, port: u16, end: Timestamp) -> Option<(Timestamp, Source, String)> {
    let ips = &window.pod()?.state.ips;
    let kubelets = KUBELETS.iter().filter_map(|(comm, cgroup)| {
        window.of(&Scope::Host {
            comm: (*comm).into(),
            cgroup: (*cgroup).into(),
        })
    });
    let mut refused: Vec<Timestamp> = kubelets
        .filter_map(|kubelet| {
            kubelet
                .own()
                .spans(&signals::TCP_CONNECT)
                .map(|spans| spans.failed.iter().cloned().collect::<Vec<_>>())
        })
        .flatten()
        .filter(|failure| {
            let to_it = failure
                .peer
                .as_ref()
                .is_some_and(|peer| peer.port == port && ips.contains(&peer.address));
            to_it && failure.outcome == Outcome::Refused && failure.at <= end && end.since(failure.at) < BEFORE
        })
        .map(|failure| failure.at)
        .collect();
    refused.sort_unstable();
    let last = *refused.last()?;
    let says = format!(
        "{} of the kubelet to port {port} of the pod refused",
        count(refused.len(), "connect")
    );
    Some((last, Source::Kernel, says))
}
