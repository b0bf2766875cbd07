//! Where insights and metrics are sent to: the part `sinks` of the configuration.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hyper::Uri;
use serde::{Deserialize, Deserializer};

/// What insights and metrics are sent to; nothing is sent to what is left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Sinks {
    /// Name of the cluster: the label `cluster`, and `k8s.cluster.name`.
    pub(crate) cluster: Option<String>,
    /// Insights as alerts.
    pub(crate) alertmanager: Option<Alertmanager>,
    /// Insights as JSON, one a request.
    pub(crate) webhook: Option<Webhook>,
    /// Insights as log records, and metrics.
    pub(crate) otlp: Option<Otlp>,
}

/// Alertmanagers (API v2). Each gets every alert, as those of one cluster do not tell each other of alerts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Alertmanager {
    /// Their addresses, without `/api/v2/alerts`.
    #[serde(deserialize_with = "from_urls")]
    pub(crate) urls: Vec<Uri>,
    /// How often open alerts are sent again. Keep it below a third of Alertmanager's `resolve_timeout`.
    #[serde(default = "repeat", deserialize_with = "span")]
    pub(crate) repeat: Duration,
    /// Where an alert links to, such as a dashboard.
    #[serde(default)]
    pub(crate) generator_url: Option<String>,
    #[serde(default)]
    pub(crate) connection: Connection,
    #[serde(default)]
    pub(crate) queue: Queue,
}

/// Whoever takes JSON by POST.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Webhook {
    /// Where to.
    #[serde(deserialize_with = "from_url")]
    pub(crate) url: Uri,
    /// A file with the secret that bodies are signed with. Line ends at its end do not count.
    #[serde(default)]
    pub(crate) secret_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) connection: Connection,
    #[serde(default)]
    pub(crate) queue: Queue,
}

/// An OpenTelemetry collector, by OTLP over HTTP with protobuf.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Otlp {
    /// Its address, without `/v1/logs` and `/v1/metrics`.
    #[serde(deserialize_with = "from_url")]
    pub(crate) url: Uri,
    /// Whether insights are sent.
    #[serde(default = "yes")]
    pub(crate) logs: bool,
    /// Whether metrics are sent; by live runs only.
    #[serde(default = "yes")]
    pub(crate) metrics: bool,
    /// How often metrics are sent.
    #[serde(default = "interval", deserialize_with = "span")]
    pub(crate) interval: Duration,
    #[serde(default)]
    pub(crate) connection: Connection,
    #[serde(default)]
    pub(crate) queue: Queue,
}

/// How a sink is reached.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Connection {
    /// PEM file of the authorities that the server's certificate is held against; without it those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// A file with a bearer token, read again for each request.
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// A request that takes longer has failed.
    #[serde(deserialize_with = "span")]
    pub(crate) timeout: Duration,
}

/// What may wait while a sink does not take it; the oldest makes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Queue {
    /// Most insights, or requests with metrics.
    pub(crate) items: usize,
    /// Most bytes of them, as JSON or protobuf.
    pub(crate) bytes: usize,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            ca_file: None,
            bearer_token_file: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            items: 4_096,
            bytes: 16 << 20,
        }
    }
}

impl Alertmanager {
    /// Those at these addresses, with everything else as usual.
    pub(crate) fn at(urls: Vec<Uri>) -> Self {
        Self {
            urls,
            repeat: repeat(),
            generator_url: None,
            connection: Connection::default(),
            queue: Queue::default(),
        }
    }
}

impl Webhook {
    /// The one at this address, with everything else as usual.
    pub(crate) fn at(url: Uri) -> Self {
        Self {
            url,
            secret_file: None,
            connection: Connection::default(),
            queue: Queue::default(),
        }
    }
}

impl Otlp {
    /// The one at this address, with everything else as usual.
    pub(crate) fn at(url: Uri) -> Self {
        Self {
            url,
            logs: true,
            metrics: true,
            interval: interval(),
            connection: Connection::default(),
            queue: Queue::default(),
        }
    }
}

impl Sinks {
    /// Whether everything can work: bounds, and files that must be readable.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(to) = &self.alertmanager {
            common("alertmanager", &to.connection, to.queue)?;
            if to.urls.is_empty() {
                bail!("sinks.alertmanager.urls is empty; give one address or more, or leave alertmanager out");
            }
            for url in &to.urls {
                without_query("alertmanager.urls", url)?;
            }
            at_least_a_second("alertmanager.repeat", to.repeat)?;
        }
        if let Some(to) = &self.webhook {
            common("webhook", &to.connection, to.queue)?;
            readable("webhook.secretFile", to.secret_file.as_deref())?;
        }
        if let Some(to) = &self.otlp {
            common("otlp", &to.connection, to.queue)?;
            without_query("otlp.url", &to.url)?;
            at_least_a_second("otlp.interval", to.interval)?;
            if !(to.logs || to.metrics) {
                bail!("sinks.otlp has neither logs nor metrics; switch one on, or leave otlp out");
            }
        }
        Ok(())
    }
}

