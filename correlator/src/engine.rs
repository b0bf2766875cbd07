//! The engine: events in, batches, histories, windows, verdicts, insights out.
//!
//! Detectors run on the ticks that `advance` is given, never on batch boundaries, so the batch size changes what is
//! moved at once and nothing that is said.

mod forecasts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::batch::Batcher;
use crate::detector::{Detector, Verdict};
use crate::event::{Body, Event, Outcome};
use crate::fact::{Fact, Gap};
use crate::forecast::{Censored, Fillings, Stated, Watch};
use crate::history::History;
use crate::identity::{Scope, Subject};
use crate::insight::Insight;
use crate::lifecycle::Lifecycle;
use crate::time::Timestamp;
use crate::tunable::Thresholds;
use crate::wanted::Wanted;
use crate::window::{Around, NAMING_GRACE, Run, Track, Window};
use crate::world::World;

/// Most scopes with a history.
const MAX_SCOPES: usize = 100_000;
/// Most containers remembered in one scope; a crash loop makes a new one each round.
const MAX_RUNS: usize = 64;
/// How often scopes are looked at where something came in lately or an insight is open; where it was a fact or a failure,
/// that is on the next tick.
const ROUND: Duration = Duration::from_secs(1);
/// What came in longer ago than this came not lately.
const LATELY: Duration = Duration::from_secs(60);
/// A scope of which nothing is heard is looked at once in this time and up to [`TURNS`] seconds more, so that the pods of
/// a large cluster, all listed at once, do not all have their turn at once.
const REST: Duration = Duration::from_secs(5);
const TURNS: u64 = 10;

/// Turns events into insights.
pub struct Engine {
    detectors: Vec<Box<dyn Detector>>,
    batcher: Batcher,
    tracks: BTreeMap<Scope, Track>,
    world: World,
    life: Lifecycle,
    watch: Watch,
    thresholds: Thresholds,
    urgent: BTreeSet<Scope>,
    last_round: Option<Timestamp>,
    /// The last tick.
    now: Timestamp,
    stats: Stats,
}

/// What the engine did so far. Every event is accounted for: `received = handled + refused + lost`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Events pushed, and those that sources said they lost on the way.
    pub received: u64,
    /// Events that were remembered.
    pub handled: u64,
    /// Events that came too late or beyond a bound and were not remembered.
    pub refused: u64,
    /// Events that sources said they lost.
    pub lost: u64,
    /// Batches moved.
    #[serde(skip)]
    pub batches: u64,
    /// Insights opened.
    pub insights: u64,
    /// Insights that were not said because too many were open.
    pub unsaid: u64,
    /// Insights opened that join kernel and Kubernetes evidence.
    pub correlations: u64,
    /// Pods the API server told of.
    pub pods: u64,
}

impl Engine {
    /// An engine with these detectors that moves at most `batch_size` events at once (at least 1).
    pub fn new(detectors: Vec<Box<dyn Detector>>, batch_size: usize) -> Self {
        Self {
            detectors,
            batcher: Batcher::new(batch_size),
            // The cluster is looked at whether or not anything is heard of it as a whole.
            tracks: BTreeMap::from([(Scope::Cluster, Track::new(Subject::Cluster, Timestamp::default()))]),
            world: World::default(),
            life: Lifecycle::default(),
            watch: Watch::default(),
            thresholds: Thresholds::default(),
            urgent: BTreeSet::new(),
            last_round: None,
            now: Timestamp::default(),
            stats: Stats::default(),
        }
    }

    /// Judges by these thresholds from now on.
    pub fn tune(&mut self, thresholds: Thresholds) {
        self.watch.state(Stated::new(&thresholds));
        self.thresholds = thresholds;
    }

    /// Says only what is wanted from now on. What was said and is not wanted any more is resolved within a second; what it
    /// explained is said a minute later when it is still there.
    pub fn want(&mut self, wanted: Wanted) {
        self.life.want(wanted);
    }

    /// Takes an event in.
    pub fn push(&mut self, event: Event) {
        self.stats.received += 1;
        if let Some(batch) = self.batcher.push(event) {
            self.apply(batch);
        }
    }

