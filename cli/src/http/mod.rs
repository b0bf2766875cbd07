//! The HTTP side of a live run: `/metrics`, `/healthz`, `/readyz`. HTTP/1.1, without TLS.

mod answer;
pub(crate) mod board;
mod exporter;
mod heard;
mod places;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use board::Board;
pub(crate) use exporter::Exporter;
use heard::Heard;
use places::{Place, Places};

/// Longest head of a request, bytes, and most header fields.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// What is being answered when the run ends gets this long.
const GRACE: Duration = Duration::from_secs(1);
/// Pause after a connection could not be accepted, as when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Said to who comes when everybody is being answered.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// On one address.
    At(SocketAddr),
    /// On all addresses of this machine.
    Everywhere(u16),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => write!(f, "{address}"),
            Self::Everywhere(port) => write!(f, ":{port}"),
        }
    }
}

/// `ADDRESS:PORT`, or `:PORT` for all addresses.
pub(crate) fn listen(text: &str) -> Result<Listen, String> {
    let everywhere = text
        .strip_prefix(':')
        .and_then(|port| port.parse().ok())
        .map(Listen::Everywhere);
    let at = || text.parse().ok().map(Listen::At);
    everywhere.or_else(at).ok_or_else(|| {
        "give an address and a port, such as 127.0.0.1:9464 or [::1]:9464, or :9464 for all addresses".to_owned()
    })
}

/// Takes the port. Ports below 1024 need a capability, so this comes before those are given up.
pub(crate) fn bind(listen: Listen) -> Result<TcpListener> {
    let (bound, text) = match listen {
        Listen::At(address) => (TcpListener::bind(address), address.to_string()),
        Listen::Everywhere(port) => {
            let both = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port));
            let without_ipv6 = |error: io::Error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                _ => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)),
            };
            (both.or_else(without_ipv6), format!(":{port}"))
        }
    };
    let listener = bound.map_err(|error| {
        let fix = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has this port (ss -ltnp shows which): stop it, or give another one"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE: give a higher one",
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address (ip address shows them): give another one"
            }
            _ => "give another address",
        };
        anyhow!(error).context(format!("cannot listen on {text}; {fix} with --listen"))
    })?;
    listener.set_nonblocking(true).context("preparing the HTTP socket")?;
    Ok(listener)
}

/// Answers until told to stop; what is being answered then is finished.
pub(crate) async fn serve(listener: TcpListener, board: Arc<Board>, stop: CancellationToken) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Places::default());
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = talks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match places.enter() {
                    Some(place) => {
                        talks.spawn(talk(stream, place, Arc::clone(&board), stop.clone()));
                    }
                    None => {
                        let _ = stream.try_write(FULL);
                    }
                },
                Err(error) => {
                    tracing::debug!(%error, "A connection was not accepted.");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while talks.join_next().await.is_some() {}
    Ok(())
}

async fn talk<S>(stream: S, place: Place, board: Arc<Board>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reply = async |request: Request<Incoming>| -> Result<Response<Full<Bytes>>, Infallible> {
        place.talk.is_busy(true);
        let answer = answer::answer(&request, &board).await;
        place.talk.is_busy(false);
        Ok(answer)
    };
    let stream = Heard {
        stream,
        talk: Arc::clone(&place.talk),
    };
    // Hyper's own bound on heads holds between requests too, and would close what Prometheus keeps for its next scrape.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service_fn(reply));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        done = connection.as_mut() => if let Err(error) = done {
            tracing::debug!(%error, "A connection broke.");
        },
        () = place.talk.over() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(GRACE, connection).await;
        }
    }
}

#[cfg(test)]
mod tests;
