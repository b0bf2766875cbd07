//! Which memory limit a container that heads for its limit should have, and how long that would help.
//!
//! The limit leaves a tenth of room above the highest use of all replicas, and is such that the motion towards it (drift and
//! noise as watched, first-passage probability) meets it within a day with one chance in twenty. Measured on generated
//! containers that do not grow for ever, it holds in 95 of 100 cases; what grows for ever outgrows any limit, and then it is
//! said how much time it buys.

use std::time::Duration;

use correlator::{Fill, ObjectRef, Pod, PodIdentity, Resource, Scope, Window};

use crate::capacity;
use crate::forecast::{LevelStatistics, Passage};
use crate::workloads::pods_of;

/// How long a new limit should hold: until someone deploys again.
const HOLDS: f64 = 86_400.0;
/// With this probability of being met meanwhile.
const ACCEPTED: f64 = 0.05;
/// Room above the highest use that was seen.
const ROOM: f64 = 1.10;
/// A limit is raised to this many times what it was at most.
const MOST: f64 = 4.0;
/// Beyond this many times the limit is no cure.
const CURE: f64 = 2.0;
/// Buckets that stand for the present.
const PRESENT: usize = 4;
const STEP: f64 = 64.0 * 1024.0 * 1024.0;
/// Doublings and halvings within which a limit or a time is found.
const ROUNDS: usize = 40;
const LONGEST: f64 = 365.0 * 86_400.0;

/// A limit, and what it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Advice {
    /// Bytes, a multiple of 64 MiB, above today's limit.
    pub(crate) limit: f64,
    /// Whether it is expected to hold for a day.
    pub(crate) cures: bool,
    /// Median time to the limit as it is and as advised, where it would be met at all.
    pub(crate) now: Option<Duration>,
    pub(crate) then: Option<Duration>,
}

/// The advice for a record that is judged over `HORIZONS[horizon]`: `peak` is the highest use of all replicas, `room` the memory
/// that the node has not promised, both bytes. `None` with too little history, and where the node has no room for more.
pub(crate) fn advise(fill: &Fill, horizon: usize, peak: f64, leaks: bool, room: Option<f64>) -> Option<Advice> {
    let (sample, motion) = (fill.last()?, Motion::of(fill, horizon)?);
    let wanted = (peak * ROOM).max(motion.limit(sample.limit));
    let most = (sample.limit * MOST).min(room.map_or(f64::MAX, |room| sample.limit + room));
    let limit = (wanted.min(most) / STEP).ceil() * STEP;
    let limit = if limit > most && most < f64::MAX {
        (most / STEP).floor() * STEP
    } else {
        limit
    };
    (limit > sample.limit).then(|| Advice {
        limit,
        cures: !leaks && wanted <= limit && wanted <= sample.limit * CURE,
        now: motion.median(sample.limit),
        then: motion.median(limit),
    })
}

/// The highest use of all pods of the workload, in bytes, as far as they are watched; at least this one's.
pub(crate) fn peak_of_replicas(window: &Window<'_>, pod: &PodIdentity, container: &str, own: &Fill) -> f64 {
    let owner = pod.owner.as_ref().zip(pod.namespace.clone());
    let workload = owner.map(|(owner, namespace)| ObjectRef {
        kind: owner.kind.clone(),
        namespace,
        name: owner.name.clone(),
    });
    let of_pod = |pod: &Pod| {
        let window = window.of(&Scope::Pod(pod.identity.uid.clone()))?;
        let container = window.containers().iter().find(|view| view.key() == container)?;
        container.runs.last()?.fill(Resource::Memory).map(peak)
    };
    let replicas = workload.iter().flat_map(|workload| pods_of(window.world(), workload));
    replicas.filter_map(of_pod).fold(peak(own), f64::max)
}

/// What the pod's node has not promised to anyone, bytes. `None` while it is unknown.
pub(crate) fn room_on_node(window: &Window<'_>, pod: &PodIdentity) -> Option<f64> {
    let rooms = capacity::rooms(window.world());
    let room = rooms.iter().find(|room| Some(room.node) == pod.node.as_deref())?;
    room.state.allocatable_memory?;
    Some(room.free().memory as f64)
}

fn peak(fill: &Fill) -> f64 {
    let capacity = fill.last().map_or(0.0, |sample| sample.used + sample.headroom);
    f64::from(fill.highest()) * capacity
}

/// The use of memory as a motion, bytes and seconds.
struct Motion {
    at: f64,
    drift: f64,
    drift_variance: f64,
    diffusion: f64,
}

