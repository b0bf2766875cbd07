//! The credentials in use, and how they are read again when the server refuses them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::time::Instant;

use crate::k8s::Config;
use crate::k8s::connect::fresh;

/// The client in use and the way to the next one. Watches that are open keep the client they were opened with.
#[derive(Debug)]
pub(super) struct Renewal {
    config: Config,
    /// The credentials may change, the server may not.
    url: String,
    least: Duration,
    current: Mutex<Current>,
    /// When the credentials were read again; held while they are, so that one reads for all.
    read: tokio::sync::Mutex<Option<Instant>>,
}

struct Current {
    client: Client,
    generation: u64,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// Why there is no new client.
#[derive(Debug)]
pub(super) enum Refusal {
    /// They were read again a moment ago.
    TooSoon,
    /// They cannot be used.
    Unreadable(String),
}

impl Renewal {
    /// Starts with `client`, which was made from `config` for the server at `url` and accepted there. The first refusal is
    /// that of a rotated token, so the credentials are read again at once, and from then on not sooner than `least`.
    pub(super) fn new(config: Config, client: Client, url: String, least: Duration) -> Self {
        Self {
            config,
            url,
            least,
            current: Mutex::new(Current { client, generation: 0 }),
            read: tokio::sync::Mutex::default(),
        }
    }

    /// The client to use, and which one it is.
    pub(super) fn current(&self) -> (Client, u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (current.client.clone(), current.generation)
    }

    /// The next client after the refused one.
    pub(super) async fn renew(&self, refused: u64) -> Result<(Client, u64), Refusal> {
        let mut read = self.read.lock().await;
        let (client, generation) = self.current();
        if generation != refused {
            return Ok((client, generation));
        }
        if read.is_some_and(|last| last.elapsed() < self.least) {
            return Err(Refusal::TooSoon);
        }
        let made = fresh(&self.config).await;
        *read = Some(Instant::now());
        let (client, url) = made.map_err(|error| Refusal::Unreadable(error.to_string()))?;
        if url != self.url {
            let why = format!("they are for another server now, {url}; start tapio again to watch that");
            return Err(Refusal::Unreadable(why));
        }
        tracing::info!(url, "The API server refused the credentials; they were read again.");
        let generation = generation + 1;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Current {
            client: client.clone(),
            generation,
        };
        Ok((client, generation))
    }
}
