//! # A container's memory is on its way to its limit
//!
//! **Why it matters.** An OOM kill that is announced can be prevented.
//!
//! **How it is seen.** The signal is the memory that reclaim cannot free, as a fraction of the limit that really holds (the
//! lowest of the container's and its ancestors'); page cache never counts. A robust slope (Theil-Sen; that of the newer half
//! if it is flatter) and the noise around it give the probability that the limit is met within a horizon: the first passage of a Brownian motion with drift.
//!
//! **Thresholds.** A minute of one run, of which 20 seconds since the last fall, and a significant rise (Mann-Kendall above 2.33); a probability of 0.5 for
//! a horizon that is not longer than what was watched, 0.7 for a longer one. Memory that has been as high before and came
//! down again (a garbage collector's saw-tooth) is not reported until it exceeds its earlier peak. Critical from 0.8 on.
//!
//! **What it cannot do.** Sudden allocations cannot be foreseen, and a warm-up looks like a leak until it stops. The
//! probability is not yet calibrated against what came true here.
//!
//! **What to do.** Raise the limit before it happens, or find what grows.

use std::time::Duration;

use correlator::{
    ContainerView, Detector, Insight, Prediction, RunView, Series, Severity, Source, Verdict, Window, signals,
};

use crate::forecast::motion::Motion;
use crate::phrase::{bytes, duration};
use crate::remedies;
use crate::trend::{mann_kendall, theil_sen};

/// Horizons that a probability is stated for, seconds.
const HORIZONS: [f64; 6] = [30.0, 60.0, 120.0, 300.0, 900.0, 1800.0];
/// Times to the limit beyond this are not told apart, seconds.
const LONGEST: f64 = 8.0 * 3600.0;
/// Seconds of one run without which nothing is said: most warm-ups and the first tooth of a saw fall into them.
const LEAST_SECONDS: usize = 60;
/// Points of the rise under way without which it is not judged.
const LEAST_POINTS: usize = 20;
const LIKELY: f64 = 0.5;
const LIKELY_BEYOND_AGE: f64 = 0.7;
const CRITICAL: f64 = 0.8;
const SIGNIFICANT: f64 = 2.33;
/// A fall by this share of the limit ends a tooth of a saw.
const FALL: f64 = 0.12;
/// A tooth is higher than the one before when it is by this share of the limit; teeth are never quite alike.
const HIGHER: f64 = 0.03;

/// The detector.
pub(crate) struct Rule;

impl Detector for Rule {
    fn id(&self) -> &'static str {
        "oom-trend"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["cgroup"]
    }

    fn hold(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        let runs = window
            .containers()
            .iter()
            .filter_map(|container| Some((container, container.runs.last()?)));
        let verdicts: Vec<Verdict> = runs.map(|(container, run)| judge(window, container, run)).collect();
        let waits = verdicts.contains(&Verdict::NotYet);
        let found: Vec<Insight> = verdicts.into_iter().flat_map(Verdict::into_found).collect();
        if found.is_empty() && waits {
            Verdict::NotYet
        } else {
            Verdict::of(found)
        }
    }
}

fn judge(window: &Window<'_>, container: &ContainerView<'_>, run: &RunView<'_>) -> Verdict {
    let limit = run
        .history
        .series(&signals::MEMORY_LIMIT)
        .and_then(Series::last)
        .map(|bucket| bucket.last);
    let (Some(limit), Some(series)) = (limit, run.history.series(&signals::MEMORY_UNRECLAIMABLE)) else {
        return Verdict::Quiet;
    };
    let fresh = series
        .last()
        .is_some_and(|newest| window.now().since(newest.at) < Duration::from_secs(5));
    if limit <= 0.0 || !fresh {
        return Verdict::Quiet;
    }
    if series.buckets().len() < LEAST_SECONDS {
        return Verdict::NotYet;
    }
    let points = tooth(&points(series, limit));
    if points.len() < LEAST_POINTS || mann_kendall(&points) < SIGNIFICANT {
        return Verdict::Quiet;
    }
    let forecast = forecast(&points);
    Verdict::of(
        forecast
            .iter()
            .map(|forecast| insight(window, container, series, limit, forecast))
            .collect(),
    )
}

/// Seconds since the first bucket, and the largest fraction of the limit in that second.
fn points(series: &Series, limit: f64) -> Vec<(f64, f64)> {
    let start = series.buckets().next().map(|first| first.start).unwrap_or_default();
    series
        .buckets()
        .map(|bucket| (bucket.start.since(start).as_secs_f64(), bucket.max / limit))
        .collect()
}