fn common(of: &str, connection: &Connection, queue: Queue) -> Result<()> {
    readable(&format!("{of}.connection.caFile"), connection.ca_file.as_deref())?;
    let token = connection.bearer_token_file.as_deref();
    readable(&format!("{of}.connection.bearerTokenFile"), token)?;
    if connection.timeout.is_zero() || queue.items == 0 || queue.bytes == 0 {
        bail!("sinks.{of}: connection.timeout, queue.items and queue.bytes must be above zero");
    }
    Ok(())
}

fn without_query(of: &str, url: &Uri) -> Result<()> {
    if url.query().is_some() {
        bail!("sinks.{of} has a query; leave out what follows the question mark");
    }
    Ok(())
}

fn at_least_a_second(what: &str, time: Duration) -> Result<()> {
    if time < Duration::from_secs(1) {
        bail!("sinks.{what} is below one second; give 1s or more");
    }
    Ok(())
}

fn readable(what: &str, path: Option<&Path>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let say = || {
        format!(
            "sinks.{what}: {} cannot be read; name a file that this user may read",
            path.display()
        )
    };
    File::open(path).map(drop).with_context(say)
}

/// An address that can be sent to.
pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let hint = || "give a URL such as http://127.0.0.1:9093 or https://alerts.example.com/path".to_owned();
    let uri: Uri = text.parse().map_err(|_| hint())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| is_http).ok_or_else(hint)?;
    if authority.as_str().contains('@') {
        return Err("give the URL without a user and password; a bearer token has a file of its own".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(hint());
    }
    Ok(uri)
}

fn from_url<'de, D: Deserializer<'de>>(from: D) -> Result<Uri, D::Error> {
    url(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn from_urls<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Uri>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let urls = texts.iter().map(|text| url(text));
    urls.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    crate::args::duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn repeat() -> Duration {
    Duration::from_secs(60)
}

fn interval() -> Duration {
    Duration::from_secs(60)
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Sinks> {
        let sinks: Sinks = serde_json::from_str(json)?;
        sinks.check()?;
        Ok(sinks)
    }

    #[test]
    fn what_is_left_out_is_as_usual() {
        let sinks = parsed(r#"{"alertmanager": {"urls": ["http://127.0.0.1:9093"]}}"#).unwrap();
        let at = Alertmanager::at(vec!["http://127.0.0.1:9093".parse().unwrap()]);
        assert_eq!((sinks.alertmanager, sinks.webhook), (Some(at), None));
        let sinks = parsed(r#"{"otlp": {"url": "http://[::1]:4318", "interval": "15s", "logs": false}}"#).unwrap();
        let otlp = sinks.otlp.unwrap();
        assert_eq!(
            (otlp.interval, otlp.logs, otlp.metrics),
            (Duration::from_secs(15), false, true)
        );
    }

    #[test]
    fn what_cannot_work_is_told_with_what_to_do() {
        for (json, says) in [
            (r#"{"webhok": {}}"#, "unknown field `webhok`"),
            (r#"{"otlp": {"url": "http://x?token=1"}}"#, "leave out what follows"),
            (r#"{"alertmanager": {"urls": []}}"#, "give one address or more"),
            (r#"{"alertmanager": {"urls": ["x"]}}"#, "give a URL such as"),
            (r#"{"webhook": {"url": "example.com"}}"#, "give a URL such as"),
            (r#"{"webhook": {"url": "ftp://example.com"}}"#, "give a URL such as"),
            (r#"{"webhook": {"url": "http://me:pw@example.com"}}"#, "without a user"),
            (
                r#"{"webhook": {"url": "http://x", "secretFile": "/nonexistent"}}"#,
                "name a file",
            ),
            (
                r#"{"webhook": {"url": "http://x", "connection": {"caFile": "/nonexistent"}}}"#,
                "webhook.connection.caFile",
            ),
            (
                r#"{"webhook": {"url": "http://x", "queue": {"items": 0}}}"#,
                "above zero",
            ),
            (
                r#"{"alertmanager": {"urls": ["http://x"], "repeat": "5"}}"#,
                "time with its unit",
            ),
            (
                r#"{"otlp": {"url": "http://x", "interval": "10ms"}}"#,
                "give 1s or more",
            ),
            (
                r#"{"otlp": {"url": "http://x", "logs": false, "metrics": false}}"#,
                "switch one on",
            ),
        ] {
            let error = format!("{:#}", parsed(json).unwrap_err());
            assert!(error.contains(says), "{json}: {error}");
        }
    }
}
