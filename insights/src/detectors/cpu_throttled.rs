//! # A container is held back by its CPU limit
//!
//! **Why it matters.** The kernel stops all its threads for the rest of each 100 ms period once the quota is used, whether the
//! node is idle or not: answers come in bursts, probes time out, connections pile up.
//!
//! **How it is seen.** The cgroup's `cpu.stat` (`nr_throttled` of `nr_periods`, `throttled_usec`) and its pressure (PSI,
//! `cpu.pressure`): tasks that could have run and did not.
//!
//! **Thresholds.** More than a quarter of the periods throttled over five minutes, **and** tasks kept waiting for more than a
//! tenth of the time. Throttling that keeps nobody waiting is not reported. Warning; critical when tasks wait half of the time.
//!
//! **What to do.** Raise the CPU limit, or remove it where the node's requests are honest; or let the process use fewer threads
//! than the limit has cores.

use std::time::Duration;

use correlator::{ContainerView, Insight, Remedy, Risk, Severity, Signal, Source, Tunable, Verdict, Window, signals};

use crate::kubectl::{Resources, Target, set_resources};
use crate::phrase::{duration, percent};
use crate::rates::{rise, share, watched};
use crate::rule::Rule;

const REACH: Duration = Duration::from_secs(300);
const THROTTLED: Tunable = Tunable {
    detector: "cpu-throttled",
    name: "throttledRatio",
    default: 0.25,
    bounds: [0.01, 1.0],
    meaning: "throttled periods that are too many, of all of five minutes",
};
const WAITING: Tunable = Tunable {
    detector: "cpu-throttled",
    name: "waitingRatio",
    default: 0.1,
    bounds: [0.0, 1.0],
    meaning: "time in which tasks have to wait besides, of five minutes",
};
const CRITICAL: Tunable = Tunable {
    detector: "cpu-throttled",
    name: "criticalWaitingRatio",
    default: 0.5,
    bounds: [0.0, 1.0],
    meaning: "waiting time from which on it is critical, of five minutes",
};
/// Fewer periods than this in five minutes (a tenth of the time) judge nothing.
const LEAST_PERIODS: f64 = 300.0;

const CPU_PRESSURE: Signal = Signal::new("cpu.pressure_some");

pub(crate) const RULE: Rule = Rule {
    needs: &["cgroup", "k8s/pods"],
    tunables: &[THROTTLED, WAITING, CRITICAL],
    ..Rule::new("cpu-throttled", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    if watched(container, now) < REACH {
        return None;
    }
    let periods = rise(container, &signals::CPU_PERIODS, now, REACH);
    let throttled = rise(container, &signals::CPU_THROTTLED_PERIODS, now, REACH) / periods.max(1.0);
    let waiting = share(container, &CPU_PRESSURE, now, REACH);
    if periods < LEAST_PERIODS || throttled < window.tuned(&THROTTLED) || waiting < window.tuned(&WAITING) {
        return None;
    }
    let severity = if waiting >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let subject = container.subject();
    let limit = container.state.and_then(|state| state.cpu_limit_millis);
    let says_limit = limit.map_or_else(
        || "its CPU limit".to_owned(),
        |limit| format!("its CPU limit of {}", cores(limit)),
    );
    let title = format!("{subject} is held back by {says_limit}");
    let cause = format!(
        "in {:.0} % of the 100 ms periods it used its quota up and stood still; tasks waited for {:.0} % of the time",
        throttled * 100.0,
        waiting * 100.0
    );
    let mut insight = Insight::new("cpu-throttled", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    let used = share(container, &signals::CPU_USAGE, now, REACH);
    let stood = Duration::from_secs_f64(share(container, &signals::CPU_THROTTLED, now, REACH) * REACH.as_secs_f64());
    let says = format!(
        "five minutes: {:.0} of {periods:.0} periods throttled, {} of thread time stood still, {used:.2} cores used on average",
        throttled * periods,
        duration(stood)
    );
    insight = insight.because(now, Source::Cgroup, says);
    insight
        .remedies
        .extend(limit.and_then(|limit| raise(window, container, limit)));
    Some(insight)
}

/// `500 mCPU`, `2 cores`.
fn cores(millis: u64) -> String {
    match millis {
        1_000 => "1 core".to_owned(),
        whole if whole % 1_000 == 0 => format!("{} cores", whole / 1_000),
        part => format!("{part} mCPU"),
    }
}

/// How much it would use without the limit is not known while the limit holds it back: half as much again is a step.
fn raise(window: &Window<'_>, container: &ContainerView<'_>, limit: u64) -> Option<Remedy> {
    let wanted = (limit * 3 / 2).div_ceil(100) * 100;
    let target = Target::owner(&container.identity)?;
    let name = container.identity.container.as_deref()?;
    let command = |millis: u64| {
        let limits = vec![("cpu".to_owned(), format!("{millis}m"))];
        set_resources(
            &target,
            name,
            &Resources {
                limits,
                requests: Vec::new(),
            },
        )
        .map(|command| command.to_string())
    };
    Some(Remedy {
        title: format!("Raise the CPU limit to {}", cores(wanted)),
        why:
            "half as much again is a step, not a measurement: what it would use is hidden while the limit holds it back"
                .to_owned(),
        risk: Risk::Low,
        impact: "the workload replaces its pods one by one".to_owned(),
        needs: Some("CPU time that the node's other pods do not need".to_owned()),
        commands: command(wanted).into_iter().collect(),
        undo: command(limit),
        verify: format!(
            "throttled periods and waiting time fall below {} and {}",
            percent(window.tuned(&THROTTLED)),
            percent(window.tuned(&WAITING))
        ),
    })
}