/// The rise that is under way: what follows the last fall, unless that is still below the peak before it.
fn tooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (mut start, mut peak, mut earlier) = (0, f64::MIN, f64::MIN);
    for (index, (_, fraction)) in points.iter().enumerate() {
        if *fraction < peak - FALL {
            earlier = earlier.max(peak);
            (start, peak) = (index, *fraction);
        }
        peak = peak.max(*fraction);
    }
    if peak <= earlier + HIGHER {
        Vec::new()
    } else {
        points[start..].to_vec()
    }
}

struct Forecast {
    horizon: f64,
    probability: f64,
    slope: f64,
    time: Option<[f64; 3]>,
    points: usize,
}

/// The shortest horizon for which the limit is likely to be met.
fn forecast(points: &[(f64, f64)]) -> Option<Forecast> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let age = last - first;
    HORIZONS.into_iter().find_map(|horizon| {
        let recent: Vec<(f64, f64)> = points
            .iter()
            .copied()
            .filter(|(t, _)| last - t <= horizon.min(120.0))
            .collect();
        let slope = theil_sen(&recent)?.min(theil_sen(&recent[recent.len() / 2..])?);
        let step = (last - recent.first()?.0) / (recent.len() - 1).max(1) as f64;
        let fractions: Vec<f64> = recent.iter().map(|(_, fraction)| *fraction).collect();
        let motion = Motion::of(&fractions, step, slope)?;
        let probability = motion.probability(horizon);
        let needed = if age >= horizon { LIKELY } else { LIKELY_BEYOND_AGE };
        let time = motion.time_to_limit(LONGEST);
        (slope > 0.0 && probability >= needed).then_some(Forecast {
            horizon,
            probability,
            slope,
            time,
            points: recent.len(),
        })
    })
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    series: &Series,
    limit: f64,
    forecast: &Forecast,
) -> Insight {
    let used = series.last().map_or(0.0, |bucket| bucket.last);
    let rate = forecast.slope * limit;
    let severity = if forecast.probability >= CRITICAL {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let when = forecast
        .time
        .map(|[_, likely, _]| format!(" in about {}", duration(Duration::from_secs_f64(likely))));
    let title = format!(
        "{} is likely to be OOM-killed{} at its limit of {}",
        container.subject(),
        when.unwrap_or_default(),
        bytes(limit)
    );
    let cause = format!(
        "memory it cannot give back is {} of {} and grows by {} a minute",
        bytes(used),
        bytes(limit),
        bytes(rate * 60.0)
    );
    let mut insight = Insight::new("oom-trend", container.subject(), severity, title, cause);
    container.key().clone_into(&mut insight.what);
    for says in evidence(container, series, limit, forecast) {
        insight = insight.because(window.now(), Source::Cgroup, says);
    }
    insight.prediction = Some(Prediction {
        event: "oom",
        probability: forecast.probability,
        horizon: Duration::from_secs_f64(forecast.horizon),
        time_to_event: forecast.time,
        confidence: "low: closed form, not calibrated here; cannot foresee sudden allocations".to_owned(),
    });
    let node = container
        .identity
        .node
        .as_deref()
        .and_then(|name| window.world().node(name));
    let allocatable = node.and_then(|node| node.state.allocatable_memory);
    insight.remedies.push(remedies::raise_memory_limit(
        &container.identity,
        used,
        limit,
        allocatable,
    ));
    insight
}

fn evidence(container: &ContainerView<'_>, series: &Series, limit: f64, forecast: &Forecast) -> Vec<String> {
    let first = series.buckets().next().map_or(0.0, |bucket| bucket.min);
    let last = series.last().map_or(0.0, |bucket| bucket.last);
    let cache = container
        .series(&signals::MEMORY_CACHE)
        .and_then(Series::last)
        .map(|bucket| bucket.last);
    let mut says = vec![
        format!(
            "unreclaimable memory rose from {} to {}, limit {}",
            bytes(first),
            bytes(last),
            bytes(limit)
        ),
        format!(
            "robust slope over {} seconds: {} a minute",
            forecast.points,
            bytes(forecast.slope * limit * 60.0)
        ),
    ];
    says.extend(cache.map(|cache| format!("reclaimable cache left: {}", bytes(cache))));
    says
}
