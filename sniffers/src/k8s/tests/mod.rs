//! The sniffer against the scripted API server, over real HTTPS.

mod access;
mod busy;
mod election;
mod events;
mod faults;
mod kinds;
mod lists;
mod objects;
mod rbac;
mod renewal;
mod stall;

use std::io::Write;
use std::time::Duration;

use correlator::{Body, Event, Fact, Owner, Subject};
use fixtures::apiserver::{ALWAYS, ApiServer, Fault, Verb, kubeconfig};
use fixtures::kube::{ContainerObject, EventObject, NodeObject, PodObject, ReplicaSetObject, uid_of};
use pidmap::{PidMap, Roots};
use tempfile::NamedTempFile;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::sniffer::EventSender;

const START: &str = "2026-11-21T15:10:00Z";

/// A sniffer that runs against a scripted server.
struct Story {
    server: ApiServer,
    events: Receiver<Event>,
    stop: CancellationToken,
    sniffer: JoinHandle<Result<(), SniffError>>,
    kubeconfig: NamedTempFile,
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn context() -> (Context, Receiver<Event>) {
    context_of(4096)
}

/// A context whose queue holds so many events.
fn context_of(capacity: usize) -> (Context, Receiver<Event>) {
    let (events, receiver) = EventSender::bounded(capacity);
    let roots = Roots {
        proc: "/nonexistent".into(),
        cgroup: "/nonexistent".into(),
    };
    let pods = Arc::new(PidMap::new(roots, 1 << 20));
    (
        Context {
            events,
            pods,
            stop: CancellationToken::new(),
        },
        receiver,
    )
}

impl Story {
    fn begin(server: ApiServer, config: Config) -> Self {
        let kubeconfig = server.kubeconfig();
        Self::with(server, config, Pace::default(), &kubeconfig)
    }

    fn of(server: ApiServer) -> Self {
        Self::begin(server, Config::default())
    }

    fn at_pace(server: ApiServer, pace: Pace) -> Self {
        let kubeconfig = server.kubeconfig();
        Self::with(server, Config::default(), pace, &kubeconfig)
    }

    fn with(server: ApiServer, config: Config, pace: Pace, kubeconfig: &str) -> Self {
        let kubeconfig = file(kubeconfig);
        let config = Config {
            kubeconfig: Some(kubeconfig.path().into()),
            ..config
        };
        let mut sniffer = KubeSniffer {
            pace,
            ..KubeSniffer::new(config)
        };
        let (cx, events) = context();
        let stop = cx.stop.clone();
        let sniffer = tokio::spawn(async move { sniffer.run(&cx).await });
        Self {
            server,
            events,
            stop,
            sniffer,
            kubeconfig,
        }
    }

    /// The next event of which something is to be known; those before it are passed over.
    async fn find<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the sniffer ended");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), search)
            .await
            .expect("the event never came")
    }

    /// The state of the pod when it is next told, by phase.
    async fn pod(&mut self, name: &str) -> (Option<Owner>, String) {
        self.find(|event| match (&event.subject, &event.body) {
            (Subject::Pod(id), Body::Fact(Fact::Pod(state))) if id.pod.as_deref() == Some(name) => {
                Some((id.owner.clone(), state.phase.to_string()))
            }
            _ => None,
        })
        .await
    }

    /// The next gap of this source.
    async fn blind(&mut self, source: &str) -> correlator::Gap {
        self.find(|event| match &event.body {
            Body::Fact(Fact::Blind(gap)) if &*gap.source == source => Some(gap.clone()),
            _ => None,
        })
        .await
    }

    async fn sighted(&mut self, watched: &str) {
        self.find(|event| match &event.body {
            Body::Fact(Fact::Sighted { source }) => (&**source == watched).then_some(()),
            _ => None,
        })
        .await;
    }

    /// Waits until a watch of the resource is open, polling the server, which cannot call.
    async fn watching(&self, plural: &str) {
        let open = async {
            while self.server.open_watches(plural) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), open)
            .await
            .expect("the watch never opened");
    }

    async fn end(mut self) -> Vec<Event> {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(5), &mut self.sniffer).await;
        ended.expect("the sniffer does not stop").unwrap().unwrap();
        let mut rest = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            rest.push(event);
        }
        rest
    }
}

fn pod(name: &str) -> PodObject {
    PodObject::new("shop", name)
        .node("n1")
        .container(ContainerObject::new("app").limit("memory", "64Mi"))
}

/// A server that speaks TLS, as every cluster does.
fn server_with(pods: &[&str]) -> ApiServer {
    let server = ApiServer::start_tls().unwrap();
    for name in pods {
        server.apply(pod(name)).unwrap();
    }
    server
}

fn owner(kind: &str, name: &str) -> Owner {
    Owner {
        kind: kind.into(),
        name: name.into(),
    }
}

fn pods_told(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event.body, Body::Fact(Fact::Pod(_))))
        .count()
}
