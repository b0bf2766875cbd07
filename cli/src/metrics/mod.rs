//! Events and insights as metrics: what is shown at the end of `-o prometheus` and by each scrape of the agent.

pub(crate) mod bounds;
pub(crate) mod catalogue;
mod forecasts;
mod limits;
mod own;
mod owner;
pub(crate) mod page;
mod plan;
pub(crate) mod registry;
mod reloads;
pub(crate) mod standing;
pub(crate) mod value;
mod vitals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use correlator::fact::MALFORMED;
use correlator::{Body, Engine, Event, Fact, Insight, Status, Timestamp, World};

use bounds::{Bounds, Buckets};
use owner::OwnerId;
use page::{Exposition, Family, Format, Page};
use plan::{Feeds, Plans};
use registry::{Bound, ExtraId, FamilyId, Limits, Registry};
pub(crate) use reloads::Reloads;
use value::{Latency, Value};
pub(crate) use vitals::Vitals;

use crate::filter::Filter;

/// How often names are looked up, and what is idle let go of.
const ROUND: Duration = Duration::from_secs(1);
/// How often labels that nothing has any more are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Different sources and reasons of losses that are told apart; constants of the code, but a recording may hold others.
const MAX_LOSSES: usize = 256;

/// All that is exported.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    registry: Registry,
    filter: Arc<Filter>,
    plans: Plans,
    tally: Tally,
    /// What only a live run has.
    vitals: Option<Vitals>,
    /// Bytes of the last text: the next one will have about as many.
    rendered: usize,
    round: Option<Timestamp>,
    swept: Option<Timestamp>,
}

/// What is counted of tapio itself.
#[derive(Debug)]
struct Tally {
    insights: BTreeMap<(&'static str, &'static str), u64>,
    /// By source and reason.
    lost: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Those of them that could not be read, by source.
    malformed: BTreeMap<Arc<str>, u64>,
    up: BTreeMap<Arc<str>, bool>,
    batches: Latency,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            insights: BTreeMap::new(),
            lost: BTreeMap::new(),
            malformed: BTreeMap::new(),
            up: BTreeMap::new(),
            batches: Latency::new(Buckets::default().of(Bounds::Own)),
        }
    }
}

impl Metrics {
    /// Those of a live run, which lets go of what ended: it may go on for months.
    pub(crate) fn live(vitals: Vitals) -> Self {
        Self {
            vitals: Some(vitals),
            ..Self::default()
        }
    }

    /// Shows what this lets through from now on, and new series within these limits; metrics of which nothing was heard yet have
    /// these buckets.
    pub(crate) fn configure(&mut self, filter: &Arc<Filter>, limits: Limits, buckets: &Buckets) {
        self.filter = Arc::clone(filter);
        self.registry.buckets.clone_from(buckets);
        self.registry.limits = limits;
    }

    /// An event came in.
    pub(crate) fn event(&mut self, event: &Event) {
        if let Body::Fact(fact) = &event.body {
            self.tally.sight(fact);
        }
        let Some(plan) = self.plans.of(&mut self.registry, event) else {
            return;
        };
        let Some(owner) = self.registry.owner(&event.subject, event.at) else {
            return;
        };
        let at = event.at;
        let registry = &mut self.registry;
        let mut of = Of { registry, owner, at };
        let (family, extra) = (plan.family, plan.extra);
        match (&event.body, plan.feeds) {
            (Body::Gauge(now), Feeds::Gauge) => {
                if let Some(Value::Gauge(gauge)) = of.value(family, extra, |_| Value::Gauge(0.0)) {
                    *gauge = *now;
                }
            }
            (Body::Count(rise), Feeds::Count) => of.add(family, extra, |_| Value::Count(0), *rise),
            (Body::Count(rise), Feeds::Nanos) => of.add(family, extra, |_| Value::Nanos(0), *rise),
            (Body::Fact(_), Feeds::Count) => of.add(family, extra, |_| Value::Count(0), 1),
            (Body::Histogram(more), Feeds::Log2) => {
                if let Some(Value::Log2(log2)) = of.value(family, extra, |_| Value::Log2(Box::default())) {
                    log2.add(&more.counts, more.sum_ns);
                }
            }
            (Body::Span { took, outcome, .. }, Feeds::Span { latency }) => {
                of.add(family, extra, |_| Value::Count(0), 1);
                if outcome.is_answer()
                    && let Some(Value::Latency(latency)) = of.value(latency, plan.bare, |family| {
                        Value::Latency(Latency::new(family.edges().clone()).into())
                    })
                {
                    latency.observe(took.as_secs_f64());
                }
            }
            _ => of.registry.drop_value(Bound::Names),
        }
    }

