//! What an event of a signal feeds: looked up by the signal's whole name, and made once from the catalogue.

use correlator::{Body, Event, Outcome};
use rustc_hash::FxHashMap;

use super::bounds::Bounds;
use super::catalogue::{FED, Fed, Kind, SPANNED, Spanned, Unit};
use super::registry::{Bound, ExtraId, FamilyId, Registry};

/// Most signals that are told apart, labels included.
const MAX_SIGNALS: usize = 8_192;
/// Most signals whose events are counted apart, labels left out.
const MAX_BASES: usize = 512;
/// What the values of an event go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feeds {
    Gauge,
    Count,
    Nanos,
    Log2,
    /// A counter by outcome, and this histogram.
    Span {
        latency: FamilyId,
    },
}

/// Where the values of an event go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) feeds: Feeds,
    pub(super) family: FamilyId,
    pub(super) extra: ExtraId,
    /// The labels of the histogram of a span: those that have nothing to do with how it ended.
    pub(super) bare: ExtraId,
}

/// How many events of a signal came, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) signal: String,
    pub(super) source: &'static str,
    pub(super) events: u64,
}

/// What is known of a signal.
#[derive(Debug)]
struct Known {
    base: usize,
    /// For spans by outcome; `None` where nothing is fed.
    plans: Vec<(Option<&'static str>, Option<Plan>)>,
}

/// The plans made so far.
#[derive(Debug, Default)]
pub(super) struct Plans {
    known: FxHashMap<String, Known>,
    bases: Vec<Base>,
}

impl Plans {
    /// Counts an event and says where its values go.
    pub(super) fn of(&mut self, registry: &mut Registry, event: &Event) -> Option<Plan> {
        let name = event.signal.name();
        if !self.known.contains_key(name) {
            if self.known.len() >= MAX_SIGNALS {
                return self.without_room(registry, event);
            }
            let base = self.base(name);
            self.known.insert(
                name.to_owned(),
                Known {
                    base,
                    plans: Vec::new(),
                },
            );
        }
        let known = self.known.get_mut(name)?;
        self.bases[known.base].events += 1;
        let outcome = match &event.body {
            Body::Span { outcome, .. } => Some(outcome.label()),
            _ => None,
        };
        if let Some((_, plan)) = known.plans.iter().find(|(of, _)| *of == outcome) {
            return *plan;
        }
        let plan = make(registry, name, &event.body);
        known.plans.push((outcome, plan));
        plan
    }

    /// The labels of a new signal become `~other`.
    fn without_room(&mut self, registry: &mut Registry, event: &Event) -> Option<Plan> {
        let name = event.signal.name();
        let base = self.base(name);
        self.bases[base].events += 1;
        registry.drop_value(Bound::Names);
        let mut parts = name.split(':');
        let other: String = parts
            .next()
            .into_iter()
            .map(str::to_owned)
            .chain(parts.map(|_| ":~other".to_owned()))
            .collect();
        make(registry, &other, &event.body)
    }

    fn base(&mut self, name: &str) -> usize {
        let mut signal = name.split(':').next().unwrap_or_default();
        if self.bases.len() >= MAX_BASES && !self.bases.iter().any(|base| base.signal == signal) {
            signal = "~other";
        }
        if let Some(at) = self.bases.iter().position(|base| base.signal == signal) {
            return at;
        }
        self.bases.push(Base {
            signal: signal.to_owned(),
            source: source(signal),
            events: 0,
        });
        self.bases.len() - 1
    }

    /// Makes all plans anew when they are needed: the numbers of labels changed.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Whether there are so many that some may be of no use any more.
    pub(super) fn are_many(&self) -> bool {
        self.known.len() > MAX_SIGNALS / 2
    }

    /// How many events came, by signal.
    pub(super) fn bases(&self) -> &[Base] {
        &self.bases
    }
}

/// The sniffer that sends a signal.
fn source(signal: &str) -> &'static str {
    let fed = FED.iter().find(|fed| fed.signal == signal).map(|fed| fed.source);
    let spanned = SPANNED
        .iter()
        .find(|spanned| spanned.signal == signal)
        .map(|spanned| spanned.source);
    match fed.or(spanned) {
        Some(source) => source.split('/').next().unwrap_or(source),
        None if signal.starts_with("kube.") => "k8s",
        None if signal == "dns.answer" => "ebpf",
        None if signal.starts_with("self.") => "tapio",
        None => "other",
    }
}

