//! Where insights and metrics are sent to besides stdout. The engine's loop only puts them into bounded queues; a thread of
//! its own sends them, so that no sink can hold up detection.

mod alertmanager;
mod client;
mod courier;
mod otlp;
#[cfg(test)]
mod outages;
mod queue;
mod said;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod webhook;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use correlator::{Engine, Insight, Timestamp};
use tokio::task::{JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;

use crate::config::measure::Url;
use crate::config::sinks as config;
use crate::metrics::Metrics;
use crate::metrics::standing::Standing;
use crate::output::Writer;
use crate::session::Session;
use client::{Client, secret};
use courier::{Courier, Post};
use queue::Queue;
use said::{Said, Speaker};

/// What still waits at the end of a run gets this long.
const GRACE: Duration = Duration::from_secs(5);

/// Starts the task of one sink on the thread of all.
type Start = Box<dyn FnOnce(&mut JoinSet<()>) + Send>;

/// The sinks of a run, checked and not yet started.
#[derive(Default)]
pub(crate) struct Sinks {
    cluster: Option<String>,
    starts: Vec<Start>,
    queues: Vec<Arc<dyn Ending>>,
    insights: Vec<Arc<Queue<Arc<Said>>>>,
    metrics: Option<otlp::Feed>,
}

/// How a queue ends, whatever is in it.
trait Ending: Send + Sync {
    fn close(&self);
    fn give_up(&self) -> u64;
    fn standing(&self) -> &Arc<Standing>;
}

impl<T: Send> Ending for Queue<T> {
    fn close(&self) {
        self.close();
    }

    fn give_up(&self) -> u64 {
        let waited = self.abandon();
        self.standing().gives_up(waited)
    }

    fn standing(&self) -> &Arc<Standing> {
        self.standing()
    }
}

impl Sinks {
    /// Checks everything that can be checked before something is sent.
    pub(crate) fn prepare(config: config::Sinks) -> Result<Self> {
        let mut sinks = Self {
            cluster: config.cluster,
            ..Self::default()
        };
        if let Some(to) = config.alertmanager {
            for (number, url) in (1..).zip(&to.urls) {
                sinks.add_alertmanager(number, url, &to)?;
            }
        }
        if let Some((to, url)) = config.webhook.as_ref().and_then(|to| Some((to, to.url.as_ref()?))) {
            check("sinks.webhook.secretFile", to.secret_file.as_deref())?;
            let client = client("webhook", url, &to.connection)?;
            let queue = Queue::new(to.queue, Arc::new(Standing::new("webhook")));
            let secret = to.secret_file.clone();
            sinks.add_insights(webhook::Webhook { secret }, Arc::new(queue), client);
        }
        if let Some((to, url)) = config.otlp.as_ref().and_then(|to| Some((to, to.url.as_ref()?))) {
            sinks.add_otlp(url, to)?;
        }
        Ok(sinks)
    }

    /// Adds the `number`th of several.
    fn add_alertmanager(&mut self, number: usize, url: &Url, to: &config::Alertmanager) -> Result<()> {
        let name = match number {
            1 => "alertmanager".to_owned(),
            number => format!("alertmanager/{number}"),
        };
        let client = client("alertmanager", url, &to.connection)?;
        let standing = Arc::new(Standing::new(&name));
        let courier = alertmanager::Alertmanager {
            cluster: self.cluster.clone(),
            generator_url: to.generator_url.clone(),
            repeat: to.repeat.0,
            standing: Arc::clone(&standing),
            open: BTreeMap::new(),
        };
        self.add_insights(courier, Arc::new(Queue::new(to.queue, standing)), client);
        Ok(())
    }

    fn add_otlp(&mut self, url: &Url, to: &config::Otlp) -> Result<()> {
        let resource = otlp::resource(self.cluster.as_deref());
        if to.logs {
            let queue = Queue::new(to.queue, Arc::new(Standing::new("otlp/logs")));
            let courier = otlp::Logs {
                resource: resource.clone(),
            };
            self.add_insights(courier, Arc::new(queue), client("otlp", url, &to.connection)?);
        }
        if to.metrics {
            let queue = Arc::new(Queue::new(to.queue, Arc::new(Standing::new("otlp/metrics"))));
            self.add(otlp::Sent, Arc::clone(&queue), client("otlp", url, &to.connection)?);
            self.metrics = Some(otlp::Feed::new(resource, to.interval.0, queue));
        }
        Ok(())
    }

    fn add_insights<C, P>(&mut self, courier: C, queue: Arc<Queue<Arc<Said>>>, post: P)
    where
        C: Courier<Item = Arc<Said>> + Send + 'static,
        P: Post + Send + 'static,
    {
        self.insights.push(Arc::clone(&queue));
        self.add(courier, queue, post);
    }

    fn add<C, P>(&mut self, courier: C, queue: Arc<Queue<C::Item>>, post: P)
    where
        C: Courier<Item: Send> + Send + 'static,
        P: Post + Send + 'static,
    {
        self.queues.push(Arc::clone(&queue) as Arc<dyn Ending>);
        let jitter = u64::from(std::process::id());
        self.starts.push(Box::new(move |tasks| {
            tasks.spawn_local(courier::carry(courier, queue, post, jitter));
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub(crate) fn wants_metrics(&self) -> bool {
        self.metrics.is_some()
    }

    /// How each fares, for the metrics.
    pub(crate) fn standings(&self) -> Vec<Arc<Standing>> {
        self.queues.iter().map(|queue| Arc::clone(queue.standing())).collect()
    }

    /// Starts them for a run without metrics of its own.
    pub(crate) fn shown_to(self, mut session: Session) -> Result<Session> {
        if !self.is_empty() {
            session.show(Box::new(self.start(None)?));
        }
        Ok(session)
    }

    /// Starts their thread.
    pub(crate) fn start(mut self, metrics: Option<Rc<RefCell<Metrics>>>) -> Result<Sending> {
        let stop = CancellationToken::new();
        let (done, ended) = channel();
        let (starts, stopped) = (std::mem::take(&mut self.starts), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("starting the runtime of the sinks")?;
        let thread = std::thread::Builder::new().name("sinks".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, async move {
                let mut tasks = JoinSet::new();
                for start in starts {
                    start(&mut tasks);
                }
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = async { while tasks.join_next().await.is_some() {} } => {}
                }
            });
            // Whoever waits no longer needs no answer.
            let _ = done.send(());
        });
        Ok(Sending {
            speaker: Speaker::new(self.cluster.clone()),
            feed: self.metrics.take().zip(metrics),
            sinks: self,
            stop,
            ended,
            thread: Some(thread.context("starting the thread of the sinks")?),
        })
    }
}

/// The way to a sink. What it needs must be there at the start, so that a wrong name is told at once.
fn client(sink: &str, url: &Url, connection: &config::Connection) -> Result<Client> {
    let key = format!("sinks.{sink}.connection");
    check(
        &format!("{key}.bearerTokenFile"),
        connection.bearer_token_file.as_deref(),
    )?;
    Client::new(&url.0, connection).context(key)
}

/// Whether the file of a key holds a secret.
fn check(key: &str, path: Option<&Path>) -> Result<()> {
    let read = path.map(secret).transpose();
    let say = || format!("{key}: name a file that this user may read");
    read.map(drop).with_context(say)
}

/// Puts what is said into the queues of all sinks.
pub(crate) struct Sending {
    sinks: Sinks,
    speaker: Speaker,
    feed: Option<(otlp::Feed, Rc<RefCell<Metrics>>)>,
    stop: CancellationToken,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Sending {
    /// Gives what waits a while to be sent, and says what was not.
    fn end(&mut self) {
        for queue in &self.sinks.queues {
            queue.close();
        }
        if self.ended.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
            self.stop.cancel();
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("The thread of the sinks broke.");
        }
        for queue in &self.sinks.queues {
            let count = queue.give_up();
            if count > 0 {
                let name = queue.standing().name();
                tracing::warn!("{name}: {count} were not sent before the end of the run.");
            }
        }
    }
}

impl Writer for Sending {
    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        if self.sinks.insights.is_empty() {
            return Ok(());
        }
        let said = Arc::new(self.speaker.say(insight));
        for queue in &self.sinks.insights {
            queue.push(Arc::clone(&said), said.json.len());
        }
        Ok(())
    }

    fn tick(&mut self, engine: &Engine, now: Timestamp, _took: Duration) {
        if let Some((feed, metrics)) = &mut self.feed {
            feed.tick(&mut metrics.borrow_mut(), engine, now);
        }
    }

    fn finish(&mut self, engine: &Engine) -> io::Result<()> {
        if let Some((feed, metrics)) = &mut self.feed {
            feed.flush(&mut metrics.borrow_mut(), engine);
        }
        self.end();
        Ok(())
    }
}

impl Drop for Sending {
    /// A run that broke leaves nothing behind that still sends.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