    /// An insight is said.
    pub(crate) fn insight(&mut self, insight: &Insight) {
        if insight.status == Status::Opened {
            *self
                .tally
                .insights
                .entry((insight.id, insight.severity.label()))
                .or_default() += 1;
        }
    }

    /// Time moved on; this and the events before it took so long.
    pub(crate) fn tick(&mut self, engine: &Engine, now: Timestamp, took: Duration) {
        self.tally.batches.observe(took.as_secs_f64());
        if !is_due(&mut self.round, now, ROUND) {
            return;
        }
        self.registry.name(engine.world());
        if self.vitals.is_some() {
            self.registry.expire(now);
            let swept = is_due(&mut self.swept, now, SWEEP);
            if swept && (self.registry.forget_labels() || self.plans.are_many()) {
                self.plans.forget();
            }
        }
    }

    /// The whole text as it is `now`; without a time, what has no name yet is shown too.
    pub(crate) fn render(&mut self, engine: &Engine, format: Format, now: Option<Timestamp>) -> String {
        let room = self.registry.len() * 160 + 16_384;
        let mut page = Page::new(format, room.max(self.rendered + self.rendered / 16));
        self.show(engine, &mut page, now);
        let text = page.finish();
        self.rendered = text.len();
        text
    }

    /// Shows everything as it is `now`, as [`Self::render`] does.
    pub(crate) fn show(&mut self, engine: &Engine, to: &mut impl Exposition, now: Option<Timestamp>) {
        self.registry.name(engine.world());
        let (filter, world) = (&self.filter, engine.world());
        let is_open = filter.is_open();
        self.registry
            .write(to, now, |pod| is_open || pod_is_covered(filter, pod, world));
        self.write_own(to, engine);
    }
}

/// True once in so long.
fn is_due(last: &mut Option<Timestamp>, now: Timestamp, period: Duration) -> bool {
    let is_due = last.is_none_or(|last| now < last || now.since(last) >= period);
    if is_due {
        *last = Some(now);
    }
    is_due
}

/// Whether the series of a pod with this uid are shown.
fn pod_is_covered(filter: &Filter, uid: &str, world: &World) -> bool {
    world
        .pod(uid)
        .is_some_and(|pod| filter.covers_pod(&pod.identity, world))
}

/// The series of one owner at one time.
struct Of<'a> {
    registry: &'a mut Registry,
    owner: OwnerId,
    at: Timestamp,
}

impl Of<'_> {
    fn value(&mut self, family: FamilyId, extra: ExtraId, new: fn(&Family) -> Value) -> Option<&mut Value> {
        self.registry.value(family, self.owner, extra, self.at, new)
    }

    fn add(&mut self, family: FamilyId, extra: ExtraId, new: fn(&Family) -> Value, rise: u64) {
        if let Some(Value::Count(count) | Value::Nanos(count)) = self.value(family, extra, new) {
            *count = count.saturating_add(rise);
        }
    }
}

impl Tally {
    fn sight(&mut self, fact: &Fact) {
        match fact {
            Fact::Lost { source, reason, count } => {
                if reason.starts_with(MALFORMED) {
                    let room = self.malformed.len() < MAX_LOSSES || self.malformed.contains_key(source);
                    let source = if room { source.clone() } else { "~other".into() };
                    *self.malformed.entry(source).or_default() += count;
                }
                let mut key = (source.clone(), reason.clone());
                if self.lost.len() >= MAX_LOSSES && !self.lost.contains_key(&key) {
                    key = ("~other".into(), "~other".into());
                }
                *self.lost.entry(key).or_default() += count;
            }
            Fact::Blind(gap) => self.saw(&gap.source, false),
            Fact::Sighted { source } => self.saw(source, true),
            _ => {}
        }
    }

    fn saw(&mut self, source: &Arc<str>, is_up: bool) {
        if self.up.len() < MAX_LOSSES || self.up.contains_key(source) {
            self.up.insert(source.clone(), is_up);
        }
    }
}

#[cfg(test)]
mod tests;
