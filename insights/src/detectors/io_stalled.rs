//! # A container stands still because its disk does not answer
//!
//! **Why it matters.** Nothing in it runs while all its tasks wait for the disk: requests and probes time out.
//!
//! **How it is seen.** The cgroup's `io.pressure` (PSI, cgroup v2): `full` is the time in which every task that was not idle
//! waited for IO. Where the `file` probe runs, slow reads, writes and syncs are counted too.
//!
//! **Thresholds.** All tasks waiting for more than a tenth of a minute. Warning; critical from half of it on.
//!
//! **What to do.** Find who uses the disk: this container, or a neighbour on the same volume or node.

use std::time::Duration;

use correlator::{ContainerView, Culprit, Insight, Severity, Signal, Source, Tunable, Verdict, Window};

use crate::nodes::look_at;
use crate::phrase::count;
use crate::rates::{rise, share, watched};
use crate::rule::Rule;

const REACH: Duration = Duration::from_secs(60);
const STALLED: Tunable = Tunable {
    detector: "io-stalled",
    name: "stalledRatio",
    default: 0.1,
    bounds: [0.001, 1.0],
    meaning: "time in which all tasks wait for the disk that is too much, of a minute",
};
const CRITICAL: Tunable = Tunable {
    detector: "io-stalled",
    name: "criticalStalledRatio",
    default: 0.5,
    bounds: [0.0, 1.0],
    meaning: "time in which all tasks wait from which on it is critical, of a minute",
};
const IO_FULL: Signal = Signal::new("io.pressure_full");
const SLOW: [(Signal, &str); 3] = [
    (Signal::new("file.slow_reads"), "slow read"),
    (Signal::new("file.slow_writes"), "slow write"),
    (Signal::new("file.slow_syncs"), "slow sync"),
];

pub(crate) const RULE: Rule = Rule {
    needs: &["cgroup", "ebpf/file"],
    tunables: &[STALLED, CRITICAL],
    ..Rule::new("io-stalled", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    let stalled = share(container, &IO_FULL, now, REACH);
    if watched(container, now) < REACH || stalled < window.tuned(&STALLED) {
        return None;
    }
    let severity = if stalled >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let subject = container.subject();
    let title = format!(
        "{subject} stands still {:.0} % of the time, waiting for its disk",
        stalled * 100.0
    );
    let slow: Vec<String> = SLOW
        .iter()
        .map(|(signal, what)| (rise(container, signal, now, REACH), what))
        .filter(|(times, _)| *times > 0.0)
        .map(|(times, what)| count(whole(times), what))
        .collect();
    let cause = if slow.is_empty() {
        "all of its tasks wait for the disk at once; whether it or a neighbour loads the disk is not seen".to_owned()
    } else {
        format!("the disk answers late: {} within a minute", slow.join(", "))
    };
    let mut insight = Insight::new("io-stalled", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    insight.suspects = container.identity.node.clone().map(Culprit::Node).into_iter().collect();
    let says = format!(
        "io.pressure full: {:.1} s of the last minute",
        stalled * REACH.as_secs_f64()
    );
    insight = insight.because(now, Source::Cgroup, says);
    for says in slow {
        insight = insight.because(now, Source::Kernel, format!("{says} in the last minute"));
    }
    let node = container.identity.node.as_deref();
    insight
        .remedies
        .extend(node.and_then(|node| look_at(node, "its disk pressure and what else runs on it")));
    Some(insight)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
fn whole(times: f64) -> usize {
    times as usize
}
