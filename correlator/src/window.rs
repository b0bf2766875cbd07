//! What a detector looks at: five minutes of one scope, its containers grouped by name, and the world around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Signal;
use crate::fact::Fact;
use crate::fill::Fill;
use crate::forecast::{Calibration, Filling, Fillings, Outlook, Resource, Watch};
use crate::history::{Failure, History};
use crate::identity::{PodIdentity, Scope, Subject};
use crate::insight::Insight;
use crate::lifecycle::Lifecycle;
use crate::pod::{ContainerState, Termination};
use crate::rate::{RateBook, Rates};
use crate::series::Series;
use crate::time::Timestamp;
use crate::tunable::{Thresholds, Tunable};
use crate::world::{Pod, World};

/// The kernel often sees a container before the API server has named it. Nothing is said of it for this long.
pub const NAMING_GRACE: Duration = Duration::from_millis(1_200);

/// Everything remembered of one scope.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) subject: Subject,
    /// When something last came in, to the last tick.
    pub(crate) heard: Timestamp,
    /// When detectors last looked at it.
    pub(crate) looked: Option<Timestamp>,
    pub(crate) own: History,
    pub(crate) fillings: Fillings,
    pub(crate) rates: RateBook,
    pub(crate) containers: BTreeMap<Arc<str>, Run>,
}

impl Track {
    pub(crate) fn new(subject: Subject, heard: Timestamp) -> Self {
        Self {
            subject,
            heard,
            looked: None,
            own: History::default(),
            fillings: Fillings::default(),
            rates: RateBook::default(),
            containers: BTreeMap::new(),
        }
    }
}

/// One container from start to end: a restart makes another.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) identity: Arc<PodIdentity>,
    pub(crate) history: History,
    pub(crate) fillings: Fillings,
}

/// A view of one scope at one moment.
#[derive(Debug)]
pub struct Window<'a> {
    now: Timestamp,
    scope: &'a Scope,
    track: &'a Track,
    around: Around<'a>,
    containers: Vec<ContainerView<'a>>,
}

/// Everything beyond the scope that a detector may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) tracks: &'a BTreeMap<Scope, Track>,
    pub(crate) world: &'a World,
    pub(crate) life: &'a Lifecycle,
    pub(crate) watch: &'a Watch,
    pub(crate) thresholds: &'a Thresholds,
}

/// A container of the pod, through all its restarts.
#[derive(Debug)]
pub struct ContainerView<'a> {
    /// All names that are known; the container id is that of the newest run.
    pub identity: Arc<PodIdentity>,
    /// As the API server last told it.
    pub state: Option<&'a ContainerState>,
    /// How it ended before, by the API server, oldest first.
    pub terminations: Vec<&'a Termination>,
    /// What the kernel and the cgroup files said of each run, oldest first.
    pub runs: Vec<RunView<'a>>,
    /// What fails and how often, through all its runs.
    pub rates: Option<&'a Rates>,
}

/// One run of a container.
#[derive(Debug, Clone, Copy)]
pub struct RunView<'a> {
    /// Container id.
    pub id: &'a str,
    /// What was seen of it.
    pub history: &'a History,
    pub(crate) fillings: &'a Fillings,
}

impl<'a> Window<'a> {
    /// The view of a scope, if anything is remembered of it.
    pub(crate) fn new(now: Timestamp, scope: &Scope, around: Around<'a>) -> Option<Self> {
        let (scope, track) = around.tracks.get_key_value(scope)?;
        let containers = group(now, scope, track, around.world);
        Some(Self {
            now,
            scope,
            track,
            around,
            containers,
        })
    }

    /// The view of another scope at the same moment, if anything is remembered of it.
    pub fn of(&self, scope: &Scope) -> Option<Self> {
        Self::new(self.now, scope, self.around)
    }

    /// The insights that are open everywhere, also those that are not said because another one explains them.
    pub fn open(&self) -> impl Iterator<Item = &'a Insight> {
        self.around.life.wanted()
    }

    /// The same with those that the user does not want to hear.
    pub fn found(&self) -> impl Iterator<Item = &'a Insight> {
        self.around.life.all()
    }

    /// This moment.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What is looked at.
    pub fn scope(&self) -> &Scope {
        self.scope
    }

    /// Who is looked at, with all names that are known.
    pub fn subject(&self) -> Subject {
        match self.pod() {
            Some(pod) => Subject::Pod(pod.identity.clone()),
            None => self.track.subject.clone(),
        }
    }

    /// The pod as the API server told it.
    pub fn pod(&self) -> Option<&'a Pod> {
        match self.scope {
            Scope::Pod(uid) => self.around.world.pod(uid),
            _ => None,
        }
    }

    /// What was said of the scope itself rather than of one of its containers.
    pub fn own(&self) -> &'a History {
        &self.track.own
    }

    /// The record of a resource of the scope itself: of a node, or of a pod as a whole.
    pub fn fill(&self, resource: Resource) -> Option<&'a Fill> {
        self.track.fillings.record(resource)
    }

    /// What is expected of a resource of the scope itself.
    pub fn outlook(&self, resource: Resource) -> Option<&'a Outlook> {
        self.track.fillings.outlook(resource)
    }

    /// All resources of one kind of the scope itself, with their names: a pod's volumes.
    pub fn fillings(&self, resource: Resource) -> impl Iterator<Item = (&'a str, &'a Filling)> + use<'a> {
        self.track.fillings.named(resource)
    }

    /// How far probabilities can be trusted.
    pub fn calibration(&self) -> &'a Calibration {
        self.around.watch.calibration()
    }

    /// What speaks for a limit being met and what against it; see [`Forecaster::reasons`](crate::Forecaster::reasons).
    pub fn reasons(&self, fill: &Fill, horizon: usize) -> Vec<(&'static str, f64)> {
        let forecaster = self.around.watch.forecaster();
        forecaster.map_or_else(Vec::new, |forecaster| forecaster.reasons(fill, horizon))
    }

    /// The containers, in the order of their names.
    pub fn containers(&self) -> &[ContainerView<'a>] {
        &self.containers
    }

    /// What the user chose of a detector's numbers, or its default.
    pub fn tuned(&self, tunable: &Tunable) -> f64 {
        self.around.thresholds.value(tunable)
    }

    /// The same of a number of seconds.
    pub fn tuned_time(&self, tunable: &Tunable) -> Duration {
        Duration::from_secs_f64(self.tuned(tunable))
    }

    /// The rest of the world.
    pub fn world(&self) -> &'a World {
        self.around.world
    }
}

