//! One resource of one run: what was said of it last, its record, and its outlook.

use std::time::Duration;

use super::resource::{Part, Resource};
use super::stated::Stated;
use super::{HORIZONS, Outlook};
use crate::event::Body;
use crate::fill::{Closed, Fill, Sample};
use crate::time::Timestamp;

/// What was said longer ago than this no longer holds: a limit that is lifted is not said again.
const STALE: Duration = Duration::from_secs(60);
/// Samples within a horizon without which it is not asked about.
const LEAST_SAMPLES: f64 = 12.0;
/// The same for the horizons before this one, which the usual sample a second is too slow for: their quarter then holds
/// fewer than the five buckets that a trend needs.
const FIRST_USUAL: usize = 2;
const LEAST_SAMPLES_BELOW: f64 = 20.0;
/// How much one more interval changes the mean of intervals.
const INTERVAL_SHARE: f64 = 0.1;
/// With more than this left, a horizon is asked about only if there is a trend.
const PLENTY: f64 = 0.95;
/// A trend is one that, kept up, would use this much of what is left within the horizon, which is 64 buckets long.
const TREND: f64 = 0.25 / 64.0;

/// A resource as it fills up.
#[derive(Debug, Clone)]
pub struct Filling {
    resource: Resource,
    said: Said,
    record: Option<Box<Fill>>,
    outlook: Outlook,
    /// Mean seconds between samples, newer ones counting more.
    interval: Option<f64>,
    /// The share used when a bucket of each level was last closed.
    at_close: [f32; HORIZONS.len()],
}

/// What was said last, and when.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    limit: Option<(Timestamp, f64)>,
    reserve: Option<(Timestamp, f64)>,
    headroom: Option<(Timestamp, f64)>,
    cache: Option<(Timestamp, f64)>,
    active_cache: Option<(Timestamp, f64)>,
    hits: bool,
}

/// A sample was taken into the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) at: Timestamp,
    pub(crate) closed: Closed,
    /// The limit is another than at the sample before.
    pub(crate) resized: bool,
    /// It is before the sample before: the clock was set.
    pub(crate) clock_set: bool,
}

impl Filling {
    pub(crate) fn new(resource: Resource) -> Self {
        Self {
            resource,
            said: Said::default(),
            record: None,
            outlook: Outlook::default(),
            interval: None,
            at_close: [0.0; HORIZONS.len()],
        }
    }

    /// Its record; `None` while so little was used that none is kept.
    pub fn record(&self) -> Option<&Fill> {
        self.record.as_deref()
    }

    /// What is expected of it.
    pub fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// Hears a part of a round. Gives back the sample that it completed, if the record took it.
    pub(crate) fn hear(&mut self, part: Part, body: &Body, at: Timestamp) -> Option<Taken> {
        let value = match body {
            Body::Gauge(value) => *value,
            Body::Count(rise) => *rise as f64,
            Body::Histogram(_) | Body::Span { .. } | Body::Fact(_) => return None,
        };
        match part {
            Part::Limit => self.said.limit = Some((at, value)),
            Part::Reserve => self.said.reserve = Some((at, value)),
            Part::Headroom => self.said.headroom = Some((at, value)),
            Part::Cache => self.said.cache = Some((at, value)),
            Part::ActiveCache => self.said.active_cache = Some((at, value)),
            Part::Hits => self.said.hits |= value > 0.0,
            Part::Used => return self.sample(value, at),
            Part::Available => {
                let (_, all) = self.said.limit?;
                return self.sample(all - value, at);
            }
        }
        None
    }

    fn sample(&mut self, used: f64, at: Timestamp) -> Option<Taken> {
        let sample = self.said.sample(used, at)?;
        if self.record.is_none() && used < self.resource.least_share() * (used + sample.headroom) {
            return None;
        }
        let record = self.record.get_or_insert_default();
        let (before, refused) = (record.last().copied(), record.refused());
        let closed = record.take(&sample);
        if record.refused() != refused {
            return None;
        }
        self.said.hits = false;
        let taken = Taken {
            at,
            closed,
            resized: before.is_some_and(|before| is_other_limit(before.limit, sample.limit)),
            clock_set: before.is_some_and(|before| at < before.at),
        };
        if let Some(before) = before.filter(|_| !taken.clock_set) {
            self.step(at.since(before.at).as_secs_f64());
        }
        if closed.reset || taken.resized {
            self.outlook = Outlook::default();
        }
        Some(taken)
    }

    fn step(&mut self, seconds: f64) {
        let mean = self.interval.unwrap_or(seconds);
        self.interval = Some(mean + INTERVAL_SHARE * (seconds - mean));
    }

    /// The horizons that have something new to say, with whether to ask: samples must be dense enough, and where plenty is
    /// left there must be a trend.
    pub(crate) fn due(&mut self, closed: Closed) -> Vec<(usize, bool)> {
        let used = self.record.as_ref().map_or(0.0, |record| record.now().used);
        let mut due = Vec::new();
        for horizon in (0..HORIZONS.len()).filter(|horizon| closed.levels & (1 << horizon) != 0) {
            let before = std::mem::replace(&mut self.at_close[horizon], used);
            let left = 1.0 - f64::from(used);
            let flat = f64::from(used - before) < TREND * left;
            if self.is_dense(horizon) {
                due.push((horizon, left <= PLENTY || !flat));
            }
        }
        due
    }

