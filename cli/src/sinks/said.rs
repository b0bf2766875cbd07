//! What was said, once for all sinks, with the ids that make sending it again harmless.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use correlator::{Insight, Scope, Status, Subject, Timestamp};
use ring::digest::{SHA256, digest};
use serde::Serialize;

/// An insight as it was said.
#[derive(Debug)]
pub(super) struct Said {
    /// Which problem: the same after a restart.
    pub(super) fingerprint: String,
    /// This very report of it: opened, updated or resolved.
    pub(super) event_id: String,
    pub(super) opened: Timestamp,
    pub(super) insight: Insight,
    /// What `-o json` writes, with the ids before it.
    pub(super) json: String,
}

#[derive(Serialize)]
struct Report<'a> {
    event_id: &'a str,
    fingerprint: &'a str,
    opened_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(flatten)]
    insight: &'a Insight,
}

/// Remembers when what is open was opened.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    cluster: Option<String>,
    /// By fingerprint; the engine bounds how many insights are open.
    opened: BTreeMap<String, Open>,
}

/// What is open, as it was when it opened.
#[derive(Debug, Clone)]
struct Open {
    at: Timestamp,
    id: &'static str,
    scope: Scope,
    what: String,
}

impl Open {
    fn new(insight: &Insight) -> Self {
        Self {
            at: insight.at,
            id: insight.id,
            scope: insight.subject.scope(),
            what: insight.what.clone(),
        }
    }

    /// Whether this is the insight from before its container had a name: until then its id stood in its place.
    fn became(&self, insight: &Insight) -> bool {
        let Subject::Container(pod) = &insight.subject else {
            return false;
        };
        let rest = pod
            .container
            .as_deref()
            .and_then(|name| insight.what.strip_prefix(name));
        let before = rest.and_then(|rest| self.what.strip_suffix(rest));
        let is_id = |text: &str| text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        before.is_some_and(is_id) && self.id == insight.id && self.scope == insight.subject.scope()
    }
}

impl Speaker {
    pub(super) fn new(cluster: Option<String>) -> Self {
        Self {
            cluster,
            opened: BTreeMap::new(),
        }
    }

    pub(super) fn say(&mut self, insight: &Insight) -> Said {
        let fingerprint = self.fingerprint(insight);
        let known = self.opened.remove(&fingerprint);
        let known = known.filter(|_| insight.status != Status::Opened);
        let open = known.unwrap_or_else(|| Open::new(insight));
        let opened = open.at;
        if insight.status != Status::Resolved {
            self.opened.insert(fingerprint.clone(), open);
        }
        let status = format!("{:?}", insight.status);
        let [began, at] = [opened, insight.at].map(|time| time.as_nanos().to_string());
        let event_id = hash(&[&fingerprint, &began, &status, &at]);
        let report = Report {
            event_id: &event_id,
            fingerprint: &fingerprint,
            opened_at: opened.to_string(),
            cluster: self.cluster.as_deref(),
            insight,
        };
        // Only a map with keys that are no text could not be written.
        let json = serde_json::to_string(&report).unwrap_or_default();
        Said {
            fingerprint,
            event_id,
            opened,
            insight: insight.clone(),
            json,
        }
    }
}

impl Speaker {
    /// The fingerprint under which it was opened.
    fn fingerprint(&self, insight: &Insight) -> String {
        let now = fingerprint(insight);
        if insight.status == Status::Opened || self.opened.contains_key(&now) {
            return now;
        }
        let before = self.opened.iter().find(|(_, open)| open.became(insight));
        before.map_or(now, |(fingerprint, _)| fingerprint.clone())
    }
}

/// What tells two problems apart: the detector, whom it is about, and which of several.
fn fingerprint(insight: &Insight) -> String {
    let scope = match insight.subject.scope() {
        Scope::Pod(uid) => ["pod".into(), uid, "".into(), "".into()],
        Scope::Container(id) => ["container".into(), id, "".into(), "".into()],
        Scope::Node(name) => ["node".into(), name, "".into(), "".into()],
        Scope::Object(object) => [
            "object".into(),
            object.kind.clone(),
            object.namespace.clone(),
            object.name.clone(),
        ],
        Scope::Host { comm, cgroup } => ["host".into(), comm, cgroup, "".into()],
        Scope::Cluster => ["cluster".into(), "".into(), "".into(), "".into()],
    };
    let [kind, first, second, third] = &scope;
    hash(&[insight.id, kind, first, second, third, &insight.what])
}

/// The first sixteen bytes of SHA-256 over the parts with their lengths, in hex.
fn hash(parts: &[&str]) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    hex(&digest(&SHA256, &bytes).as_ref()[..16])
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::oom;
    use super::*;

    #[test]
    fn the_same_insight_has_the_same_ids_over_restarts() {
        let one = Speaker::default().say(&oom(1));
        let other = Speaker::default().say(&oom(1));
        assert_eq!((&one.fingerprint, &one.event_id), (&other.fingerprint, &other.event_id));
        // Written down once: a change here would make every receiver see everything twice.
        assert_eq!(one.fingerprint, "bb54d41702cd3c28faf5e2dfd239ff9a");
    }

    #[test]
    fn reports_of_one_problem_share_its_fingerprint_and_differ_in_their_event_id() {
        let mut speaker = Speaker::default();
        let opened = speaker.say(&oom(1));
        let mut over = oom(1);
        (over.status, over.at) = (Status::Resolved, over.at.plus(std::time::Duration::from_secs(60)));
        let over = speaker.say(&over);
        assert_eq!((&opened.fingerprint, opened.opened), (&over.fingerprint, over.opened));
        assert_ne!(opened.event_id, over.event_id);
        assert_ne!(opened.fingerprint, speaker.say(&oom(2)).fingerprint);
        assert_eq!(speaker.opened.len(), 1, "what is over is let go of");
    }

    #[test]
    fn an_insight_whose_container_gets_a_name_later_keeps_its_fingerprint_to_its_end() {
        let mut speaker = Speaker::default();
        let (mut unnamed, mut named) = (oom(1), oom(1));
        unnamed.what = format!("{:064x} 10.0.0.1:80", 1);
        named.what = "app 10.0.0.1:80".into();
        let mut other = oom(1);
        other.what = "app 10.0.0.2:80".into();
        let opened = speaker.say(&unnamed);
        let apart = speaker.say(&other);
        assert_ne!(opened.fingerprint, apart.fingerprint);
        for status in [Status::Updated, Status::Resolved] {
            named.status = status;
            assert_eq!(speaker.say(&named).fingerprint, opened.fingerprint);
        }
        assert_eq!(speaker.opened.len(), 1, "the other one");
    }

    #[test]
    fn the_report_is_the_json_of_the_output_with_ids() {
        let insight = oom(1);
        let said = Speaker::new(Some("prod".into())).say(&insight);
        let mut report: serde_json::Value = serde_json::from_str(&said.json).unwrap();
        let map = report.as_object_mut().unwrap();
        assert_eq!(map.remove("event_id").unwrap(), said.event_id);
        assert_eq!(map.remove("cluster").unwrap(), "prod");
        assert!(map.remove("fingerprint").is_some() && map.remove("opened_at").is_some());
        assert_eq!(report, serde_json::to_value(&insight).unwrap());
    }
}
