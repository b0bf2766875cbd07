//! The engine's side of forecasts: takes samples out of the events, asks the forecaster, and finds out what came of it.
//!
//! Everything happens when an event comes in and by the time it carries, never on ticks, so that a replay in batches of any
//! size gives the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::calibration::{CountedIn, Resolved};
use super::filling::{Filling, Taken};
use super::maturing::Maturing;
use super::predictions::{Censored, Fate, Prediction, Predictions, Verdict};
use super::resource::Resource;
use super::stated::Stated;
use super::{Calibration, Forecaster, Outlook, workloads};
use crate::event::{Body, Event, signals};
use crate::fact::Fact;
use crate::fill::Fill;
use crate::identity::{PodIdentity, Subject};
use crate::pod::Termination;
use crate::time::Timestamp;
use crate::world::World;

/// A kill is told by the kernel, by the cgroup's counter and by the kubelet; within this time it is one kill.
const SAME_KILL: Duration = Duration::from_secs(10);
/// How often the time under watch is added to the workload's, and its record looked up again.
const ACCOUNT: Duration = Duration::from_secs(60);
/// The same while nothing is known of its workload.
const ACCOUNT_NAMELESS: Duration = Duration::from_secs(5);
/// A silence counts as time under watch up to this.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);
/// Most resources of one container or scope that are watched: a pod has few volumes.
const MAX_FILLINGS: usize = 64;
/// The reason with which the kubelet tells of an OOM kill.
const OOM_KILLED: &str = "OOMKilled";

/// Asks about resources as they fill up, and remembers what came of it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    forecaster: Option<Box<dyn Forecaster>>,
    calibration: Calibration,
    maturing: Maturing,
    stated: Stated,
}

/// The resources of one run, or of one scope as a whole, with the forecasts that wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fillings {
    /// By resource and, where there are several, name.
    of: BTreeMap<(Resource, Arc<str>), Box<Filling>>,
    waiting: Predictions,
    counted: CountedIn,
    /// The last kill.
    killed: Option<Timestamp>,
    /// The last sample of what can end in an OOM kill.
    seen: Option<Timestamp>,
    account: Account,
}

/// What the workload's record is owed, and what it says.
#[derive(Debug, Clone, Default)]
struct Account {
    workload: Option<String>,
    prior: Option<f64>,
    settled: Option<Timestamp>,
}

impl Fillings {
    /// The record of a resource of which there is one.
    pub(crate) fn record(&self, resource: Resource) -> Option<&Fill> {
        self.named(resource).next()?.1.record()
    }

    /// Everything that was heard of, with its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Resource, &str, &Filling)> {
        let all = self.of.iter();
        all.map(|((resource, name), filling)| (*resource, &**name, &**filling))
    }

    /// What is expected of a resource of which there is one.
    pub(crate) fn outlook(&self, resource: Resource) -> Option<&Outlook> {
        let (_, filling) = self.named(resource).next()?;
        filling.record().map(|_| filling.outlook())
    }

    /// All of one kind that were heard of.
    pub(crate) fn named(&self, resource: Resource) -> impl Iterator<Item = (&str, &Filling)> {
        self.all()
            .filter(move |(of, ..)| *of == resource)
            .map(|(_, name, filling)| (name, filling))
    }
}

impl Watch {
    pub(crate) fn ask(&mut self, forecaster: Box<dyn Forecaster>) {
        self.forecaster = Some(forecaster);
    }

    pub(crate) fn calibrate(&mut self, calibration: Calibration) {
        self.calibration = calibration;
    }

    /// From now on forecasts are said from these probabilities on.
    pub(crate) fn state(&mut self, stated: Stated) {
        self.stated = stated;
    }

    pub(crate) fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    pub(crate) fn forecaster(&self) -> Option<&dyn Forecaster> {
        self.forecaster.as_deref()
    }

    /// An event of a run, or of a scope as a whole.
    pub(crate) fn heard(&mut self, fillings: &mut Fillings, event: &Event, world: &World) {
        if self.forecaster.is_none() {
            return;
        }
        let container = match &event.subject {
            Subject::Container(identity) => Some(&**identity),
            _ => None,
        };
        if let (true, Some(identity)) = (tells_of_a_kill(event), container) {
            return self.killed(fillings, identity, event.at);
        }
        let Some((resource, part, name)) = Resource::of(&event.signal) else {
            return;
        };
        let key = (resource, Arc::from(name));
        if fillings.of.len() >= MAX_FILLINGS && !fillings.of.contains_key(&key) {
            return;
        }
        let new = || Box::new(Filling::new(resource));
        let filling = fillings.of.entry(key.clone()).or_insert_with(new);
        let Some(taken) = filling.hear(part, &event.body, event.at) else {
            return;
        };
        // Only containers are OOM-killed: what comes of a node's forecast is told by no one.
        let identity = container.filter(|_| resource.ends_in_oom());
        if let Some(identity) = identity {
            self.lives(fillings, identity, &taken, world);
        }
        self.evaluate(fillings, &key, &taken, identity.is_some());
    }

    /// A container was sampled, so it is alive.
    fn lives(&mut self, fillings: &mut Fillings, identity: &PodIdentity, taken: &Taken, world: &World) {
        fillings.seen = Some(taken.at);
        self.mature(taken.at);
        self.account(fillings, identity, taken.at, world);
        let lost = match taken {
            taken if taken.resized => Some(Censored::Resized),
            taken if taken.clock_set || taken.closed.reset => Some(Censored::Unseen),
            _ => None,
        };
        self.settle(fillings, identity, taken.at, Fate::Lives);
        if let Some(reason) = lost {
            self.settle(fillings, identity, taken.at, Fate::Lost(reason));
        }
    }

