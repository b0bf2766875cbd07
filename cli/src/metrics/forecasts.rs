//! OOM forecasts as metrics, and how far they came true: anybody can check a stated 85 %.

use std::collections::BTreeMap;
use std::time::Duration;

use correlator::forecast::{BINS, Censored, Filling, Group};
use correlator::{
    Calibration, Engine, Fill, HORIZONS, Outlook, PodIdentity, Resource, Severity, Subject, Timestamp, World,
};
use insights::forecast::{Curve, TimeToLimit, straight_line};

use super::own::{Samples, row};
use super::value::Value;
use crate::filter::Filter;

/// Containers that are shown: each has up to thirteen series.
const MAX_CONTAINERS: usize = 1_000;

/// A container without a name is not shown for this long: the API server may yet tell it.
const UNNAMED: Duration = Duration::from_secs(10);

/// The series of one of these metrics; none for any other name.
pub(super) fn samples(name: &str, engine: &Engine, filter: &Filter) -> Samples {
    let calibration = engine.calibration();
    let reliability = |value: &dyn Fn(Group) -> Option<f64>| {
        let groups = Group::ALL.into_iter();
        groups
            .filter_map(|group| Some(row([group.label()], Value::Gauge(value(group)?))))
            .collect()
    };
    match name {
        "oom_probability" => newest(engine, filter)
            .into_iter()
            .flat_map(|(labels, (_, filling, _))| probabilities(&labels, filling.outlook()))
            .collect(),
        "oom_time_to_limit_seconds" => newest(engine, filter)
            .into_iter()
            .filter_map(|(labels, (_, filling, record))| {
                let time = time_to_limit(filling.outlook(), record)?;
                Some((labels.into(), Value::Gauge(time.as_secs_f64())))
            })
            .collect(),
        "prediction_resolved" => resolved(calibration),
        "prediction_censored" => censored(calibration),
        "prediction_kills" => vec![row([], Value::Count(calibration.kills()))],
        "prediction_brier" => reliability(&|group| calibration.reliability(group).brier()),
        "prediction_calibration_error" => reliability(&|group| calibration.reliability(group).calibration_error()),
        "prediction_recalibration" => lines(calibration),
        _ => Vec::new(),
    }
}

/// Namespace, pod, container and node.
type Who = [String; 4];

/// The newest run of each container whose memory is forecast.
fn newest<'a>(engine: &'a Engine, filter: &Filter) -> BTreeMap<Who, (Timestamp, &'a Filling, &'a Fill)> {
    let mut newest: BTreeMap<Who, (Timestamp, &'a Filling, &'a Fill)> = BTreeMap::new();
    for (subject, resource, _, filling) in engine.fillings() {
        let (Subject::Container(pod), Resource::Memory, Some(record)) = (&subject, resource, filling.record()) else {
            continue;
        };
        if !filter.covers_pod(pod, engine.world()) {
            continue;
        }
        let at = record.last().map(|sample| sample.at).unwrap_or_default();
        let who = who(pod, engine.world());
        if who[0].is_empty() && record.age() < UNNAMED {
            continue;
        }
        let is_newer = newest.get(&who).is_none_or(|(other, ..)| *other <= at);
        if is_newer && (newest.len() < MAX_CONTAINERS || newest.contains_key(&who)) {
            newest.insert(who, (at, filling, record));
        }
    }
    newest
}

/// Its names; ids where the API server has not told them.
fn who(pod: &PodIdentity, world: &World) -> Who {
    let known = world.pod(&pod.uid);
    let named = known.map_or(pod, |known| &known.identity);
    let id = pod.container_id.as_ref();
    let container = known.zip(id).and_then(|(known, id)| known.name_of(id));
    [
        named.namespace.as_ref(),
        named.pod.as_ref().or(Some(&pod.uid)),
        container.or(pod.container.as_ref()).or(id),
        named.node.as_ref(),
    ]
    .map(|label| label.map(ToString::to_string).unwrap_or_default())
}

fn probabilities(who: &Who, outlook: &Outlook) -> Samples {
    let with = |horizon: usize| {
        let horizon = format!("{}s", HORIZONS[horizon].as_secs_f64());
        who.iter().cloned().chain([horizon]).collect()
    };
    let probabilities = outlook.probabilities();
    probabilities
        .map(|(horizon, probability)| (with(horizon), Value::Gauge(probability)))
        .collect()
}

