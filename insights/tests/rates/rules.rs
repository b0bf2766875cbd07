//! Rules that judge a rate, side by side on the same days: how often each is wrong, and how soon it is right.

use correlator::Timestamp;
use correlator::rate::{Bounds, RateWatch, WIDTH};

use crate::simulated::{A_DAY, Counted, Noise, Pod};

/// An alarm within so many windows of one before is the same: half an hour.
const MUTED: usize = 180;
/// When incidents begin: after three hours.
const BEGINS: usize = 3 * 360;

/// A rule is given a window after the other and says whether it is alarmed.
pub(crate) type Rule = Box<dyn FnMut(Counted) -> bool>;

/// Begins a rule that has seen nothing.
pub(crate) type Begin = fn() -> Rule;

/// Each rule by its name.
pub(crate) const RULES: [(&str, Begin); 4] = [
    ("more than 5 % in a minute", fixed),
    ("EWMA, three sigmas", ewma),
    ("CUSUM without the lift", plain),
    ("tapio", tapio),
];

/// How a rule did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    /// False alarms a day: the mean of the pods, and the pod that has most.
    pub(crate) false_alarms: f64,
    pub(crate) most: f64,
    /// Share of the incidents found within half an hour, and the median delay of those, seconds.
    pub(crate) found: f64,
    pub(crate) delay: f64,
}

/// Plays `days` days without an incident and `incidents` incidents of each pod.
pub(crate) fn score(make: Begin, pods: &[Pod], days: u64, incidents: u64) -> Score {
    let mut score = Score::default();
    let mut delays: Vec<usize> = Vec::new();
    for (pod, seed) in pods.iter().zip((0..).step_by(1_000)) {
        let alarms: usize = (0..days)
            .map(|day| alarms(make(), &pod.windows(seed + day, A_DAY, None)))
            .sum();
        let a_day = alarms as f64 / days as f64;
        score.false_alarms += a_day / pods.len() as f64;
        score.most = score.most.max(a_day);
        delays.extend((0..incidents).filter_map(|one| delay(make(), *pod, seed + 500 + one)));
    }
    delays.sort_unstable();
    score.found = delays.len() as f64 / (pods.len() as f64 * incidents as f64);
    let middle = delays.get(delays.len() / 2).copied().unwrap_or_default();
    score.delay = middle as f64 * WIDTH.as_secs_f64();
    score
}

/// Alarms that come half an hour or more after the one before.
fn alarms(mut rule: Rule, windows: &[Counted]) -> usize {
    let (mut number, mut last) = (0, None);
    for (index, window) in windows.iter().enumerate() {
        if rule(*window) {
            number += usize::from(last.is_none_or(|last| index - last > MUTED));
            last = Some(index);
        }
    }
    number
}

/// Windows until an incident is found. `None` when that takes more than half an hour, and when the rule is alarmed before.
fn delay(mut rule: Rule, pod: Pod, seed: u64) -> Option<usize> {
    let windows = pod.windows(seed, BEGINS + MUTED, Some(BEGINS));
    let (before, after) = windows.split_at(BEGINS);
    let is_alarmed = before.iter().fold(false, |_, window| rule(*window));
    if is_alarmed {
        return None;
    }
    after.iter().position(|window| rule(*window)).map(|index| index + 1)
}

/// Five of a hundred within a minute, of twenty or more.
fn fixed() -> Rule {
    let mut minute = std::collections::VecDeque::new();
    Box::new(move |window| {
        minute.push_back(window);
        if minute.len() > 6 {
            minute.pop_front();
        }
        let tried: f64 = minute.iter().map(|window| window.tried).sum();
        let failed: f64 = minute.iter().map(|window| window.failed).sum();
        tried >= 20.0 && failed > 0.05 * tried
    })
}

/// A moving average of the share, and three standard deviations of its own.
fn ewma() -> Rule {
    const FAST: f64 = 0.3;
    const SLOW: f64 = 1.0 / 360.0;
    let (mut fast, mut mean, mut variance, mut seen) = (0.0, 0.0, 0.0, 0_u32);
    Box::new(move |window| {
        if window.tried <= 0.0 {
            return false;
        }
        let share = window.failed / window.tried;
        seen += 1;
        let slow = SLOW.max(1.0 / f64::from(seen));
        fast += FAST * (share - fast);
        let limit = mean + 3.0 * f64::sqrt(variance * FAST / (2.0 - FAST));
        variance += slow * ((share - mean) * (share - mean) - variance);
        mean += slow * (share - mean);
        seen > 12 && fast > limit
    })
}

/// The same sum with what was learned as null, not lifted.
fn plain() -> Rule {
    let (mut failed, mut tried, mut sum) = (0.5, 200.5, 0.0_f64);
    Box::new(move |window| {
        let null: f64 = failed / tried;
        let risen = (2.0 * null).max(null + 0.03);
        let good = window.tried - window.failed;
        let step = window.failed * (risen / null).ln() + good * ((1.0 - risen) / (1.0 - null)).ln();
        sum = (sum + step.min(4.0)).clamp(0.0, 2.0 * correlator::rate::alarm());
        if sum < 0.3 * correlator::rate::alarm() {
            failed += window.failed;
            tried += window.tried;
        }
        sum > correlator::rate::alarm()
    })
}

/// The watch that the engine keeps.
fn tapio() -> Rule {
    let (mut watch, mut at) = (
        RateWatch::new(Bounds {
            cold: Some(0.1),
            floor: 0.0,
        }),
        Timestamp::from_secs(86_400),
    );
    Box::new(move |window| {
        watch.add(at, window.failed, window.tried);
        at = at.plus(WIDTH);
        watch
            .at(at)
            .is_some_and(|rate| rate.is_risen(correlator::rate::FALSE_ALARMS_A_DAY))
    })
}

/// The table that compares them.
pub(crate) fn table(pods_of: impl Fn(Noise) -> Vec<Pod>, days: u64, incidents: u64) -> String {
    let mut lines =
        vec!["| rule | failures | false alarms a pod-day (most) | found in 30 min | median delay |".to_owned()];
    lines.push("|---|---|---|---|---|".to_owned());
    for (noise, words) in [
        (Noise::Independent, "independent"),
        (Noise::Wandering(0.3), "wander by a third"),
        (Noise::Wandering(0.5), "wander by a half"),
    ] {
        for (name, make) in RULES {
            let score = score(make, &pods_of(noise), days, incidents);
            lines.push(format!(
                "| {name} | {words} | {:.3} ({:.2}) | {:.3} | {:.0} s |",
                score.false_alarms, score.most, score.found, score.delay
            ));
        }
    }
    lines.join("\n")
}