    fn evaluate(&mut self, fillings: &mut Fillings, key: &(Resource, Arc<str>), taken: &Taken, waits: bool) {
        let (Some(forecaster), Some(filling)) = (&self.forecaster, fillings.of.get_mut(key)) else {
            return;
        };
        let prior = fillings.account.prior.unwrap_or_else(|| self.calibration.prior(None));
        for (horizon, ask) in filling.due(taken.closed) {
            let log_odds = filling
                .record()
                .filter(|_| ask)
                .and_then(|record| forecaster.log_odds(record, horizon));
            let log_odds = log_odds
                .filter(|log_odds| log_odds.is_finite())
                .map(|raw| raw.clamp(-40.0, 40.0));
            let answer = log_odds.map(|raw| (raw, self.calibration.probability(horizon, raw, prior)));
            let stated = filling.answered(horizon, taken.at, answer, &self.stated);
            if let (true, Some(log_odds), Some(stated)) = (waits, log_odds, stated) {
                fillings.waiting.keep(Prediction {
                    at: taken.at,
                    horizon,
                    log_odds,
                    stated,
                    prior,
                });
            }
        }
    }

    /// Adds the time under watch to the workload's, and looks up what is known of it.
    fn account(&mut self, fillings: &mut Fillings, identity: &PodIdentity, at: Timestamp, world: &World) {
        let account = &mut fillings.account;
        let every = if account.workload.is_some() {
            ACCOUNT
        } else {
            ACCOUNT_NAMELESS
        };
        let since = account.settled.map(|settled| at.since(settled));
        if since.is_some_and(|since| since < every) {
            return;
        }
        account.settled = Some(at);
        account.workload = workload(identity, world);
        if let (Some(workload), Some(since)) = (&account.workload, since) {
            self.calibration.watched(workload, since.min(LONGEST_SILENCE), at);
        }
        account.prior = Some(self.calibration.prior(account.workload.as_deref()));
    }

    fn killed(&mut self, fillings: &mut Fillings, identity: &PodIdentity, at: Timestamp) {
        let is_known = |killed: Timestamp| at.since(killed).max(killed.since(at)) < SAME_KILL;
        if fillings.seen.is_none() || fillings.killed.is_some_and(is_known) {
            return;
        }
        fillings.killed = Some(at);
        let came_true = self.settle(fillings, identity, at, Fate::Killed);
        self.calibration
            .killed(fillings.account.workload.as_deref(), came_true, at);
    }

    /// The kubelet says how a container ended.
    pub(crate) fn ended(
        &mut self,
        fillings: &mut Fillings,
        identity: &PodIdentity,
        how: &Termination,
        told: Timestamp,
    ) {
        if self.forecaster.is_none() {
            return;
        }
        let at = how.finished.unwrap_or(told);
        if &*how.reason == OOM_KILLED {
            self.killed(fillings, identity, at);
        }
        self.settle(fillings, identity, at, Fate::Lost(Censored::Ended));
    }

    /// Nothing more will be heard of a run.
    pub(crate) fn gone(&mut self, fillings: &mut Fillings, identity: &PodIdentity, why: Censored) {
        let at = fillings.seen.unwrap_or_default();
        self.settle(fillings, identity, at, Fate::Lost(why));
    }

    /// Finds out what came of a container's forecasts. Whether one came true.
    fn settle(&mut self, fillings: &mut Fillings, identity: &PodIdentity, at: Timestamp, fate: Fate) -> bool {
        let mut settled = fillings.waiting.settle(at, fate);
        // What counts first is the first of its container.
        settled.sort_by_key(|(prediction, _)| prediction.until());
        let id = identity.container_id.as_deref().unwrap_or(&identity.uid);
        let mut came_true = false;
        for (prediction, verdict) in &settled {
            match verdict {
                Verdict::Censored(reason) => self.calibration.censor(prediction, *reason),
                Verdict::Lived => {
                    let resolved = Resolved::new(id, *prediction, &mut fillings.counted);
                    self.calibration.resolve(&resolved, false);
                }
                Verdict::Killed => {
                    came_true = true;
                    let resolved = Resolved::new(id, *prediction, &mut fillings.counted);
                    if let Err(resolved) = self.maturing.hold(resolved) {
                        self.calibration.censor(&resolved.prediction, Censored::Unseen);
                    }
                }
            }
        }
        if !settled.is_empty() {
            self.calibration.fit_if_due(at);
        }
        came_true
    }

    /// Counts the forecasts that came true and whose horizon is over by now.
    fn mature(&mut self, at: Timestamp) {
        for resolved in self.maturing.due(at) {
            self.calibration.resolve(&resolved, true);
            self.calibration.fit_if_due(at);
        }
    }

    /// Nothing more will be heard of anybody.
    pub(crate) fn close(&mut self) {
        for resolved in self.maturing.due(Timestamp::from_nanos(u64::MAX)) {
            self.calibration.censor(&resolved.prediction, Censored::Unseen);
        }
    }
}

/// The victim is the event's container. A kill at an ancestor's limit counts, because headroom is measured over the
/// ancestors too; one for want of memory on the node does not.
fn tells_of_a_kill(event: &Event) -> bool {
    match &event.body {
        Body::Fact(Fact::OomKill(kill)) => kill.own_limit || kill.limit.is_some(),
        Body::Count(rise) => *rise > 0 && event.signal == signals::MEMORY_OOM_KILLS,
        _ => false,
    }
}

fn workload(identity: &PodIdentity, world: &World) -> Option<String> {
    let pod = world.pod(&identity.uid);
    let id = identity.container_id.as_deref()?;
    let container = pod.and_then(|pod| pod.name_of(id)).or(identity.container.as_ref())?;
    workloads::name(pod.map_or(identity, |pod| &pod.identity), container)
}