/// When the limit is likely met, where the outlook is worth saying.
fn time_to_limit(outlook: &Outlook, record: &Fill) -> Option<Duration> {
    let soonest = outlook.soonest(Severity::Info)?;
    let curve = Curve::new(std::array::from_fn(|horizon| outlook.log_odds(horizon)));
    TimeToLimit::of(&curve, straight_line(record, soonest)).map(|time| time.likely)
}

fn resolved(calibration: &Calibration) -> Samples {
    let mut samples = Samples::new();
    for group in Group::ALL {
        for (bin, bound) in calibration.reliability(group).bins().iter().zip(BINS) {
            let outcomes = [("killed", bin.came_true), ("lived", bin.resolved - bin.came_true)];
            let bound = bound.to_string();
            samples.extend(outcomes.map(|(outcome, count)| row([group.label(), &bound, outcome], Value::Count(count))));
        }
    }
    samples
}

fn censored(calibration: &Calibration) -> Samples {
    let each = Group::ALL
        .into_iter()
        .flat_map(|group| Censored::ALL.map(|reason| (group, reason)));
    each.map(|(group, reason)| {
        let count = calibration.censored(group, reason);
        row([group.label(), reason.label()], Value::Count(count))
    })
    .collect()
}

fn lines(calibration: &Calibration) -> Samples {
    let lines = calibration.lines();
    let each = Group::ALL.into_iter().flat_map(|group| {
        let (a, b) = (lines.slope[group.index()], lines.intercept[group.index()]);
        [(group, "a", a), (group, "b", b)]
    });
    each.map(|(group, parameter, value)| row([group.label(), parameter], Value::Gauge(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use correlator::{Body, Event, PodIdentity, signals};

    use super::super::Metrics;
    use super::super::page::Format;
    use super::*;

    /// A container that fills its limit of 1 GiB by a hundredth a second, from a fifth on.
    fn filling() -> Engine {
        let identity = PodIdentity {
            uid: "u".into(),
            container_id: Some("c".into()),
            ..PodIdentity::default()
        };
        let subject = Subject::Container(Arc::new(identity));
        let mut engine = Engine::new(vec![], 1).forecasting(insights::forecaster());
        for second in 0..79u32 {
            let used = (0.2 + 0.01 * f64::from(second)) * f64::from(1 << 30);
            for (signal, value) in [
                (signals::MEMORY_LIMIT, f64::from(1 << 30)),
                (signals::MEMORY_UNRECLAIMABLE, used),
            ] {
                engine.push(Event {
                    at: Timestamp::from_secs(1_000 + u64::from(second)),
                    subject: subject.clone(),
                    signal,
                    body: Body::Gauge(value),
                });
            }
        }
        engine
    }

    #[test]
    fn what_is_expected_and_what_came_of_it_are_metrics() {
        let engine = filling();
        let text = Metrics::default().render(&engine, Format::Text, None);
        let value = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start));
            let number = line.and_then(|line| line.rsplit(' ').next());
            number.and_then(|number| number.parse::<f64>().ok())
        };
        let labels = r#"{pod="u",container="c""#;
        let soon = value(&format!(r#"tapio_oom_probability{labels},horizon="30s"}}"#));
        let later = value(&format!(r#"tapio_oom_probability{labels},horizon="120s"}}"#));
        assert!(soon > Some(0.1) && later >= soon, "{text}");
        let outlook = engine.fillings().next().map(|(.., filling)| filling.outlook().clone());
        let worth_saying = outlook.and_then(|outlook| outlook.soonest(Severity::Info));
        let time = value("tapio_oom_time_to_limit_seconds{");
        assert_eq!(time.is_some(), worth_saying.is_some(), "{text}");
        let lived = r#"tapio_prediction_resolved_total{horizon_group="2m",bin="0",outcome="lived"}"#;
        assert!(value(lived).is_some(), "{text}");
        assert_eq!(
            value(r#"tapio_prediction_recalibration{horizon_group="30m",parameter="b"}"#),
            Some(-2.3)
        );
    }
}