impl<'a> RunView<'a> {
    /// The record of a resource, from the start of the run; `None` without a limit, or where next to nothing of it is used.
    pub fn fill(&self, resource: Resource) -> Option<&'a Fill> {
        self.fillings.record(resource)
    }

    /// What is expected of a resource.
    pub fn outlook(&self, resource: Resource) -> Option<&'a Outlook> {
        self.fillings.outlook(resource)
    }

    /// All resources of one kind, with their names.
    pub fn fillings(&self, resource: Resource) -> impl Iterator<Item = (&'a str, &'a Filling)> + use<'a> {
        self.fillings.named(resource)
    }
}

impl<'a> ContainerView<'a> {
    /// The subject of an insight about this container.
    pub fn subject(&self) -> Subject {
        Subject::Container(self.identity.clone())
    }

    /// Tells this container from its siblings: its name, or its id while it has none.
    pub fn key(&self) -> &str {
        let id = &self.identity;
        id.container
            .as_deref()
            .or(id.container_id.as_deref())
            .unwrap_or_default()
    }

    /// A signal of the newest run.
    pub fn series(&self, signal: &Signal) -> Option<&'a Series> {
        self.runs.last()?.history.series(signal)
    }

    /// The facts of all runs, oldest run first.
    pub fn facts(&self) -> impl Iterator<Item = &'a (Timestamp, Fact)> {
        self.runs.iter().flat_map(|run| run.history.facts())
    }

    /// The failed spans of all runs, oldest run first.
    pub fn failures(&self, signal: &Signal) -> Vec<&'a Failure> {
        let spans = self.runs.iter().filter_map(|run| run.history.spans(signal));
        spans.flat_map(|spans| &spans.failed).collect()
    }
}

/// Groups the runs of a scope by container name, adds containers that only the API server knows, and leaves out what
/// the API server may yet name.
fn group<'a>(now: Timestamp, scope: &Scope, track: &'a Track, world: &'a World) -> Vec<ContainerView<'a>> {
    let pod = match scope {
        Scope::Pod(uid) => world.pod(uid),
        _ => None,
    };
    let mut views: BTreeMap<Arc<str>, ContainerView<'a>> = BTreeMap::new();
    for container in pod.iter().flat_map(|pod| &pod.state.containers) {
        views.insert(container.name.clone(), stated(pod, container));
    }
    let mut runs: Vec<_> = track.containers.iter().collect();
    runs.sort_by_key(|(id, run)| (run.history.first(), *id));
    for (id, run) in runs {
        let name = pod.and_then(|pod| pod.name_of(id)).or(run.identity.container.as_ref());
        let age = run.history.first().map_or(Duration::ZERO, |first| now.since(first));
        if name.is_none() && world.knows_kubernetes() && age < NAMING_GRACE && matches!(scope, Scope::Pod(_)) {
            continue;
        }
        let identity = named(pod, &run.identity, name);
        let view = views
            .entry(name.unwrap_or(id).clone())
            .or_insert_with(|| ContainerView {
                identity: identity.clone(),
                state: None,
                terminations: Vec::new(),
                runs: Vec::new(),
                rates: None,
            });
        view.identity = identity;
        view.runs.push(RunView {
            id,
            history: &run.history,
            fillings: &run.fillings,
        });
    }
    for (name, view) in &mut views {
        view.rates = track.rates.of(name, view.identity.container_id.as_deref());
    }
    views.into_values().collect()
}

fn stated<'a>(pod: Option<&'a Pod>, container: &'a ContainerState) -> ContainerView<'a> {
    let mut identity = pod.map_or_else(PodIdentity::default, |pod| (*pod.identity).clone());
    identity.container = Some(container.name.clone());
    identity.container_id = Some(container.id.clone()).filter(|id| !id.is_empty());
    ContainerView {
        identity: Arc::new(identity),
        state: Some(container),
        terminations: pod
            .map(|pod| pod.terminations(&container.name).collect())
            .unwrap_or_default(),
        runs: Vec::new(),
        rates: None,
    }
}

fn named(pod: Option<&Pod>, from_event: &Arc<PodIdentity>, name: Option<&Arc<str>>) -> Arc<PodIdentity> {
    let Some(pod) = pod else { return from_event.clone() };
    Arc::new(PodIdentity {
        container: name.cloned(),
        container_id: from_event.container_id.clone(),
        ..(*pod.identity).clone()
    })
}
