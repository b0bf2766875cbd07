//! The credentials in use, and how they are read again when the server refuses them.

use std::sync::{Arc, Mutex, PoisonError};
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
    /// How the credentials were last read again; held while they are, so that one reads for all.
    read: tokio::sync::Mutex<Option<Read>>,
}

#[derive(Debug)]
struct Read {
    ended: Instant,
    /// Why it gave no client.
    failed: Option<String>,
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
    pub(super) fn new(config: Config, client: Client, url: String, least: Duration) -> Arc<Self> {
        Arc::new(Self {
            config,
            url,
            least,
            current: Mutex::new(Current { client, generation: 0 }),
            read: tokio::sync::Mutex::default(),
        })
    }

    /// The client to use, and which one it is.
    pub(super) fn current(&self) -> (Client, u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (current.client.clone(), current.generation)
    }

    /// The next client after the refused one.
    ///
    /// A task of its own makes it: a watch is not polled while its task waits for something else, be it a probe or room
    /// in the queue, and while it held the lock nobody else would get new credentials, that probe among them.
    pub(super) async fn renew(self: &Arc<Self>, refused: u64) -> Result<(Client, u64), Refusal> {
        let (renewal, asked) = (self.clone(), Instant::now());
        let renewed = tokio::spawn(async move { renewal.read_again(refused, asked).await });
        renewed
            .await
            .unwrap_or_else(|error| Err(Refusal::Unreadable(error.to_string())))
    }

    /// Who asked while another one read gets what came of that.
    async fn read_again(&self, refused: u64, asked: Instant) -> Result<(Client, u64), Refusal> {
        let mut read = self.read.lock().await;
        let (client, generation) = self.current();
        if generation != refused {
            return Ok((client, generation));
        }
        if let Some(last) = &*read {
            if let Some(why) = last.failed.as_ref().filter(|_| asked < last.ended) {
                return Err(Refusal::Unreadable(why.clone()));
            }
            if last.ended.elapsed() < self.least {
                return Err(Refusal::TooSoon);
            }
        }
        let made = self.next_client().await;
        *read = Some(Read {
            ended: Instant::now(),
            failed: made.as_ref().err().cloned(),
        });
        let client = made.map_err(Refusal::Unreadable)?;
        tracing::info!(
            url = self.url,
            "The API server refused the credentials; they were read again."
        );
        let generation = generation + 1;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Current {
            client: client.clone(),
            generation,
        };
        Ok((client, generation))
    }

    /// A client with the credentials as they are now, or why there is none.
    async fn next_client(&self) -> Result<Client, String> {
        let (client, url) = fresh(&self.config).await.map_err(|error| error.to_string())?;
        if url == self.url {
            Ok(client)
        } else {
            Err(format!(
                "they are for another server now, {url}; start tapio again to watch that"
            ))
        }
    }
}
