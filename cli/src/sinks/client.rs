//! The HTTP side of a sink: one POST, with TLS, a bearer token and a time limit.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::courier::{Answer, Parcel, Post};
use crate::config::sinks::Connection;

/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Longest secret or token, bytes.
const MAX_SECRET: u64 = 64 * 1024;
/// A connection without requests is given up after this.
const IDLE: Duration = Duration::from_secs(90);

/// The way to one sink.
pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    token: Option<PathBuf>,
    timeout: Duration,
}

impl Client {
    /// Fails when there are no authorities to hold a certificate against.
    pub(super) fn new(base: &Uri, connection: &Connection) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(connection.timeout.0));
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(base, connection.ca_file.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(connector);
        Ok(Self {
            pool,
            base: base.to_string(),
            token: connection.bearer_token_file.clone(),
            timeout: connection.timeout.0,
        })
    }

    async fn send(&self, parcel: &Parcel) -> Result<Answer> {
        let base = if parcel.path.is_empty() {
            &self.base
        } else {
            self.base.trim_end_matches('/')
        };
        let mut request = Request::post(format!("{base}{}", parcel.path))
            .header(USER_AGENT, concat!("tapio/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &parcel.headers {
            request = request.header(name, value);
        }
        if let Some(path) = &self.token {
            let token = secret(path)?;
            let mut value = HeaderValue::try_from([b"Bearer ", &*token].concat())
                .map_err(|_| anyhow!("the bearer token in {} is no text of one line", path.display()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = self.pool.request(request.body(Full::new(parcel.body.clone()))?).await?;
        let (head, body) = response.into_parts();
        // What is beyond the bound matters to nobody; the status does.
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(judge(head.status, &head.headers, body))
    }
}

impl Post for Client {
    async fn post(&self, parcel: &Parcel) -> Answer {
        match tokio::time::timeout(self.timeout, self.send(parcel)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Later(format!("{}: {error:#}", self.base), None),
            Err(_) => Answer::Later(format!("{}: no answer within {:?}", self.base, self.timeout), None),
        }
    }
}

/// What a status says about sending the same again. A login that is refused may be in order once the token is rotated.
fn judge(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Answer {
    if status.is_success() {
        return Answer::Taken(body);
    }
    let says = format!("{status}: {}", String::from_utf8_lossy(&body).trim());
    match status.as_u16() {
        401 | 403 | 407 | 408 | 425 | 429 | 502 | 503 | 504 => Answer::Later(says, retry_after(headers)),
        404 | 500..=599 => Answer::Broken(says),
        _ => Answer::Refused(says),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). A date counts from the sink's own, where it says what it has: the
/// clock here may be another.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.trim());
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    until.duration_since(now.unwrap_or_else(SystemTime::now)).ok()
}

/// What a secret file holds, without the line end that editors add.
pub(super) fn secret(path: &Path) -> Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(reading)?;
    file.take(MAX_SECRET).read_to_end(&mut bytes).with_context(reading)?;
    while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.is_empty() {
        bail!("{} is empty; put the secret in", path.display());
    }
    Ok(bytes)
}

fn tls(base: &Uri, ca_file: Option<&Path>) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let roots = match ca_file {
        Some(path) => authorities(path).context("caFile")?,
        None if base.scheme_str() == Some("https") => {
            let with = config
                .with_native_roots()
                .context("reading the system's certificate authorities; install ca-certificates, or name a caFile")?;
            return Ok(with.with_no_client_auth());
        }
        None => RootCertStore::empty(),
    };
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn authorities(path: &Path) -> Result<RootCertStore> {
    let reading = || format!("reading the certificate authorities in {}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| anyhow!(error).context(reading()))? {
        let certificate = certificate.map_err(|error| anyhow!(error).context(reading()))?;
        roots.add(certificate).with_context(reading)?;
    }
    if roots.is_empty() {
        bail!("{} holds no PEM certificate; name a file that does", path.display());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
