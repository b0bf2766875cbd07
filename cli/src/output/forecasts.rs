//! OOM forecasts as metrics, and how far they came true: anybody can check a stated 85 %.

use std::collections::BTreeMap;
use std::time::Duration;

use correlator::forecast::{BINS, Censored, Filling, Group};
use correlator::{Calibration, Engine, Fill, HORIZONS, Outlook, Resource, Severity, Subject, Timestamp};
use insights::forecast::{Curve, TimeToLimit, straight_line};

use super::exposition::{Family, Labels, MAX_SERIES, Value};
use super::owner;

/// All families, by name.
pub(crate) fn families(engine: &Engine) -> BTreeMap<String, Family> {
    let calibration = engine.calibration();
    let [probability, time] = expected(engine);
    let gauge = "gauge";
    let of_groups = |value: &dyn Fn(Group) -> Option<f64>| {
        let series = Group::ALL
            .into_iter()
            .filter_map(|group| Some((vec![of(group)], Value::Number(value(group)?))));
        series.collect()
    };
    let brier = of_groups(&|group| calibration.reliability(group).brier());
    let error = of_groups(&|group| calibration.reliability(group).calibration_error());
    let kills = BTreeMap::from([(vec![], Value::Number(calibration.kills() as f64))]);
    [
        (
            "oom_probability",
            gauge,
            "Probability of an OOM kill within the horizon, recalibrated.",
            probability,
        ),
        (
            "oom_time_to_limit_seconds",
            gauge,
            "Likely time to the memory limit, given that it is met; only where that is worth saying.",
            time,
        ),
        (
            "prediction_resolved_total",
            "counter",
            "Forecasts of which it is known what came of them, by the lower bound of what was stated.",
            resolved(calibration),
        ),
        (
            "prediction_censored_total",
            "counter",
            "Forecasts of which it will never be known whether they came true.",
            censored(calibration),
        ),
        (
            "prediction_kills_total",
            "counter",
            "OOM kills about which a forecast was waiting.",
            kills,
        ),
        (
            "prediction_brier",
            gauge,
            "Mean squared error of what was stated (Brier score).",
            brier,
        ),
        (
            "prediction_calibration_error",
            gauge,
            "Mean distance of stated and observed frequency.",
            error,
        ),
        (
            "prediction_recalibration",
            gauge,
            "What raw log-odds are multiplied with (a), and what is added (b).",
            lines(calibration),
        ),
    ]
    .into_iter()
    .map(|(name, kind, help, series)| {
        let help = help.to_owned();
        (format!("tapio_{name}"), Family { help, kind, series })
    })
    .collect()
}

type Series = BTreeMap<Labels, Value>;

/// What is expected of the newest run of each container: probabilities by horizon, and the time to the limit.
fn expected(engine: &Engine) -> [Series; 2] {
    let mut newest: BTreeMap<Labels, (Timestamp, &Filling, &Fill)> = BTreeMap::new();
    for (subject, resource, _, filling) in engine.fillings() {
        let is_container = matches!(subject, Subject::Container(_)) && resource == Resource::Memory;
        let (Some(who), Some(record)) = (owner::of(&subject).filter(|_| is_container), filling.record()) else {
            continue;
        };
        let at = record.last().map(|sample| sample.at).unwrap_or_default();
        let labels = owner::labels(&who, engine.world());
        if newest.get(&labels).is_none_or(|(other, ..)| *other <= at) {
            newest.insert(labels, (at, filling, record));
        }
    }
    let [mut probabilities, mut times] = [Series::new(), Series::new()];
    for (labels, (_, filling, record)) in newest.into_iter().take(MAX_SERIES / HORIZONS.len()) {
        for (horizon, probability) in filling.outlook().probabilities() {
            let mut labels = labels.clone();
            labels.push(("horizon", format!("{}s", HORIZONS[horizon].as_secs_f64())));
            probabilities.insert(labels, Value::Number(probability));
        }
        if let Some(time) = time_to_limit(filling.outlook(), record) {
            times.insert(labels, Value::Number(time.as_secs_f64()));
        }
    }
    [probabilities, times]
}

/// When the limit is likely met, where the outlook is worth saying.
fn time_to_limit(outlook: &Outlook, record: &Fill) -> Option<Duration> {
    let soonest = outlook.soonest(Severity::Info)?;
    let curve = Curve::new(std::array::from_fn(|horizon| outlook.log_odds(horizon)));
    TimeToLimit::of(&curve, straight_line(record, soonest)).map(|time| time.likely)
}

fn of(group: Group) -> (&'static str, String) {
    ("horizon_group", group.label().to_owned())
}

fn resolved(calibration: &Calibration) -> Series {
    let mut series = Series::new();
    for group in Group::ALL {
        for (bin, bound) in calibration.reliability(group).bins().iter().zip(BINS) {
            let outcomes = [("killed", bin.came_true), ("lived", bin.resolved - bin.came_true)];
            for (outcome, count) in outcomes {
                let labels = vec![of(group), ("bin", bound.to_string()), ("outcome", outcome.to_owned())];
                series.insert(labels, Value::Number(count as f64));
            }
        }
    }
    series
}

fn censored(calibration: &Calibration) -> Series {
    let each = Group::ALL
        .into_iter()
        .flat_map(|group| Censored::ALL.map(|reason| (group, reason)));
    each.map(|(group, reason)| {
        let count = calibration.censored(group, reason) as f64;
        (
            vec![of(group), ("reason", reason.label().to_owned())],
            Value::Number(count),
        )
    })
    .collect()
}

fn lines(calibration: &Calibration) -> Series {
    let lines = calibration.lines();
    let each = Group::ALL.into_iter().flat_map(|group| {
        let (a, b) = (lines.slope[group.index()], lines.intercept[group.index()]);
        [(group, "a", a), (group, "b", b)]
    });
    each.map(|(group, parameter, value)| {
        (
            vec![of(group), ("parameter", parameter.to_owned())],
            Value::Number(value),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use correlator::{Body, Event, PodIdentity, signals};

    use super::*;
    use crate::output::exposition::render;

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
        let text = render(&families(&engine));
        let value = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start));
            let number = line.and_then(|line| line.rsplit(' ').next());
            number.and_then(|number| number.parse::<f64>().ok())
        };
        let labels = r#"{namespace="",pod="u",container="c",node="""#;
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
