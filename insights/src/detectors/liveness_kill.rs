//! # The kubelet kills a container because its liveness or startup probe fails
//!
//! **Why it matters.** The kubelet restarts a process that may be at work, and does so again each time; under load this turns a
//! slow service into one that is down. Exit code 137 or 143 looks like a crash or an OOM kill and is neither.
//!
//! **How it is seen.** The kubelet's Events (`Unhealthy`, `Killing ... failed liveness probe, will be restarted`) joined with the end of
//! that run. The probe of the pod spec is held against what was seen at that time: ports that the containers name, refused
//! connects of the kubelet to the pod's address, quota periods in which the container was throttled, the wait for a CPU
//! (`cpu.runqueue_wait`), stalls for want of memory (`memory.pressure`), and how long the run had lived.
//!
//! **Thresholds.** One kill within five minutes. Slow means: throttled in a quarter of the periods of the last minute, a wait
//! for a CPU of 20 ms at the 95th percentile, or stalled for memory for 2 % of that minute. A run whose last failed probe came as
//! soon as the probe allows never answered once: perhaps it was still starting. Warning; critical from three kills on.
//!
//! **What to do.** Mend the port or the path, give a slow start a startup probe, give the process the CPU or the memory that it
//! lacks, and only then a longer timeout.

use std::time::Duration;

use correlator::{ContainerView, Insight, ProbeKind, ProbeSpec, REACH, Severity, Source, Tunable, Verdict, Window};

use crate::ends::{self, Cause, End};
use crate::messages::probe::Why;
use crate::phrase::{count, duration, escape};
use crate::probes::{self, Finding};
use crate::rule::Rule;
use crate::{remedies, suspects};

const CRITICAL: Tunable = Tunable {
    detector: "liveness-kill",
    name: "criticalKills",
    default: 3.0,
    bounds: [1.0, 100.0],
    meaning: "kills within five minutes from which on it is critical",
};
/// The most that is shown of the kubelet's words, characters.
const SHOWN: usize = 200;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events", "ebpf/process", "ebpf/tcp_connect", "cgroup"],
    hold: Duration::from_secs(300),
    tunables: &[CRITICAL],
    ..Rule::new("liveness-kill", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if window.pod().is_none_or(|pod| pod.state.deleted.is_some()) {
        return Verdict::Quiet;
    }
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let ends = ends::of(window.now(), container, REACH);
    let by_probe = |end: &&End<'_>| probe_of(window, container, end).is_some();
    let killed: Vec<&End<'_>> = ends.iter().filter(by_probe).collect();
    let last = *killed.last()?;
    let (kind, grace_over) = probe_of(window, container, last)?;
    let spec = container.state.and_then(|state| state.probes.get(&kind));
    let said = ends::probe_said(window, container, last.at).map(|(at, event, _)| (at, &*event.message));
    let finding = probes::explain(window, container, spec, said, last);
    let subject = container.subject();
    let severity = if killed.len() as f64 >= window.tuned(&CRITICAL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!(
        "{subject} is killed because its {} probe fails: {}",
        probes::label(kind),
        finding.headline
    );
    let mut insight = Insight::new(
        "liveness-kill",
        subject,
        severity,
        title,
        cause(&finding, spec, grace_over),
    );
    container.key().clone_into(&mut insight.what);
    insight.revision = killed.len() as u64;
    insight.about = suspects::pod(&container.identity);
    insight.suspects = suspects(container, &finding);
    if let Some((at, message)) = said {
        insight = insight.because(at, Source::Kubernetes, escape(message, SHOWN));
    }
    insight = with_ends(insight, &killed);
    for (at, source, says) in &finding.evidence {
        insight = insight.because(*at, *source, says.clone());
    }
    insight.evidence.sort_by_key(|evidence| evidence.at);
    insight.remedies.push(remedies::look(
        &container.identity,
        "the log of the run that was killed may show why it did not answer",
    ));
    insight
        .remedies
        .extend(probes::remedies(container, kind, spec, &finding, last));
    let began = killed.first().map_or(window.now(), |end| end.at);
    insight
        .remedies
        .extend(crate::changes::undo(window.world(), &container.identity, began));
    Some(insight)
}

fn probe_of(window: &Window<'_>, container: &ContainerView<'_>, end: &End<'_>) -> Option<(ProbeKind, bool)> {
    match ends::cause(window, container, Some(end)) {
        Cause::Probe { kind, grace_over } => Some((kind, grace_over)),
        _ => None,
    }
}

fn cause(finding: &Finding, spec: Option<&ProbeSpec>, grace_over: bool) -> String {
    let asks = spec.map(|spec| {
        format!(
            "; the probe asks {} every {} s, waits {} s, and gives up after {}",
            escape(&spec.action, SHOWN),
            spec.period,
            spec.timeout,
            count(spec.failures as usize, "failure")
        )
    });
    let how = if grace_over {
        "; after SIGTERM it did not end in its grace period, so SIGKILL followed"
    } else {
        ""
    };
    format!("{}{}{how}", finding.cause, asks.unwrap_or_default())
}

/// Who cannot get a CPU or memory suffers from its node; a wrong probe stands in the template.
fn suspects(container: &ContainerView<'_>, finding: &Finding) -> Vec<correlator::Culprit> {
    let pod = &container.identity;
    let node = suspects::node(pod).filter(|_| finding.is_starved || finding.why == Some(Why::Unreachable));
    node.into_iter().chain(suspects::owner(pod)).collect()
}

fn with_ends(mut insight: Insight, killed: &[&End<'_>]) -> Insight {
    for end in killed {
        let lived = end
            .lived
            .map(|lived| format!(" after {}", duration(lived)))
            .unwrap_or_default();
        let source = if end.exit.is_some() {
            Source::Kernel
        } else {
            Source::Kubernetes
        };
        insight = insight.because(end.at, source, format!("ended with {}{lived}", end.code));
    }
    insight
}
