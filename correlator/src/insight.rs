//! What tapio tells a person: an insight, the evidence it rests on, and the remedies bound to what was seen.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::fact::Gap;
use crate::identity::Subject;
use crate::object::ObjectRef;
use crate::time::Timestamp;

/// How soon a person must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Degraded, or will break.
    Warning,
    /// Broken now, or about to.
    Critical,
}

impl Severity {
    /// The word for it, lower-case.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Where an insight is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Said for the first time.
    Opened,
    /// Got worse, or happened again often enough to say so.
    Updated,
    /// Was not seen any more for the detector's hold time.
    Resolved,
}

/// Something that can be at the root of trouble elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Culprit {
    /// A node, by name.
    Node(Arc<str>),
    /// The cluster's name resolution.
    Dns,
    /// Another object of the API server: a workload, a Service.
    Object(Arc<ObjectRef>),
    /// A pod, by uid.
    Pod(Arc<str>),
    /// An image, as the pod spec names it.
    Image(Arc<str>),
    /// A name that is asked for in DNS.
    Name(Arc<str>),
    /// A zone of the cluster.
    Zone(Arc<str>),
    /// Whatever makes the same thing happen everywhere, by the id of the insight.
    Kind(&'static str),
}

/// Insights that an insight explains, and that are therefore not said on their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Consequences {
    /// How many there are now.
    pub count: usize,
    /// Some of them: `crash-loop shop/cart-1/app`.
    pub examples: Vec<String>,
}

/// Something wrong, why, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Insight {
    /// The detector: `oom-killed`.
    pub id: &'static str,
    /// Tells two findings of one detector and pod apart: a container, a peer. Empty when there is only one.
    #[serde(skip)]
    pub what: String,
    /// Grows when there is more to say: kills, restarts, failures so far.
    #[serde(skip)]
    pub revision: u64,
    /// What it is about: insights that suspect one of these are its consequences.
    #[serde(skip)]
    pub about: Vec<Culprit>,
    /// What may be at the root of it, the likeliest first.
    #[serde(skip)]
    pub suspects: Vec<Culprit>,
    /// Where it is in its life; set by the engine.
    pub status: Status,
    /// When this was said; set by the engine.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Who it is about.
    #[serde(serialize_with = "as_resource")]
    pub subject: Subject,
    /// How bad.
    pub severity: Severity,
    /// What happened, with the real object in it.
    pub title: String,
    /// Why.
    pub cause: String,
    /// What it rests on, oldest first.
    pub evidence: Vec<Evidence>,
    /// What it explains; set by the engine.
    #[serde(skip_serializing_if = "Consequences::is_none")]
    pub consequences: Consequences,
    /// What tapio could not see; the answer may be missing something.
    pub blind: Vec<Gap>,
    /// What will happen next, if that can be computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
    /// What a person can do, read-only steps first.
    pub remedies: Vec<Remedy>,
}

impl Insight {
    /// An insight with nothing in it but its title and cause.
    pub fn new(id: &'static str, subject: Subject, severity: Severity, title: String, cause: String) -> Self {
        Self {
            id,
            what: String::new(),
            revision: 1,
            about: Vec::new(),
            suspects: Vec::new(),
            status: Status::Opened,
            at: Timestamp::default(),
            subject,
            severity,
            title,
            cause,
            evidence: Vec::new(),
            consequences: Consequences::default(),
            blind: Vec::new(),
            prediction: None,
            remedies: Vec::new(),
        }
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn because(mut self, at: Timestamp, source: Source, says: impl Into<String>) -> Self {
        let says = says.into();
        self.evidence.push(Evidence { at, source, says });
        self
    }

    /// True when it joins what the kernel saw with what the API server said.
    pub fn is_correlation(&self) -> bool {
        let kube = self.evidence.iter().any(|e| e.source == Source::Kubernetes);
        kube && self
            .evidence
            .iter()
            .any(|e| matches!(e.source, Source::Kernel | Source::Cgroup))
    }
}

impl Consequences {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A BPF program.
    Kernel,
    /// A cgroup file.
    Cgroup,
    /// The API server.
    Kubernetes,
    /// Tapio, about itself.
    Tapio,
}

impl Source {
    /// The word for it, lower-case.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Cgroup => "cgroup",
            Self::Kubernetes => "kubernetes",
            Self::Tapio => "tapio",
        }
    }
}

