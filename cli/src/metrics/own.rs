//! What tapio tells of its insights and of itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use correlator::{Engine, Insight, Stats, Subject};

use super::catalogue::OWN;
use super::page::{Exposition, Family, all_labels};
use super::registry::Bound;
use super::value::Value;
use super::vitals::{self, Vitals};
use super::{Metrics, Tally, forecasts};
use crate::filter::Filter;

/// Series of one metric: the values of the labels that the catalogue names, and the value.
pub(super) type Samples = Vec<(Vec<String>, Value)>;

impl Metrics {
    /// Writes these metrics in the order of the catalogue.
    pub(super) fn write_own(&self, page: &mut impl Exposition, engine: &Engine) {
        for own in OWN {
            let samples = self.samples(own.name, engine);
            if samples.is_empty() {
                continue;
            }
            let family = Family::new(own.name, own.kind, own.help, &self.registry.buckets);
            page.head(&family);
            for (values, value) in samples {
                let pairs = own.labels.iter().copied().zip(values.iter().map(String::as_str));
                let pairs = pairs.filter(|(name, value)| !value.is_empty() || own.explicit.contains(name));
                page.series(&family, &all_labels(pairs), "", &value, None);
            }
        }
    }

    fn samples(&self, name: &str, engine: &Engine) -> Samples {
        let stats = engine.stats();
        let single = |value| vec![row([], value)];
        match name {
            "tapio_insights" => self.tally.insights(),
            "tapio_insight_active" => active(engine, &self.filter),
            "tapio_correlations" => single(Value::Count(stats.correlations)),
            "tapio_pods" => single(Value::Gauge(stats.pods as f64)),
            "tapio_events" => self.events(),
            "tapio_events_dropped" => self.tally.dropped(stats),
            "tapio_events_malformed" => self.tally.malformed(),
            "tapio_batches" => single(Value::Count(stats.batches)),
            "tapio_sniffer_up" => self.tally.up(),
            "tapio_series" => single(Value::Gauge(self.registry.len() as f64)),
            "tapio_series_dropped" => self.beyond(),
            "tapio_series_expired" => single(Value::Count(self.registry.expired())),
            "tapio_build" => vec![row([env!("CARGO_PKG_VERSION")], Value::Count(1))],
            name => match name.strip_prefix("tapio_").filter(|name| is_forecast(name)) {
                Some(name) => forecasts::samples(name, engine, &self.filter),
                None => self
                    .vitals
                    .as_ref()
                    .map_or_else(Vec::new, |vitals| self.of_live_run(name, vitals)),
            },
        }
    }

    fn of_live_run(&self, name: &str, vitals: &Vitals) -> Samples {
        if name == "tapio_batch_seconds" {
            return vec![row([], Value::Latency(self.tally.batches.clone().into()))];
        }
        match (name.strip_prefix("tapio_pidmap_"), name.strip_prefix("tapio_sink_")) {
            (Some(name), _) => of_pid_map(name, vitals),
            (None, Some(name)) => of_sinks(name, vitals),
            (None, None) => of_process(name, vitals),
        }
    }

    fn events(&self) -> Samples {
        let bases = self.plans.bases().iter();
        let mut events: Samples = bases
            .map(|base| row([base.source, &base.signal], Value::Count(base.events)))
            .collect();
        events.sort_by(|(one, _), (other, _)| one.cmp(other));
        events
    }

    fn beyond(&self) -> Samples {
        let bounds = [
            ("metric", Bound::Metric),
            ("pod", Bound::Pod),
            ("label", Bound::Label),
            ("owners", Bound::Owners),
            ("names", Bound::Names),
        ];
        bounds
            .into_iter()
            .map(|(name, bound)| row([name], Value::Count(self.registry.dropped(bound))))
            .collect()
    }
}

fn is_forecast(name: &str) -> bool {
    name.starts_with("oom_") || name.starts_with("prediction_")
}

impl Tally {
    fn insights(&self) -> Samples {
        let opened = self.insights.iter();
        opened
            .map(|((id, severity), count)| row([*id, *severity], Value::Count(*count)))
            .collect()
    }

    fn dropped(&self, stats: Stats) -> Samples {
        let lost = self.lost.iter();
        let lost = lost.map(|((source, reason), count)| (source.as_ref(), reason.as_ref(), *count));
        let refused = ("engine", "too late or beyond a bound", stats.refused);
        let unsaid = ("engine", "insights beyond the bound of open ones", stats.unsaid);
        lost.chain([refused, unsaid])
            .map(|(source, reason, count)| row([source, reason], Value::Count(count)))
            .collect()
    }

    fn malformed(&self) -> Samples {
        let sources = self.malformed.iter();
        sources
            .map(|(source, count)| row([source.as_ref()], Value::Count(*count)))
            .collect()
    }

    fn up(&self) -> Samples {
        let sources = self.up.iter();
        sources
            .map(|(source, is_up)| row([source.as_ref()], truth(*is_up)))
            .collect()
    }
}

pub(super) fn row<const N: usize>(labels: [&str; N], value: Value) -> (Vec<String>, Value) {
    (labels.map(str::to_owned).into(), value)
}

fn truth(is: bool) -> Value {
    Value::Gauge(f64::from(u8::from(is)))
}