    /// Moves time on to `now` and gives back what is to be said. Call it every 100 ms.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Insight> {
        self.now = now;
        let batch = self.batcher.take();
        if !batch.is_empty() {
            self.apply(batch);
        }
        let full = self
            .last_round
            .is_none_or(|last| now < last || now.since(last) >= ROUND);
        let urgent = std::mem::take(&mut self.urgent);
        let due: Vec<Scope> = if full {
            self.due(now)
        } else {
            urgent.into_iter().collect()
        };
        let mut said = Vec::new();
        for scope in &due {
            self.look_at(now, scope, &mut said);
        }
        if full {
            self.last_round = Some(now);
            said.extend(self.life.expire(now));
            self.forget(now);
        }
        for insight in said
            .iter()
            .filter(|insight| insight.status == crate::insight::Status::Opened)
        {
            self.stats.insights += 1;
            self.stats.correlations += u64::from(insight.is_correlation());
        }
        said
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        Stats {
            pods: self.world.pod_count() as u64,
            unsaid: self.life.refused(),
            ..self.stats
        }
    }

    /// The insights that are open, as they were last said.
    pub fn open(&self) -> impl Iterator<Item = &Insight> {
        self.life.open()
    }

    /// What is known beyond single pods.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The scopes that a round looks at.
    fn due(&self, now: Timestamp) -> Vec<Scope> {
        let open = self.life.scopes();
        let is_due = |(scope, track): &(&Scope, &Track)| {
            let rested = |looked: Timestamp| now < looked || now.since(looked) >= rest(scope);
            now.since(track.heard) < LATELY || track.looked.is_none_or(rested) || open.contains(scope)
        };
        self.tracks
            .iter()
            .filter(is_due)
            .map(|(scope, _)| scope.clone())
            .collect()
    }

    fn apply(&mut self, batch: Vec<Event>) {
        self.stats.batches += 1;
        for event in batch {
            let scope = event.subject.scope();
            for named in self.world.apply(&event) {
                self.life.rename(&scope, &named.id, &named.name);
            }
            if let Body::Fact(Fact::Lost { count, .. }) = &event.body {
                self.stats.lost += count;
                self.stats.received += count;
            }
            if is_urgent(&event.body) {
                self.urgent.insert(scope.clone());
            }
            if let Body::Fact(Fact::Pod(state)) = &event.body {
                self.ended(&scope, state, event.at);
            }
            let remembered = self.remember(scope, event);
            self.stats.handled += u64::from(remembered);
            self.stats.refused += u64::from(!remembered);
        }
    }

    fn remember(&mut self, scope: Scope, event: Event) -> bool {
        if self.tracks.len() >= MAX_SCOPES && !self.tracks.contains_key(&scope) {
            return false;
        }
        let track = self
            .tracks
            .entry(scope)
            .or_insert_with(|| Track::new(event.subject.clone(), Timestamp::default()));
        // A state is looked at once: what it is as long as nothing happens needs no look each second.
        let is_state = matches!(&event.body, Body::Fact(fact) if fact.is_state());
        if is_state {
            track.looked = None;
        } else {
            track.heard = self.now;
        }
        let (Subject::Container(identity), Some(id)) = (&event.subject, event.subject.container_id()) else {
            track.subject = event.subject.clone();
            self.watch.heard(&mut track.fillings, &event, &self.world);
            return is_state || track.own.add(event);
        };
        let (identity, id) = (identity.clone(), id.clone());
        let named = || self.world.pod(&identity.uid)?.name_of(&id);
        track
            .rates
            .count(&event, &id, || named().or(identity.container.as_ref()));
        if track.containers.len() >= MAX_RUNS && !track.containers.contains_key(&id) {
            let oldest = forget_oldest(&mut track.containers);
            if let Some(mut run) = oldest {
                self.watch.gone(&mut run.fillings, &run.identity, Censored::Unseen);
            }
        }
        let run = track.containers.entry(id).or_insert_with(|| Run {
            identity: identity.clone(),
            history: History::default(),
            fillings: Fillings::default(),
        });
        run.identity = identity;
        self.watch.heard(&mut run.fillings, &event, &self.world);
        run.history.add(event)
    }

    fn look_at(&mut self, now: Timestamp, scope: &Scope, said: &mut Vec<Insight>) {
        if let Some(track) = self.tracks.get_mut(scope) {
            track.looked = Some(now);
        }
        let around = Around {
            tracks: &self.tracks,
            world: &self.world,
            life: &self.life,
            watch: &self.watch,
            thresholds: &self.thresholds,
        };
        let Some(window) = Window::new(now, scope, around) else {
            return;
        };
        let mut verdicts = Vec::new();
        for detector in &self.detectors {
            let mut verdict = detector.detect(&window);
            if let Verdict::Found(found) = &mut verdict {
                for insight in found {
                    insight.blind = blind(&self.world, detector.needs());
                }
            }
            if verdict != Verdict::Quiet {
                verdicts.push((detector, verdict));
            }
        }
        for (detector, verdict) in verdicts {
            said.extend(self.life.observe(now, scope, detector.id(), detector.hold(), verdict));
        }
        let mut runs = self
            .tracks
            .get(scope)
            .into_iter()
            .flat_map(|track| track.containers.values());
        if runs.any(|run| is_waiting_for_a_name(now, run)) {
            self.urgent.insert(scope.clone());
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.world.forget(now);
        let (world, watch) = (&self.world, &mut self.watch);
        self.tracks.retain(|scope, track| {
            track.containers.retain(|_, run| {
                let stays = run.history.forget(now);
                if !stays {
                    watch.gone(&mut run.fillings, &run.identity, Censored::Ended);
                }
                stays
            });
            let alive = track.own.forget(now) || !track.containers.is_empty();
            alive || world.has(scope)
        });
    }
}