/// One thing seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// By whom.
    pub source: Source,
    /// What, with its values.
    pub says: String,
}

/// What will happen next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// What: `oom`.
    pub event: &'static str,
    /// Probability that it happens within `horizon`, computed from the data, 0 to 1.
    pub probability: f64,
    /// The horizon, seconds.
    #[serde(rename = "horizon_seconds", serialize_with = "as_seconds")]
    pub horizon: Duration,
    /// Time to the event given that it happens: 10 %, 50 % and 90 % points, seconds. `None` when it cannot be bounded.
    #[serde(rename = "time_to_event_seconds", skip_serializing_if = "Option::is_none")]
    pub time_to_event: Option<[f64; 3]>,
    /// How much the probability itself can be trusted, in words.
    pub confidence: String,
}

/// A change a person can make. Printed, never run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What to do.
    pub title: String,
    /// Why that helps.
    pub why: String,
    /// What can go wrong: `none`, `low`, `medium`, `high`.
    pub risk: Risk,
    /// What changes for the users of the workload.
    pub impact: String,
    /// What must hold before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// Commands, each safe to paste into a POSIX shell.
    pub commands: Vec<String>,
    /// How to take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// How to see that it worked.
    pub verify: String,
}

impl Remedy {
    /// Something to look at: read-only commands, without risk or impact.
    pub fn look(title: String, why: String, commands: Vec<String>, verify: String) -> Self {
        Self {
            title,
            why,
            risk: Risk::None,
            impact: "none, read-only".to_owned(),
            needs: None,
            commands,
            undo: None,
            verify,
        }
    }
}

/// What a remedy risks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Read-only.
    None,
    /// Restarts pods one by one.
    Low,
    /// Changes behaviour.
    Medium,
    /// May lose data or service.
    High,
}

impl Risk {
    /// The word for it, lower-case.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn as_text<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

fn as_seconds<S: Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(took.as_secs_f64())
}

/// A subject as a flat object with a `kind`, the way `jq` users expect it.
fn as_resource<S: Serializer>(subject: &Subject, to: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = to.serialize_map(None)?;
    let mut put = |key: &str, value: Option<&str>| value.map_or(Ok(()), |value| map.serialize_entry(key, value));
    match subject {
        Subject::Container(id) | Subject::Pod(id) => {
            let container = matches!(subject, Subject::Container(_));
            put("kind", Some(if container { "container" } else { "pod" }))?;
            put("namespace", id.namespace.as_deref())?;
            put("pod", id.pod.as_deref())?;
            put("container", id.container.as_deref())?;
            put("node", id.node.as_deref())?;
            put("uid", Some(&id.uid))?;
            put("container_id", id.container_id.as_deref())?;
            put("owner_kind", id.owner.as_ref().map(|owner| &*owner.kind))?;
            put("owner", id.owner.as_ref().map(|owner| &*owner.name))?;
        }
        Subject::Node(name) => {
            put("kind", Some("node"))?;
            put("node", Some(name))?;
        }
        Subject::Object(object) => {
            put("kind", Some(&object.kind.to_lowercase()))?;
            put(
                "namespace",
                Some(&*object.namespace).filter(|namespace| !namespace.is_empty()),
            )?;
            put("name", Some(&object.name))?;
        }
        Subject::Process(process) => {
            put("kind", Some("process"))?;
            put("process", Some(&process.comm))?;
            put("cgroup", Some(&process.cgroup))?;
        }
        Subject::Cluster => put("kind", Some("cluster"))?,
    }
    map.end()
}
