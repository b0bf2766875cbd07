//! The client that all watches share: it reads rotated credentials again, keeps away from a server that asks for it, and
//! notices connections that went dead.
//!
//! It stands around kube's own client, whose retries are off: those would wait for as long as the server says without a
//! word to anybody, and all agents of a cluster would come back in the same second.

mod attention;
mod gate;
mod renewal;
mod turn;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use tokio::time::Instant;

use super::Config;
use attention::Attended;
use gate::{Gate, retry_after, spread};
use renewal::{Refusal, Renewal};

pub(super) use gate::random;
pub(super) use turn::Turn;

/// A pause that the server asks for is waited out in silence up to this long, so that a list goes on at its page.
const SHORT: Duration = Duration::from_secs(3);
/// How often one request waits like that.
const TRIES: usize = 3;

/// How long the client waits for what. The default is for clusters; tests wait less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// A server that says nothing for this long, be it the answer or the next piece of one, is dead.
    pub(super) silence: Duration,
    /// Credentials that were read again are not read once more sooner than this.
    pub(super) renewal: Duration,
}

impl Default for Pace {
    /// The server ends each request, and each watch, after a minute. Kube's watcher waits a second longer than this and
    /// then ends a watch without an error, so that nobody would know.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(64),
            renewal: Duration::from_secs(10),
        }
    }
}

/// What stands up to the server: one for all clients of a connection.
#[derive(Debug)]
pub(super) struct Steady {
    renewal: Arc<Renewal>,
    gate: Mutex<Gate>,
    silence: Duration,
}

impl Steady {
    /// `inner` was made from `config` for the server at `url`, which accepted its credentials.
    pub(super) fn new(config: Config, inner: Client, url: String, pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            renewal: Renewal::new(config, inner, url, pace.renewal),
            gate: Mutex::default(),
            silence: pace.silence,
        })
    }

    /// The client of the watches. With an election its requests wait until this instance leads, and its watches end
    /// when it does not any more; they go on where they were when it leads again.
    pub(super) fn client(self: &Arc<Self>, turn: Option<Turn>) -> Client {
        let steady = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (steady, turn) = (steady.clone(), turn.clone());
            async move {
                let term = turn::wait(turn).await;
                let is_watch = turn::is_watch(request.uri());
                let response = steady.send(request).await?;
                Ok::<_, kube::Error>(response.map(|body| body.during(term, is_watch)))
            }
        });
        Client::new(service, self.namespace())
    }

    /// The client of the election itself: it waits for nothing.
    pub(super) fn client_for_election(self: &Arc<Self>) -> Client {
        let steady = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let steady = steady.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                steady.authorized(&parts, &body).await
            }
        });
        Client::new(service, self.namespace())
    }

    fn namespace(&self) -> String {
        self.renewal.current().0.default_namespace().to_owned()
    }

    /// Sends a request until there is an answer worth passing on.
    async fn send(&self, request: Request<Body>) -> Result<Response<Attended>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        // A write is repeated by whoever knows what it means.
        let tries = if parts.method == Method::GET { TRIES } else { 0 };
        for _ in 0..tries {
            self.pass_gate().await?;
            let response = self.authorized(&parts, &body).await?;
            match self.asked_to_wait(&response) {
                Some(wait) if wait <= SHORT => {}
                _ => return Ok(response),
            }
        }
        self.pass_gate().await?;
        let response = self.authorized(&parts, &body).await?;
        self.asked_to_wait(&response);
        Ok(response)
    }

    /// Sends it, and once more with new credentials where those in use are refused.
    async fn authorized(&self, parts: &Parts, body: &Bytes) -> Result<Response<Attended>, kube::Error> {
        let (client, generation) = self.renewal.current();
        let response = self.ask(&client, parts, body).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.renewal.renew(generation).await {
            Ok((client, _)) => self.ask(&client, parts, body).await,
            Err(Refusal::TooSoon) => Ok(response),
            Err(Refusal::Unreadable(why)) => {
                let why = format!("reading them again does not help, {why}");
                Err(refused(StatusCode::UNAUTHORIZED, &why))
            }
        }
    }

    async fn ask(&self, client: &Client, parts: &Parts, body: &Bytes) -> Result<Response<Attended>, kube::Error> {
        let silence = self.silence;
        let asking = client.send(Request::from_parts(parts.clone(), Body::from(body.clone())));
        let answered = tokio::time::timeout(silence, asking).await;
        let response = answered.unwrap_or_else(|_| Err(kube::Error::Service(attention::silent(silence).into())))?;
        Ok(response.map(|body| Attended::new(body, parts.uri.path(), silence)))
    }

    /// Waits a short pause out and refuses during a longer one.
    async fn pass_gate(&self) -> Result<(), kube::Error> {
        let Some((wait, status)) = self.gate().closed(Instant::now()) else {
            return Ok(());
        };
        if wait <= SHORT {
            tokio::time::sleep(wait).await;
            return Ok(());
        }
        let seconds = wait.as_secs_f64().ceil();
        let why = format!("the API server is too busy and asks to be left alone, for another {seconds} s");
        Err(refused(status, &why))
    }

    /// Closes the gate when the server asks for it; returns how long it stays closed.
    fn asked_to_wait<B>(&self, response: &Response<B>) -> Option<Duration> {
        let wait = spread(retry_after(response)?, gate::random());
        tracing::debug!(status = %response.status(), ?wait, "The API server asks to be left alone.");
        self.gate().close(Instant::now() + wait, response.status());
        Some(wait)
    }

    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer in the server's stead.
fn refused(status: StatusCode, why: &str) -> kube::Error {
    let status_text = Status::failure(why, status.canonical_reason().unwrap_or_default());
    kube::Error::Api(status_text.with_code(status.as_u16()).boxed())
}