/// Facts and failures are looked at on the next tick; measurements wait for the round.
fn is_urgent(body: &Body) -> bool {
    match body {
        Body::Fact(_) => true,
        Body::Span { outcome, .. } => *outcome != Outcome::Ok,
        Body::Gauge(_) | Body::Count(_) | Body::Histogram(_) => false,
    }
}

/// How long a quiet scope is left alone: by its name, so that it is the same in every run.
fn rest(scope: &Scope) -> Duration {
    let name = match scope {
        Scope::Pod(name) | Scope::Container(name) | Scope::Node(name) => name,
        Scope::Object(object) => &object.name,
        Scope::Host { comm, .. } => comm,
        Scope::Cluster => return ROUND,
    };
    REST + Duration::from_secs(name.bytes().map(u64::from).sum::<u64>() % TURNS)
}

fn is_waiting_for_a_name(now: Timestamp, run: &Run) -> bool {
    let age = run.history.first().map_or(Duration::ZERO, |first| now.since(first));
    run.identity.container.is_none() && age < NAMING_GRACE
}

fn forget_oldest(runs: &mut BTreeMap<Arc<str>, Run>) -> Option<Run> {
    let oldest = runs
        .iter()
        .min_by_key(|(_, run)| run.history.last())
        .map(|(id, _)| id.clone());
    runs.remove(&oldest?)
}

/// What a detector that needs these sources may have missed.
fn blind(world: &World, needs: &[&str]) -> Vec<Gap> {
    let is_needed = |source: &str| {
        needs
            .iter()
            .any(|need| source == *need || need.starts_with(&format!("{source}/")))
    };
    let gaps = world
        .gaps()
        .map(|(_, gap)| gap)
        .filter(|gap| is_needed(&gap.source))
        .cloned();
    let losses = world
        .losses()
        .filter(|((source, _), _)| is_needed(source) || &**source == "queue");
    let lost = losses.map(|((source, reason), loss)| Gap {
        source: source.clone(),
        what: format!("{} events", loss.count).into(),
        why: reason.clone(),
        fix: "the counts above are lower bounds".into(),
    });
    gaps.chain(lost).collect()
}