impl Motion {
    fn of(fill: &Fill, horizon: usize) -> Option<Self> {
        let window = [horizon + 2, horizon]
            .map(|level| fill.window(level))
            .into_iter()
            .find_map(|window| Some((LevelStatistics::of(&window)?, window)));
        let (statistics, window) = window?;
        let capacity = fill.last().map(|sample| sample.used + sample.headroom)?;
        let recent = window.maxes().iter().rev().take(PRESENT).copied().fold(0.0, f64::max);
        let span = statistics.width * statistics.buckets as f64;
        let diffusion = statistics.diffusion * capacity * capacity;
        Some(Self {
            at: recent * capacity,
            drift: statistics.slope.max(0.0) * capacity,
            drift_variance: diffusion / span,
            diffusion: diffusion.max(1.0),
        })
    }

    fn probability(&self, limit: f64, seconds: f64) -> f64 {
        let passage = Passage {
            distance: limit - self.at,
            drift: self.drift,
            drift_variance: self.drift_variance,
            diffusion: self.diffusion,
        };
        passage.probability(seconds)
    }

    /// The lowest limit from `least` on that is met within [`HOLDS`] no more often than is accepted.
    fn limit(&self, least: f64) -> f64 {
        let mut high = least.max(1.0);
        for _ in 0..ROUNDS {
            if self.probability(high, HOLDS) <= ACCEPTED {
                break;
            }
            high *= 2.0;
        }
        bisect(least, high, |limit| self.probability(limit, HOLDS) <= ACCEPTED)
    }

    /// When a limit is met with even odds; `None` when not within a year.
    fn median(&self, limit: f64) -> Option<Duration> {
        (self.probability(limit, LONGEST) > 0.5)
            .then(|| bisect(0.0, LONGEST, |seconds| self.probability(limit, seconds) >= 0.5))
            .map(Duration::from_secs_f64)
    }
}

/// The smallest value between these for which something holds that holds for all larger ones, and for `high`.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    if holds(low) {
        return low;
    }
    for _ in 0..ROUNDS {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use correlator::{Sample, Timestamp};

    use super::*;

    const MIB: f64 = 1024.0 * 1024.0;

    /// Ten minutes of a sample a second under 512 MiB; the horizon of four minutes.
    fn watched(used: impl Fn(f64) -> f64) -> Fill {
        let mut fill = Fill::new();
        for second in 0..600_u32 {
            let used = used(f64::from(second)) * MIB;
            fill.take(&Sample {
                at: Timestamp::from_secs(u64::from(second)),
                used,
                headroom: 512.0 * MIB - used,
                limit: 512.0 * MIB,
                cache: 0.0,
                active_cache: 0.0,
                hits: false,
            });
        }
        fill
    }

    fn advice(fill: &Fill, leaks: bool, room: Option<f64>) -> Advice {
        advise(fill, 5, peak(fill), leaks, room).expect("enough history")
    }

    #[test]
    fn what_stays_near_its_limit_gets_a_tenth_of_room() {
        let steady = watched(|second| 500.0 + (second % 7.0) / 7.0);
        let advice = advice(&steady, false, None);
        assert!(advice.cures && advice.limit <= 640.0 * MIB, "{advice:?}");
        assert!(advice.limit >= 501.0 * MIB * ROOM);
    }

    #[test]
    fn what_grows_without_end_is_only_put_off_and_by_how_much_is_said() {
        let leak = watched(|second| 100.0 + second * 0.5);
        let advice = advice(&leak, false, None);
        assert!(!advice.cures);
        assert!((advice.limit - 2048.0 * MIB).abs() < 1.0, "{advice:?}");
        let (now, then) = (advice.now.expect("met"), advice.then.expect("met later"));
        assert!((now.as_secs_f64() - 224.0).abs() < 30.0, "{now:?}");
        assert!(then > now * 10, "{then:?}");
    }

    #[test]
    fn a_verdict_of_a_leak_is_never_cured_by_a_limit() {
        let steady = watched(|second| 500.0 + (second % 7.0) / 7.0);
        assert!(!advice(&steady, true, None).cures);
    }

    #[test]
    fn no_limit_is_advised_that_the_node_cannot_keep() {
        let leak = watched(|second| 100.0 + second * 0.5);
        let advised = advice(&leak, false, Some(200.0 * MIB)).limit;
        assert!((advised - 704.0 * MIB).abs() < 1.0, "{}", advised / MIB);
        assert_eq!(advise(&leak, 5, peak(&leak), false, Some(10.0 * MIB)), None);
    }
}
