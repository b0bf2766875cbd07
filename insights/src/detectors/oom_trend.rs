//! # A container's memory is on its way to its limit
//!
//! **Why it matters.** An OOM kill that is announced can be prevented.
//!
//! **How it is seen.** The signal is the memory that reclaim cannot free, as a fraction of what the limits around the container
//! leave it; page cache never counts. A record of it at fifteen time scales gives 42 scale-free features (trends, noise, peaks
//! survived, growth in the past, what can be reclaimed), a table of trees their odds for thirteen horizons from 7.5 seconds to
//! 8.5 hours, and what came of earlier forecasts the probability that is stated (`docs/forecast.md`).
//!
//! **Thresholds.** The stated probability: info from 0.3, warning from 0.5, critical from 0.8 within 32 minutes; beyond that a
//! warning at most. From 0.7 for horizons longer than the container was watched. Two evaluations in a row open, five below 0.7
//! times the threshold close.
//!
//! **What it cannot do.** Sudden allocations cannot be foreseen, and a warm-up, a growing cache or a recycled worker looks like a
//! leak until it stops. Until twenty kills were seen, the probability rests on lab data and the assumption that kills are rare;
//! the confidence says so.
//!
//! **What to do.** Raise the limit before it happens if that is a cure; find what grows if not.

use std::time::Duration;

use correlator::forecast::OF_MEMORY;
use correlator::{ContainerView, Insight, Remedy, Resource, Severity, Source, Tunable, Verdict, Window};

use crate::danger::{self, Danger};
use crate::leak::{Leak, leak};
use crate::memory_limit::{self, Advice};
use crate::phrase::{bytes, duration};
use crate::rule::Rule;
use crate::{growth, remedies, standing};

/// The share of the limit by which a limit further up leaves less.
const TIGHTER: f64 = 0.02;

const SOON: Tunable = danger::soon("oom-trend");
const TUNABLES: [Tunable; 4] = {
    let [info, warning, critical] = OF_MEMORY;
    [info, warning, critical, SOON]
};

pub(crate) const RULE: Rule = Rule {
    needs: &["cgroup"],
    hold: Duration::from_secs(15),
    tunables: &TUNABLES,
    ..Rule::new("oom-trend", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if window.pod().is_some_and(standing::is_over) {
        return Verdict::Quiet;
    }
    Verdict::each(window, |window, container| {
        let run = container.runs.last()?;
        let (fill, outlook) = (run.fill(Resource::Memory)?, run.outlook(Resource::Memory)?);
        insight(
            window,
            container,
            &Danger::of(fill, outlook, window.now(), window.tuned_time(&SOON))?,
        )
    })
}

fn insight(window: &Window<'_>, container: &ContainerView<'_>, danger: &Danger<'_>) -> Option<Insight> {
    let sample = danger.fill.last()?;
    let verdict = match danger.severity {
        Severity::Info => "may be OOM-killed",
        Severity::Warning | Severity::Critical => "is likely to be OOM-killed",
    };
    let when = danger.time.map(|time| format!(" in about {}", duration(time.likely)));
    let title = format!(
        "{} {verdict}{} at its limit of {}",
        container.subject(),
        when.unwrap_or_default(),
        bytes(sample.limit)
    );
    let capacity = sample.used + sample.headroom;
    let trend = growth::trend(danger.fill, danger.horizon, capacity, bytes);
    let mut cause = format!(
        "memory it cannot give back is {} of {}",
        bytes(sample.used),
        bytes(sample.limit)
    );
    if let Some(trend) = &trend {
        cause = format!("{cause}, and {trend}");
    }
    let mut insight = Insight::new("oom-trend", container.subject(), danger.severity, title, cause);
    container.key().clone_into(&mut insight.what);
    let leak = leak(window, danger.fill);
    for says in evidence(window, danger, leak.as_ref(), trend) {
        insight = insight.because(window.now(), Source::Cgroup, says);
    }
    insight.prediction = Some(danger.prediction("oom", window.calibration()));
    insight.remedies = remedies(window, container, danger, leak.is_some());
    Some(insight)
}

fn evidence(window: &Window<'_>, danger: &Danger<'_>, leak: Option<&Leak>, trend: Option<String>) -> Vec<String> {
    let Some(sample) = danger.fill.last() else {
        return Vec::new();
    };
    let left = sample.headroom.max(0.0);
    let whose = if left < sample.limit - sample.used - TIGHTER * sample.limit {
        "the limits around it leave"
    } else {
        "its limit leaves"
    };
    let mut says = vec![format!(
        "unreclaimable memory is {}, {whose} {} more",
        bytes(sample.used),
        bytes(left)
    )];
    says.extend(trend);
    says.extend(leak.map(|leak| {
        let hourly = |rate: f64| bytes(rate * (sample.used + left) * 3_600.0);
        format!(
            "the floor under it rose since {} by {} an hour (80 %: {} to {}) and does not flatten out: a leak",
            leak.since,
            hourly(leak.rate),
            hourly(leak.low),
            hourly(leak.high)
        )
    }));
    says.extend(growth::peaks(danger.fill));
    says.push(format!("reclaimable cache left: {}", bytes(sample.cache)));
    if danger.fill.hit_rate(danger.horizon) > 0.01 {
        says.push("the limit was hit meanwhile, and reclaim made room".to_owned());
    }
    says.extend(growth::reasons(&window.reasons(danger.fill, danger.horizon)));
    says
}

fn remedies(window: &Window<'_>, container: &ContainerView<'_>, danger: &Danger<'_>, leaks: bool) -> Vec<Remedy> {
    let pod = &container.identity;
    let peak = memory_limit::peak_of_replicas(window, pod, container.key(), danger.fill);
    let room = memory_limit::room_on_node(window, pod);
    let advice = memory_limit::advise(danger.fill, danger.horizon, peak, leaks, room);
    let limit = danger.fill.last().map_or(0.0, |sample| sample.limit);
    let raise = advice.map(|advice| remedies::set_memory_limit(pod, limit, advice.limit, why(&advice, peak)));
    let mut remedies: Vec<Remedy> = remedies::look_at_memory(pod).into_iter().collect();
    remedies.extend(raise);
    if advice.is_none_or(|advice| !advice.cures) {
        remedies.extend(remedies::restart(pod));
    }
    remedies
}

/// What a higher limit does, and whether that is enough.
fn why(advice: &Advice, peak: f64) -> String {
    if advice.cures {
        return format!(
            "its replicas used {} at most; as its memory moves now, {} is met within a day in less than one of twenty cases",
            bytes(peak),
            bytes(advice.limit)
        );
    }
    let then = match (advice.now, advice.then) {
        (Some(now), Some(then)) => format!("from about {} to about {}", duration(now), duration(then)),
        _ => "for a while".to_owned(),
    };
    format!("no cure: it puts the kill off {then}; find what grows, or go back to the version that did not")
}
