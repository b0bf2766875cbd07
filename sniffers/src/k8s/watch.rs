//! One watch: lists, follows, backs off, relists, and says what it cannot see.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::api::ListParams;
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::gap::{Cause, Meaning, Phase, Trouble, Watched, cause, gap, meaning};
use super::listing::Listing;
use super::sight::{Due, Sight};
use super::text::{NAME, bounded};
use crate::clock;
use crate::sniffer::{Context, EventSender};

/// The server ends a watch after this time; the client gives it up a little later (see `client::Pace`).
const WATCH_SECONDS: u32 = 60;
/// Objects of one page of a list.
const PAGE: u32 = 500;
/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(8);

/// What is done with the objects of one resource.
pub(super) trait Reader: Send {
    /// The slim object.
    type Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static;
    /// Its name and what it is for.
    const WATCHED: Watched;

    /// What tells one object from another.
    fn key(metadata: &ObjectMeta) -> Option<Arc<str>> {
        metadata
            .uid
            .as_deref()
            .filter(|uid| !uid.is_empty())
            .map(|uid| bounded(uid, NAME))
    }

    /// A list of all objects begins or is complete; what is applied in between need not have happened just now.
    fn listing(&mut self, _under_way: bool) {}

    /// The object exists, as it is now.
    fn apply(&mut self, object: Self::Object);

    /// The object with this key does not exist any more.
    fn gone(&mut self, key: &str);

    /// Tells a part of what was held back in a list, at most as much as there is room for. Returns whether there is more.
    fn tell_more(&mut self) -> bool {
        false
    }
}

type Guarded<R> = DeserializeGuard<<R as Reader>::Object>;

/// Watches until told to stop. `fields` is a field selector; `namespace` is what `api` is limited to.
pub(super) async fn watch<R: Reader>(
    api: Api<Guarded<R>>,
    fields: Option<String>,
    reader: R,
    cx: Context,
    namespace: Option<String>,
) {
    let mut config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    config.field_selector = fields;
    let mut stream = watcher(api.clone(), config).boxed();
    let (stop, events) = (cx.stop.clone(), cx.events.clone());
    let mut watch = Watch {
        reader,
        cx,
        namespace,
        listing: Listing::default(),
        sight: Sight::new(Instant::now()),
        backoff: DefaultBackoff::default(),
        listed: false,
        pause: None,
    };
    loop {
        let (pause, check) = (watch.pause, watch.sight.deadline());
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep_until(pause), if pause.is_some() => watch.pause = None,
            () = sleep_until(check), if check.is_some() => tokio::select! {
                () = watch.check(&api) => {}
                () = stop.cancelled() => return,
            },
            event = next(&mut stream, &events), if pause.is_none() => match event {
                Some(Ok(event)) => {
                    watch.take(event);
                    tokio::select! {
                        () = watch.tell_all(&events) => {}
                        () = stop.cancelled() => return,
                    }
                }
                Some(Err(error)) => watch.fail(&error),
                None => return,
            },
        }
    }
}

/// The next thing the API server says, once there is room for what follows from it.
async fn next<S: Stream + Unpin>(stream: &mut S, events: &EventSender) -> Option<S::Item> {
    events.room().await;
    stream.next().await
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Watch<R> {
    reader: R,
    cx: Context,
    namespace: Option<String>,
    listing: Listing,
    sight: Sight,
    backoff: DefaultBackoff,
    /// The first list is complete.
    listed: bool,
    /// Nothing is asked before this.
    pause: Option<Instant>,
}

impl<R: Reader> Watch<R> {
    fn take(&mut self, event: Event<Guarded<R>>) {
        match event {
            Event::Init => {
                self.reader.listing(true);
                return self.listing.begin();
            }
            Event::InitApply(object) => {
                self.apply(object);
                return self.sight.progresses(Instant::now());
            }
            Event::Apply(object) => self.apply(object),
            Event::Delete(object) => {
                if let Some(key) = R::key(object.meta()) {
                    self.listing.gone(&key);
                    self.reader.gone(&key);
                }
            }
            Event::InitDone => {
                for key in self.listing.end() {
                    self.reader.gone(&key);
                }
                self.reader.listing(false);
            }
        }
        self.works();
    }

    async fn tell_all(&mut self, events: &EventSender) {
        while self.reader.tell_more() {
            events.room().await;
        }
    }

    fn apply(&mut self, object: Guarded<R>) {
        if let Some(key) = R::key(object.meta()) {
            self.listing.saw(&key);
        }
        match object.0 {
            Ok(object) => self.reader.apply(object),
            Err(invalid) => {
                let (source, name) = (R::WATCHED.source(), &invalid.metadata.name);
                tracing::debug!(source, name, error = invalid.error, "An object cannot be decoded.");
                self.cx.events.lost(clock::now(), &source, "malformed object", 1);
            }
        }
    }

    fn fail(&mut self, error: &watcher::Error) {
        let source = R::WATCHED.source();
        tracing::debug!(source, %error, "The watch reports an error.");
        match meaning(error) {
            Meaning::BadLine => return self.cx.events.lost(clock::now(), &source, "malformed watch event", 1),
            Meaning::Expired => {}
            Meaning::Failing(trouble) => {
                if self.sight.fails(&trouble, Instant::now()) {
                    self.say_blind(&trouble);
                }
            }
        }
        self.pause = self.backoff.next().map(|delay| Instant::now() + delay);
    }

    async fn check(&mut self, api: &Api<Guarded<R>>) {
        match self.sight.due(Instant::now()) {
            Due::Nothing => {}
            Due::SayBlind(trouble) => self.say_blind(&trouble),
            Due::SaySighted => self.say_sighted(),
            Due::Probe => match probe(api).await {
                Ok(()) => {
                    self.pause = None;
                    self.works();
                }
                Err(cause) => {
                    let phase = if cause == Cause::Forbidden {
                        Phase::List
                    } else {
                        Phase::Watch
                    };
                    let trouble = Trouble { phase, cause };
                    if self.sight.probe_failed(&trouble, Instant::now()) {
                        self.say_blind(&trouble);
                    }
                }
            },
        }
    }

    fn works(&mut self) {
        self.backoff.reset();
        if !self.listed {
            self.listed = true;
            self.cx.events.health().listed(&R::WATCHED.source());
        }
        if self.sight.works() {
            self.say_sighted();
        }
    }

    fn say_blind(&self, trouble: &Trouble) {
        let gap = gap(R::WATCHED, trouble, self.namespace.as_deref());
        tracing::warn!(
            source = &*gap.source,
            why = &*gap.why,
            "A Kubernetes resource is not watched."
        );
        self.cx.events.health().listed(&gap.source);
        self.cx.events.blind(clock::now(), gap);
    }

    fn say_sighted(&self) {
        let source = R::WATCHED.source();
        tracing::info!(source, "A Kubernetes resource is watched again.");
        self.cx.events.sighted(clock::now(), &source);
    }
}

/// Asks for one object, the cheapest request that needs the same rights and the same server.
async fn probe<K: Clone + Debug + DeserializeOwned>(api: &Api<K>) -> Result<(), Cause> {
    match tokio::time::timeout(PROBE, api.list(&ListParams::default().limit(1))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(cause(&error)),
        Err(_) => Err(Cause::Other(format!("no answer within {} s", PROBE.as_secs()))),
    }
}