fn of_process(name: &str, vitals: &Vitals) -> Samples {
    let single = |value| vec![row([], value)];
    let nanos = |time: std::time::Duration| Value::Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let state = vitals.health.state();
    let probes = state.probes.iter();
    match name {
        "tapio_breaker_state" => {
            let sniffers = state.breakers.iter();
            let sniffers = sniffers.map(|(sniffer, breaker)| (*sniffer, vitals::number(*breaker)));
            let sinks = vitals.sinks.iter();
            sniffers
                .chain(sinks.map(|sink| (sink.name(), f64::from(sink.breaker_number()))))
                .map(|(name, state)| row([name], Value::Gauge(state)))
                .collect()
        }
        "tapio_probe_attached" => probes
            .flat_map(|(probe, state)| {
                state
                    .kinds
                    .iter()
                    .map(move |kind| row([*probe, kind], truth(state.attached)))
            })
            .collect(),
        "tapio_probe_run_seconds" => probes
            .filter(|(_, state)| !state.run_time.is_zero())
            .map(|(probe, state)| row([*probe], nanos(state.run_time)))
            .collect(),
        "tapio_ring_buffer_utilization_ratio" => probes
            .filter_map(|(probe, state)| Some(row([*probe], Value::Gauge(state.ring_used?))))
            .collect(),
        "tapio_config_reloads" => vitals
            .reloads
            .by_outcome()
            .map(|(outcome, count)| row([outcome], Value::Count(count)))
            .into(),
        "tapio_config_last_reload_successful" => single(truth(vitals.reloads.last_was_good())),
        "process_cpu_seconds" => vitals::process().map_or_else(Vec::new, |process| single(nanos(process.cpu))),
        "process_resident_memory_bytes" => {
            vitals::process().map_or_else(Vec::new, |process| single(Value::Gauge(process.resident as f64)))
        }
        "process_start_time_seconds" => single(Value::Gauge((vitals.started.as_nanos() / 1_000_000) as f64 / 1e3)),
        _ => Vec::new(),
    }
}

fn of_sinks(name: &str, vitals: &Vitals) -> Samples {
    let sinks = vitals.sinks.iter();
    match name {
        "sent" => sinks
            .map(|sink| row([sink.name()], Value::Count(sink.all_sent())))
            .collect(),
        "queue_length" => sinks
            .map(|sink| row([sink.name()], Value::Gauge(sink.queued() as f64)))
            .collect(),
        "dropped" => sinks
            .flat_map(|sink| {
                let dropped = sink.all_dropped().into_iter();
                dropped.map(|(reason, count)| row([sink.name(), reason.label()], Value::Count(count)))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn of_pid_map(name: &str, vitals: &Vitals) -> Samples {
    let stats = vitals.pods.stats();
    let value = match name {
        "hits" => Value::Count(stats.hits),
        "misses" => Value::Count(stats.misses),
        "unresolved" => Value::Count(stats.unresolved),
        "entries" => Value::Gauge(stats.entries as f64),
        "bytes" => Value::Gauge(stats.bytes as f64),
        "processes" => Value::Gauge(stats.pids as f64),
        "processes_refused" => Value::Count(stats.pids_refused),
        "walks" => Value::Count(stats.rescans),
        "walks_cut" => Value::Count(stats.cut),
        "watch_overflows" => Value::Count(stats.overflows),
        "directories_unwatched" => Value::Gauge(stats.unwatched as f64),
        _ => return Vec::new(),
    };
    vec![row([], value)]
}

fn active(engine: &Engine, filter: &Filter) -> Samples {
    let named = |insight: &Insight| {
        let [namespace, pod, node, kind, name] = whose(&insight.subject);
        let (id, severity) = (insight.id.to_owned(), insight.severity.label().to_owned());
        [id, severity, namespace, pod, node, kind, name]
    };
    // Two containers of one pod are one series.
    let once: BTreeSet<[String; 7]> = engine
        .open()
        .filter(|open| filter.covers(open, engine.world()))
        .map(named)
        .collect();
    once.into_iter().map(|values| (values.into(), truth(true))).collect()
}

/// Namespace, pod, node, and the kind and name of what is no pod; empty where there is none.
fn whose(subject: &Subject) -> [String; 5] {
    let text = |value: &Option<Arc<str>>| value.as_deref().unwrap_or_default().to_owned();
    let empty = String::new;
    match subject {
        Subject::Container(id) | Subject::Pod(id) => {
            [text(&id.namespace), text(&id.pod), text(&id.node), empty(), empty()]
        }
        Subject::Node(node) => [empty(), empty(), node.to_string(), "Node".to_owned(), node.to_string()],
        Subject::Object(object) => {
            let (kind, name) = (object.kind.to_string(), object.name.to_string());
            [object.namespace.to_string(), empty(), empty(), kind, name]
        }
        Subject::Process(_) | Subject::Cluster => [empty(), empty(), empty(), empty(), empty()],
    }
}

#[cfg(test)]
mod tests {
    use correlator::PodIdentity;
    use correlator::object::ObjectRef;

    use super::*;

    #[test]
    fn an_open_insight_names_what_it_is_about() {
        let pod = PodIdentity {
            namespace: Some("shop".into()),
            pod: Some("cart-0".into()),
            node: Some("node-a".into()),
            ..PodIdentity::default()
        };
        let claim = ObjectRef {
            kind: "PersistentVolumeClaim".into(),
            namespace: "shop".into(),
            name: "carts".into(),
        };
        for (subject, expected) in [
            (Subject::Pod(pod.into()), ["shop", "cart-0", "node-a", "", ""]),
            (Subject::Node("node-a".into()), ["", "", "node-a", "Node", "node-a"]),
            (
                Subject::Object(claim.into()),
                ["shop", "", "", "PersistentVolumeClaim", "carts"],
            ),
            (Subject::Cluster, [""; 5]),
        ] {
            assert_eq!(whose(&subject), expected);
        }
    }
}