fn make(registry: &mut Registry, name: &str, body: &Body) -> Option<Plan> {
    let mut parts = name.split(':');
    let base = parts.next().unwrap_or_default();
    if let Body::Span { outcome, .. } = body {
        return span(registry, base, *outcome);
    }
    let fed = FED.iter().find(|fed| fed.signal == base);
    if fed.is_none() && matches!(body, Body::Fact(_)) {
        return None;
    }
    let names: &[&str] = fed.map_or(&["kind", "detail"], |fed| fed.labels);
    let fixed = fed.map_or(&[][..], |fed| fed.fixed);
    let pairs: Vec<(&str, &str)> = names.iter().copied().zip(parts).chain(fixed.iter().copied()).collect();
    let (family, feeds) = match fed {
        Some(fed) => known(registry, fed, body),
        None => unknown(registry, base, body),
    }?;
    let extra = registry.extra(&pairs);
    Some(Plan {
        feeds,
        family,
        extra,
        bare: extra,
    })
}

fn known(registry: &mut Registry, fed: &Fed, body: &Body) -> Option<(FamilyId, Feeds)> {
    let feeds = match (body, fed.kind, fed.unit) {
        (Body::Gauge(_), Kind::Gauge, _) => Feeds::Gauge,
        (Body::Count(_), Kind::Counter, Unit::Nanos) => Feeds::Nanos,
        (Body::Count(_) | Body::Fact(_), Kind::Counter, Unit::Base) => Feeds::Count,
        (Body::Histogram(_), Kind::Histogram(_), _) => Feeds::Log2,
        _ => {
            registry.drop_value(Bound::Names);
            return None;
        }
    };
    let family = named(registry, &format!("tapio_{}", fed.metric), fed.kind, fed.help)?;
    if let Some(most) = fed.most {
        registry.bound_labels(family, most);
    }
    Some((family, feeds))
}

/// A signal that no table names gets a name made from its own.
fn unknown(registry: &mut Registry, base: &str, body: &Body) -> Option<(FamilyId, Feeds)> {
    let (kind, feeds, suffix) = match body {
        Body::Gauge(_) => (Kind::Gauge, Feeds::Gauge, ""),
        Body::Count(_) => (Kind::Counter, Feeds::Count, ""),
        Body::Histogram(_) => (Kind::Histogram(Bounds::Unnamed), Feeds::Log2, "_seconds"),
        Body::Span { .. } | Body::Fact(_) => return None,
    };
    let name = format!("tapio_{}{suffix}", plain(base));
    let family = named(registry, &name, kind, &format!("Signal {}.", base.escape_default()))?;
    Some((family, feeds))
}

fn span(registry: &mut Registry, base: &str, outcome: Outcome) -> Option<Plan> {
    let made = plain(base);
    let (total, latency) = (format!("{made}_spans"), format!("{made}_latency_seconds"));
    let unknown = Spanned {
        signal: "",
        total: &total,
        total_help: "Spans of a signal by outcome.",
        latency: &latency,
        latency_help: "Time in the spans of a signal that were answered.",
        fixed: &[],
        source: "",
    };
    let spanned = SPANNED
        .iter()
        .find(|spanned| spanned.signal == base)
        .unwrap_or(&unknown);
    let latency = Kind::Histogram(Bounds::Latency);
    let latency = named(
        registry,
        &format!("tapio_{}", spanned.latency),
        latency,
        spanned.latency_help,
    )?;
    let family = named(
        registry,
        &format!("tapio_{}", spanned.total),
        Kind::Counter,
        spanned.total_help,
    )?;
    let pairs: Vec<(&str, &str)> = spanned
        .fixed
        .iter()
        .copied()
        .chain([("outcome", outcome.label())])
        .collect();
    Some(Plan {
        feeds: Feeds::Span { latency },
        family,
        extra: registry.extra(&pairs),
        bare: 0,
    })
}

fn named(registry: &mut Registry, name: &str, kind: Kind, help: &str) -> Option<FamilyId> {
    let family = registry.family(name, kind, help);
    if family.is_none() {
        registry.drop_value(Bound::Names);
    }
    family
}

fn plain(base: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    base.chars().take(100).map(plain).collect()
}
