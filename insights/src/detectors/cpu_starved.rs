//! # A container waits for a CPU that others use
//!
//! **Why it matters.** It is slow although it is within its own limit: the node's CPUs are busy with its neighbours.
//!
//! **How it is seen.** How long its runnable tasks waited for a CPU (`sched_switch`, run-queue wait; waits are counted in
//! octaves) and its pressure (`cpu.pressure`), while its own quota did not hold it back. The neighbours on the node that use
//! the most CPU over what they asked for are named.
//!
//! **Thresholds.** One minute of: run-queue wait above 20 ms at the 95th percentile, with at least 100 waits; or tasks kept
//! waiting for a quarter of the time; and less than a tenth of that time, and of the quota's periods, throttled. Warning.
//!
//! **What to do.** Give the container a CPU request that matches what it needs: requests are what the kernel shares CPUs by.

use std::time::Duration;

use correlator::{ContainerView, Insight, Pod, Scope, Severity, Signal, Source, Tunable, Verdict, Window, signals};

use crate::nodes::{look_at, pods_on};
use crate::phrase::duration;
use crate::rates::{rise, share, watched};
use crate::rule::Rule;

const REACH: Duration = Duration::from_secs(60);
const WAIT: Tunable = Tunable {
    detector: "cpu-starved",
    name: "waitSeconds",
    default: 0.02,
    bounds: [0.001, 10.0],
    meaning: "run-queue wait that is too long, of the longest twentieth of a minute's waits",
};
const LEAST_WAITS: Tunable = Tunable {
    detector: "cpu-starved",
    name: "leastWaits",
    default: 100.0,
    bounds: [1.0, 1e6],
    meaning: "waits in a minute that are enough to judge by",
};
const WAITING: Tunable = Tunable {
    detector: "cpu-starved",
    name: "waitingRatio",
    default: 0.25,
    bounds: [0.01, 1.0],
    meaning: "time in which tasks wait for a CPU that is too much, of a minute",
};
/// Of the waiting time, and of the periods of its quota, the part that its own quota explains at most.
const OWN: f64 = 0.1;
/// Neighbours that are named, and the cores over its request from which on one is.
const NAMED: usize = 3;
const OVER: f64 = 0.1;

const CPU_PRESSURE: Signal = Signal::new("cpu.pressure_some");
const RUNQUEUE_WAIT: Signal = Signal::new("cpu.runqueue_wait");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/cpu_sched", "cgroup", "k8s/pods"],
    tunables: &[WAIT, LEAST_WAITS, WAITING],
    ..Rule::new("cpu-starved", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    if watched(container, now) < REACH {
        return None;
    }
    let waiting = share(container, &CPU_PRESSURE, now, REACH);
    let waits = container
        .runs
        .last()?
        .history
        .latencies(&RUNQUEUE_WAIT, now.minus(REACH), now);
    let p95 = waits
        .quantile(0.95)
        .filter(|_| waits.count() as f64 >= window.tuned(&LEAST_WAITS));
    let is_slow = p95.is_some_and(|p95| p95.as_secs_f64() > window.tuned(&WAIT));
    if !is_slow && waiting < window.tuned(&WAITING) {
        return None;
    }
    let throttled = share(container, &signals::CPU_THROTTLED, now, REACH);
    let periods = rise(container, &signals::CPU_PERIODS, now, REACH);
    let cut_off = rise(container, &signals::CPU_THROTTLED_PERIODS, now, REACH) / periods.max(1.0);
    if throttled > OWN * waiting.max(OWN) || cut_off > OWN {
        return None;
    }
    let subject = container.subject();
    let title = format!("{subject} waits for a CPU");
    let neighbours = neighbours(window, container);
    let cause = match neighbours.first() {
        Some(worst) => format!("its node is busy: {worst}"),
        None => "its node is busy with what is in no pod, or with pods that keep to what they asked for".to_owned(),
    };
    let mut insight = Insight::new("cpu-starved", subject, Severity::Warning, title, cause);
    container.key().clone_into(&mut insight.what);
    if let Some(p95) = p95 {
        let says = format!(
            "95 % of {} waits for a CPU were below about {}",
            waits.count(),
            duration(p95)
        );
        insight = insight.because(now, Source::Kernel, says);
    }
    let says = format!(
        "tasks waited for {:.0} % of the last minute, its own quota held it back for {:.0} %",
        waiting * 100.0,
        throttled * 100.0
    );
    insight = insight.because(now, Source::Cgroup, says);
    for says in neighbours.iter().skip(1) {
        insight = insight.because(now, Source::Cgroup, says);
    }
    let node = container.identity.node.as_deref();
    insight.remedies.extend(
        node.and_then(|node| look_at(node, "the sum of requests shows how much CPU was promised, and to whom")),
    );
    Some(insight)
}

/// Who on the node uses more CPU than asked for, the worst first.
fn neighbours(window: &Window<'_>, container: &ContainerView<'_>) -> Vec<String> {
    let Some(node) = container.identity.node.as_deref() else {
        return Vec::new();
    };
    let others = pods_on(window.world(), node).filter(|pod| pod.identity.uid != container.identity.uid);
    let mut over: Vec<(&Pod, f64, f64)> = others
        .filter_map(|pod| Some((pod, used(window, pod)?, asked(pod))))
        .collect();
    over.retain(|(_, used, asked)| used - asked >= OVER);
    over.sort_by(|a, b| (b.1 - b.2).total_cmp(&(a.1 - a.2)));
    let say = |(pod, used, asked): &(&Pod, f64, f64)| {
        format!(
            "{} uses {used:.2} cores and asked for {asked:.2}",
            pod.identity.pod_label()
        )
    };
    over.iter().take(NAMED).map(say).collect()
}

fn used(window: &Window<'_>, pod: &Pod) -> Option<f64> {
    let view = window.of(&Scope::Pod(pod.identity.uid.clone()))?;
    Some(
        view.containers()
            .iter()
            .map(|one| share(one, &signals::CPU_USAGE, window.now(), REACH))
            .sum(),
    )
}

fn asked(pod: &Pod) -> f64 {
    let millis: u64 = pod
        .state
        .containers
        .iter()
        .filter_map(|container| container.cpu_request_millis)
        .sum();
    millis as f64 / 1_000.0
}
