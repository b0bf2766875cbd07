//! Alertmanager (API v2): insights as alerts, which are sent again while they are open and once more when they are over.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use correlator::{Insight, Status, Subject};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::courier::{Courier, Parcel};
use super::said::Said;
use crate::metrics::standing::{Reason, Standing};

/// Alerts in one request.
const BATCH: usize = 64;
/// Open alerts that are repeated; the engine has no more open insights.
const MAX_OPEN: usize = 10_000;
/// Longest annotation, bytes.
const MAX_TEXT: usize = 4_096;

/// Makes alerts of insights and remembers the open ones.
#[derive(Debug)]
pub(super) struct Alertmanager {
    pub(super) cluster: Option<String>,
    pub(super) generator_url: Option<String>,
    pub(super) repeat: Duration,
    pub(super) standing: Arc<Standing>,
    /// By fingerprint.
    pub(super) open: BTreeMap<String, Alert>,
}

/// As the API wants it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    /// Without it the alert is over after Alertmanager's `resolve_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

impl Courier for Alertmanager {
    type Item = Arc<Said>;
    const MOST: usize = BATCH;

    fn parcel(&mut self, items: &[Arc<Said>]) -> Result<Parcel, String> {
        let alerts: Vec<Alert> = items.iter().flat_map(|said| self.hear(said)).collect();
        parcel(&alerts, items.len() as u64)
    }

    fn repeat(&self) -> Option<Duration> {
        Some(self.repeat)
    }

    fn again(&mut self) -> Vec<Parcel> {
        let open: Vec<&Alert> = self.open.values().collect();
        open.chunks(BATCH).filter_map(|alerts| parcel(alerts, 0).ok()).collect()
    }
}

impl Alertmanager {
    /// What there is to send for it. Labels are what Alertmanager knows an alert by: when they change, as with the severity
    /// or once a pod has a name, the alert under the old ones is over.
    fn hear(&mut self, said: &Said) -> Vec<Alert> {
        let alert = self.alert(said);
        let before = self.open.remove(&said.fingerprint);
        let changed = before
            .filter(|before| before.labels != alert.labels)
            .map(|before| Alert {
                ends_at: Some(said.insight.at.to_string()),
                ..before
            });
        if said.insight.status != Status::Resolved {
            if self.open.len() < MAX_OPEN {
                self.open.insert(said.fingerprint.clone(), alert.clone());
            } else {
                self.standing.dropped(Reason::TooManyOpen, 1);
            }
        }
        changed.into_iter().chain([alert]).collect()
    }

    fn alert(&self, said: &Said) -> Alert {
        let insight = &said.insight;
        let over = insight.status == Status::Resolved;
        let mut labels = labels(insight);
        labels.insert("fingerprint", said.fingerprint[..16].to_owned());
        labels.insert("cluster", self.cluster.clone().unwrap_or_default());
        labels.retain(|_, value| !value.is_empty());
        Alert {
            labels,
            annotations: annotations(insight),
            starts_at: said.opened.to_string(),
            ends_at: over.then(|| insight.at.max(said.opened).to_string()),
            generator_url: self.generator_url.clone(),
        }
    }
}

fn parcel<A: Serialize>(alerts: &[A], items: u64) -> Result<Parcel, String> {
    Ok(Parcel {
        path: "/api/v2/alerts",
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        body: Bytes::from(serde_json::to_vec(alerts).map_err(|error| error.to_string())?),
        items,
    })
}

/// `oom-killed` is `TapioOomKilled`, as alerts are usually called.
fn name(id: &str) -> String {
    let mut name = "Tapio".to_owned();
    for word in id.split('-') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

fn labels(insight: &Insight) -> BTreeMap<&'static str, String> {
    let mut labels = BTreeMap::from([
        ("alertname", name(insight.id)),
        ("id", insight.id.to_owned()),
        // The alerts that Prometheus makes of the metrics have the same name, and another source.
        ("source", "tapio".to_owned()),
        ("severity", insight.severity.label().to_owned()),
    ]);
    let text = |value: Option<&Arc<str>>| value.map(ToString::to_string).unwrap_or_default();
    match &insight.subject {
        Subject::Container(pod) | Subject::Pod(pod) => {
            labels.insert("namespace", text(pod.namespace.as_ref()));
            labels.insert("pod", text(pod.pod.as_ref().or(Some(&pod.uid))));
            labels.insert("node", text(pod.node.as_ref()));
            if matches!(insight.subject, Subject::Container(_)) {
                labels.insert("container", pod.container_label());
            }
            if let Some(owner) = &pod.owner {
                labels.insert("owner_kind", owner.kind.to_string());
                labels.insert("owner", owner.name.to_string());
            }
        }
        Subject::Node(name) => {
            labels.insert("node", name.to_string());
            labels.insert("kind", "Node".to_owned());
            labels.insert("name", name.to_string());
        }
        Subject::Object(object) => {
            labels.insert("namespace", object.namespace.to_string());
            labels.insert("kind", object.kind.to_string());
            labels.insert("name", object.name.to_string());
        }
        Subject::Process(process) => {
            labels.insert("process", process.comm.to_string());
        }
        Subject::Cluster => {}
    }
    labels
}

fn annotations(insight: &Insight) -> BTreeMap<&'static str, String> {
    let mut description = insight.cause.clone();
    for evidence in &insight.evidence {
        let _ = write!(
            description,
            "\n{} {}: {}",
            evidence.at,
            evidence.source.label(),
            evidence.says
        );
    }
    if let Some(prediction) = &insight.prediction {
        let percent = (prediction.probability * 100.0).round();
        let horizon = prediction.horizon.as_secs();
        let _ = write!(
            description,
            "\nforecast: {} with {percent} % within {horizon} s",
            prediction.event
        );
    }
    let mut remedy = String::new();
    for (number, one) in (1..).zip(&insight.remedies) {
        let _ = writeln!(remedy, "{number}. {} (risk: {})", one.title, one.risk.label());
        for command in &one.commands {
            let _ = writeln!(remedy, "   {command}");
        }
    }
    let cut = |text: &str| text[..text.floor_char_boundary(MAX_TEXT)].trim_end().to_owned();
    let mut annotations = BTreeMap::from([
        ("summary", cut(&insight.title)),
        ("description", cut(&description)),
        ("remedy", cut(&remedy)),
        ("runbook", format!("docs/insights.md#{}", insight.id)),
    ]);
    annotations.retain(|_, value| !value.is_empty());
    annotations
}

#[cfg(test)]
mod tests;
