//! What the tests of several sinks share: an insight, a way that answers by script, and a receiver on loopback.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use correlator::{Insight, Owner, PodIdentity, Remedy, Severity, Source, Subject};
use fixtures::events::secs;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::courier::{Answer, Parcel, Post};

/// The container app of the `n`th pod of a shop was killed.
pub(super) fn oom(n: u32) -> Insight {
    let pod = PodIdentity {
        uid: format!("00000000-0000-4000-8000-{n:012}").into(),
        namespace: Some("shop".into()),
        pod: Some(format!("cart-{n}").into()),
        container: Some("app".into()),
        container_id: Some(format!("{n:064x}").into()),
        node: Some("node-1".into()),
        owner: Some(Owner {
            kind: "Deployment".into(),
            name: "cart".into(),
        }),
    };
    let title = format!("shop/cart-{n} was OOM-killed");
    let subject = Subject::Container(pod.into());
    let mut insight = Insight::new(
        "oom-killed",
        subject,
        Severity::Critical,
        title,
        "It used too much.".into(),
    )
    .because(secs(9), Source::Kernel, "the kernel killed pid 7");
    insight.at = secs(10);
    let commands = vec!["kubectl -n shop logs cart-1".to_owned()];
    let look = Remedy::look("Look at it".into(), "why not".into(), commands, "it is there".into());
    insight.remedies.push(look);
    insight
}

/// Gives answers by script, the last one forever, and keeps what was posted and when.
#[derive(Clone)]
pub(super) struct Scripted {
    began: Instant,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    pub(super) posted: Arc<Mutex<Vec<(Duration, Bytes)>>>,
}

impl Scripted {
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            began: Instant::now(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            posted: Arc::default(),
        }
    }

    /// From now on these.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        *self.answers.lock().unwrap() = answers.into_iter().collect();
    }

    /// When something was posted, seconds after the start.
    pub(super) fn times(&self) -> Vec<u64> {
        let posted = self.posted.lock().unwrap();
        posted.iter().map(|(at, _)| at.as_secs()).collect()
    }
}

impl Post for Scripted {
    async fn post(&self, parcel: &Parcel) -> Answer {
        let at = self.began.elapsed();
        self.posted.lock().unwrap().push((at, parcel.body.clone()));
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.pop_front().expect("there is an answer");
        if answers.is_empty() {
            answers.push_back(answer.clone());
        }
        answer
    }
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) headers: hyper::HeaderMap,
    pub(super) body: Bytes,
}

/// A receiver on loopback that answers all requests alike and keeps them.
pub(super) async fn receiver(
    status: u16,
    retry_after: Option<u64>,
    body: Bytes,
) -> (SocketAddr, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kept, body) = (Arc::clone(&kept), body.clone());
            let reply = service_fn(move |request: Request<Incoming>| {
                let (kept, body) = (Arc::clone(&kept), body.clone());
                async move {
                    let (head, incoming) = request.into_parts();
                    let received = incoming.collect().await.unwrap().to_bytes();
                    kept.lock().unwrap().push(Seen {
                        path: head.uri.to_string(),
                        headers: head.headers,
                        body: received,
                    });
                    let mut response = Response::builder().status(status);
                    if let Some(seconds) = retry_after {
                        response = response.header("retry-after", seconds);
                    }
                    Ok::<_, Infallible>(response.body(Full::new(body)).unwrap())
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), reply));
        }
    });
    (address, seen)
}
