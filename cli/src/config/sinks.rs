//! Where insights and metrics are sent to: the part `sinks` of the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure::{Size, Time, Url};
use super::scalar;

/// What insights and metrics are sent to; nothing is sent to what is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Sinks {
    /// Name of the cluster: the label `cluster` of alerts, the key `cluster` of reports, and `k8s.cluster.name`.
    pub(crate) cluster: Option<String>,
    /// Insights as alerts.
    pub(crate) alertmanager: Option<Alertmanager>,
    /// Insights as JSON, one a request.
    pub(crate) webhook: Option<Webhook>,
    /// Insights as log records, and metrics.
    pub(crate) otlp: Option<Otlp>,
}

/// Alertmanagers (API v2). Each gets every alert, as those of one cluster do not tell each other of alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Alertmanager {
    /// Their addresses, without `/api/v2/alerts`.
    pub(crate) urls: Vec<Url>,
    /// How often open alerts are sent again, from 1s to 1h. Keep it below a third of Alertmanager's `resolve_timeout` (5
    /// minutes unless set).
    pub(crate) repeat: Time<1_000, 3_600_000>,
    /// Where an alert links to, such as a dashboard.
    #[serde(deserialize_with = "scalar::link")]
    pub(crate) generator_url: Option<String>,
    /// How they are reached.
    pub(crate) connection: Connection,
    /// What may wait for each of them.
    pub(crate) queue: Queue,
}

/// Whoever takes JSON by POST.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Webhook {
    /// Where to.
    pub(crate) url: Option<Url>,
    /// A file with the secret that bodies are signed with, read again for each request. Line ends at its end do not count.
    pub(crate) secret_file: Option<PathBuf>,
    /// How it is reached.
    pub(crate) connection: Connection,
    /// What may wait for it.
    pub(crate) queue: Queue,
}

/// An OpenTelemetry collector, by OTLP over HTTP with protobuf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Otlp {
    /// Its address, without `/v1/logs` and `/v1/metrics`.
    pub(crate) url: Option<Url>,
    /// Whether insights are sent.
    pub(crate) logs: bool,
    /// Whether metrics are sent; by live runs only.
    pub(crate) metrics: bool,
    /// How often metrics are sent, from 1s to 1h.
    pub(crate) interval: Time<1_000, 3_600_000>,
    /// How it is reached.
    pub(crate) connection: Connection,
    /// What may wait for it: of insights, and once more of metrics.
    pub(crate) queue: Queue,
}

/// How a sink is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Connection {
    /// PEM file of the authorities that the server's certificate is held against; without it those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// A file with a bearer token, read again for each request, so that a rotated token holds at once.
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// A request that takes longer has failed; from 100ms to 5m.
    pub(crate) timeout: Time<100, 300_000>,
}

/// What may wait while a sink does not take it; the oldest makes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Queue {
    /// Most insights, or requests with metrics.
    #[serde(deserialize_with = "scalar::within::<_, 1, 1_000_000>")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) items: usize,
    /// Most bytes of them, as JSON or protobuf, from 64KiB to 1GiB.
    pub(crate) bytes: Size<65_536, 1_073_741_824>,
}

impl Default for Alertmanager {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            repeat: Time::seconds(60),
            generator_url: None,
            connection: Connection::default(),
            queue: Queue::default(),
        }
    }
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            url: None,
            logs: true,
            metrics: true,
            interval: Time::seconds(60),
            connection: Connection::default(),
            queue: Queue::default(),
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            ca_file: None,
            bearer_token_file: None,
            timeout: Time::seconds(10),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            items: 4_096,
            bytes: Size(16 << 20),
        }
    }
}

impl Sinks {
    /// Leaves only those that `is_kept` by their name; gives back the names of the others.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let left_out = [
            (
                "alertmanager",
                self.alertmanager.take_if(|_| !is_kept("alertmanager")).is_some(),
            ),
            ("webhook", self.webhook.take_if(|_| !is_kept("webhook")).is_some()),
            ("otlp", self.otlp.take_if(|_| !is_kept("otlp")).is_some()),
        ];
        left_out
            .into_iter()
            .filter(|(_, is_out)| *is_out)
            .map(|(sink, _)| sink)
            .collect()
    }

    /// Whether it can be sent at all, once addresses of the command line are in.
    pub(super) fn check(&self) -> Result<(), String> {
        let alertmanagers = self
            .alertmanager
            .as_ref()
            .map(|to| ("alertmanager", "urls", &to.urls[..]));
        let webhook = self.webhook.as_ref().map(|to| ("webhook", "url", to.url.as_slice()));
        let otlp = self.otlp.as_ref().map(|to| ("otlp", "url", to.url.as_slice()));
        for (sink, key, urls) in [alertmanagers, webhook, otlp].into_iter().flatten() {
            if urls.is_empty() {
                return Err(format!(
                    "sinks.{sink}.{key}: there is no address; give one here or with --{sink}, or leave {sink} out"
                ));
            }
            let has_query = urls.iter().any(|url| url.0.query().is_some());
            if has_query && sink != "webhook" {
                return Err(format!(
                    "sinks.{sink}.{key}: the address has a query; leave out what follows the question mark"
                ));
            }
        }
        match &self.otlp {
            Some(to) if !(to.logs || to.metrics) => {
                Err("sinks.otlp: neither logs nor metrics are sent; switch one on, or leave otlp out".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Sinks, String> {
        let sinks: Sinks = serde_json::from_str(json).map_err(|error| error.to_string())?;
        sinks.check()?;
        Ok(sinks)
    }

    #[test]
    fn what_is_left_out_is_as_usual() {
        let sinks = parsed(r#"{"otlp": {"url": "http://[::1]:4318", "interval": "15s", "logs": false}}"#).unwrap();
        let otlp = Otlp {
            url: Some(Url("http://[::1]:4318".parse().unwrap())),
            logs: false,
            interval: Time::seconds(15),
            ..Otlp::default()
        };
        assert_eq!((sinks.otlp, sinks.webhook), (Some(otlp), None));
    }

    #[test]
    fn what_cannot_work_is_told_with_what_to_do() {
        for (json, says) in [
            (
                r#"{"alertmanager": {"urls": []}}"#,
                "sinks.alertmanager.urls: there is no address; give one here or with",
            ),
            (
                r#"{"webhook": {"secretFile": "/x"}}"#,
                "sinks.webhook.url: there is no address",
            ),
            (
                r#"{"otlp": {"url": "http://x?token=1"}}"#,
                "sinks.otlp.url: the address has a query",
            ),
            (
                r#"{"alertmanager": {"urls": ["http://x?a"]}}"#,
                "sinks.alertmanager.urls: the address has a query",
            ),
            (
                r#"{"otlp": {"url": "http://x", "logs": false, "metrics": false}}"#,
                "switch one on",
            ),
        ] {
            let error = parsed(json).unwrap_err();
            assert!(error.contains(says), "{json}: {error}");
        }
        assert!(parsed(r#"{"webhook": {"url": "http://x?token=1"}}"#).is_ok());
    }
}
