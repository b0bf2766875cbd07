//! The connection to the API server, proven by a first answer.

use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config as Target};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Config;
use super::access::{Surroundings, choose, load};
use super::client::{Pace, Steady};
use super::text::one_line;
use crate::sniffer::SniffError;

/// How long the server may take to answer the first time.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// How long a credential plugin of the kubeconfig may take.
const CREDENTIALS: Duration = Duration::from_secs(10);

/// A server that answers.
pub(super) struct Connected {
    pub(super) steady: Arc<Steady>,
    pub(super) url: String,
    pub(super) version: String,
}

/// Reads the credentials and asks the server for its version.
pub(super) async fn connect(config: &Config, pace: Pace) -> Result<Connected, SniffError> {
    install_crypto();
    let (inner, url) = fresh(config).await?;
    let version = first_answer(&inner, &url).await?;
    let steady = Steady::new(config.clone(), inner, url.clone(), pace);
    Ok(Connected { steady, url, version })
}

/// A client with the credentials as they are now, and the address of its server.
pub(super) async fn fresh(config: &Config) -> Result<(Client, String), SniffError> {
    let source = choose(config, &Surroundings::of_process())?;
    let mut target = load(config, &source).await?;
    target.connect_timeout = Some(FIRST_ANSWER);
    target.default_retry = false;
    let url = target.cluster_url.to_string().trim_end_matches('/').to_owned();
    Ok((client(target, &url).await?, url))
}

/// Two providers compiled in make rustls panic unless one is chosen; whoever chose first is right.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Builds the client on a thread of its own: a credential plugin runs inside and may hang.
async fn client(target: Target, url: &str) -> Result<Client, SniffError> {
    let (send, built) = oneshot::channel();
    let runtime = Handle::current();
    let spawned = std::thread::Builder::new()
        .name("kube-credentials".to_owned())
        .spawn(move || {
            let _inside = runtime.enter();
            let _ = send.send(Client::try_from(target));
        });
    let reason = match (spawned, tokio::time::timeout(CREDENTIALS, built).await) {
        (Err(error), _) => error.to_string(),
        (_, Ok(Ok(Ok(client)))) => return Ok(client),
        (_, Ok(Ok(Err(error)))) => root_cause(&error),
        (_, Ok(Err(_))) => "the credential plugin crashed".to_owned(),
        (_, Err(_)) => format!(
            "the credential plugin did not answer within {} s",
            CREDENTIALS.as_secs()
        ),
    };
    Err(failed(
        format!("credentials for {url}: {reason}"),
        "check that `kubectl version` works",
    ))
}

async fn first_answer(client: &Client, url: &str) -> Result<String, SniffError> {
    match tokio::time::timeout(FIRST_ANSWER, client.apiserver_version()).await {
        Ok(Ok(version)) => Ok(version.git_version),
        // It may forbid /version and allow the rest, or be too busy just now; the watches will tell.
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 403 | 429 | 503 | 504) => Ok("unknown".to_owned()),
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => Err(failed(
            format!("the API server at {url} does not accept the credentials (401)"),
            "log in again, and check that `kubectl version` works",
        )),
        Ok(Err(error)) => Err(failed(
            format!("the API server at {url} cannot be asked: {}", root_cause(&error)),
            "check the server of the kubeconfig and that `kubectl version` works from here",
        )),
        Err(_) => Err(failed(
            format!(
                "the API server at {url} gave no answer within {} s",
                FIRST_ANSWER.as_secs()
            ),
            "check the network and the server's load; `kubectl version` shows the same",
        )),
    }
}

/// The innermost reason, in one line: the outer ones only say which layer passed it on.
pub(super) fn root_cause(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return one_line(&format!("{} ({})", status.message, status.code));
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string())
}

fn failed(why: String, fix: &str) -> SniffError {
    SniffError::Failed {
        why,
        fix: fix.to_owned(),
    }
}