    fn is_dense(&self, horizon: usize) -> bool {
        let least = if horizon < FIRST_USUAL {
            LEAST_SAMPLES_BELOW
        } else {
            LEAST_SAMPLES
        };
        self.interval
            .is_some_and(|interval| interval * least <= HORIZONS[horizon].as_secs_f64())
    }

    /// A horizon was evaluated. Gives back the probability that is stated.
    pub(crate) fn answered(
        &mut self,
        horizon: usize,
        at: Timestamp,
        answer: Option<(f64, f64)>,
        stated: &Stated,
    ) -> Option<f64> {
        let age = self.record.as_ref().map_or(Duration::ZERO, |record| record.age());
        let levels = stated.of(self.resource.ends_in_oom());
        self.outlook
            .answered(horizon, at, answer, age >= HORIZONS[horizon], levels)
    }
}

impl Said {
    fn sample(&self, used: f64, at: Timestamp) -> Option<Sample> {
        let fresh = |said: Option<(Timestamp, f64)>| {
            let (when, value) = said?;
            (at.since(when) <= STALE).then_some(value)
        };
        let limit = fresh(self.limit)? - fresh(self.reserve).unwrap_or(0.0);
        Some(Sample {
            at,
            used,
            headroom: fresh(self.headroom).unwrap_or(limit - used).max(0.0),
            limit,
            cache: fresh(self.cache).unwrap_or(0.0),
            active_cache: fresh(self.active_cache).unwrap_or(0.0),
            hits: self.hits,
        })
    }
}

fn is_other_limit(before: f64, after: f64) -> bool {
    (before - after).abs() > before.abs() * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(filling: &mut Filling, millis: u64, used: f64, limit: f64) -> Option<Taken> {
        let at = Timestamp::from_nanos(millis * 1_000_000);
        filling.hear(Part::Limit, &Body::Gauge(limit), at);
        filling.hear(Part::Used, &Body::Gauge(used), at)
    }

    fn due(filling: &mut Filling, every: u64, used: f64) -> Vec<(usize, bool)> {
        let mut all = Vec::new();
        for round in 1..60 {
            if let Some(taken) = hear(filling, round * every, used, 100.0) {
                all.extend(filling.due(taken.closed));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn without_a_limit_there_is_no_record() {
        let mut filling = Filling::new(Resource::Memory);
        let at = Timestamp::from_secs(1);
        assert!(filling.hear(Part::Used, &Body::Gauge(1.0), at).is_none());
        assert!(filling.record().is_none());
    }

    #[test]
    fn a_limit_that_is_not_said_again_is_forgotten() {
        let mut filling = Filling::new(Resource::Memory);
        assert!(hear(&mut filling, 1_000, 1.0, 100.0).is_some());
        let used =
            |filling: &mut Filling, second| filling.hear(Part::Used, &Body::Gauge(1.0), Timestamp::from_secs(second));
        assert!(used(&mut filling, 60).is_some());
        assert!(used(&mut filling, 62).is_none());
    }

    #[test]
    fn a_used_amount_before_the_limit_of_its_round_takes_the_limit_of_the_round_before() {
        let mut filling = Filling::new(Resource::Memory);
        hear(&mut filling, 1_000, 1.0, 100.0);
        filling.hear(Part::Used, &Body::Gauge(30.0), Timestamp::from_secs(2));
        let last = filling.record().and_then(|record| record.last().copied());
        assert_eq!(last.map(|sample| (sample.limit, sample.headroom)), Some((100.0, 70.0)));
    }

    #[test]
    fn processes_far_from_their_limit_need_no_record() {
        let mut filling = Filling::new(Resource::Processes);
        assert!(hear(&mut filling, 1_000, 20.0, 100.0).is_none());
        assert!(hear(&mut filling, 2_000, 25.0, 100.0).is_some());
        assert!(hear(&mut filling, 3_000, 5.0, 100.0).is_some());
    }

    #[test]
    fn a_sample_a_second_is_enough_for_half_a_minute_and_four_for_seven_seconds() {
        let shortest = |every: u64| due(&mut Filling::new(Resource::Memory), every, 50.0)[0].0;
        assert_eq!([4_000, 1_000, 500, 250].map(shortest), [3, 2, 1, 0]);
    }

    #[test]
    fn where_plenty_is_left_only_a_trend_is_asked_about() {
        let mut filling = Filling::new(Resource::Memory);
        let first = due(&mut filling, 1_000, 1.0);
        assert!(first.contains(&(3, false)), "{first:?}");
        let taken = hear(&mut filling, 100_000, 4.0, 100.0).expect("taken");
        let due = filling.due(taken.closed);
        assert!(!due.is_empty() && due.iter().all(|(_, ask)| *ask), "{due:?}");
    }

    #[test]
    fn a_change_of_the_limit_is_noticed_once() {
        let mut filling = Filling::new(Resource::Memory);
        hear(&mut filling, 1_000, 10.0, 100.0);
        let resized = |filling: &mut Filling, millis| hear(filling, millis, 10.0, 200.0).map(|taken| taken.resized);
        assert_eq!(resized(&mut filling, 2_000), Some(true));
        assert_eq!(resized(&mut filling, 3_000), Some(false));
    }
}
