//! What the user gave on the command line and in the environment, by the key that it overrules.

use clap::ArgMatches;
use clap::parser::ValueSource;
use hyper::Uri;
use serde_json::{Value, json};

use crate::args::{AGENT_LISTENS, Doctor, Sniff};

/// A value that does not come from the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    /// The command's own default, which a file overrules.
    Command,
}

impl Given {
    pub(super) fn is_default(&self) -> bool {
        self.origin == Origin::Command
    }
}

/// Flags with the variables that stand for them and the keys that they overrule.
const FLAGS: [(&str, &str, &str, &str); 12] = [
    ("profile", "--profile", "TAPIO_PROFILE", "profile"),
    ("probe", "--probe", "", "probes"),
    ("no_probe", "--no-probe", "", "probes"),
    ("ring_size", "--ring-size", "TAPIO_RING_SIZE", "ringSize"),
    ("batch_size", "--batch-size", "TAPIO_BATCH_SIZE", "limits.batchSize"),
    ("namespace", "--namespace", "", "filters.namespaces"),
    ("all_namespaces", "--all-namespaces", "", "filters.namespaces"),
    ("listen", "--listen", "TAPIO_LISTEN", "http.listen"),
    ("calibration", "--calibration", "TAPIO_CALIBRATION", "calibration"),
    (
        "alertmanager",
        "--alertmanager",
        "TAPIO_ALERTMANAGER",
        "sinks.alertmanager.urls",
    ),
    ("webhook", "--webhook", "TAPIO_WEBHOOK", "sinks.webhook.url"),
    ("otlp", "--otlp", "TAPIO_OTLP", "sinks.otlp.url"),
];

/// What was given, and the default of the agent's listener.
pub(super) fn given(sniff: &Sniff, matches: &ArgMatches) -> Vec<Given> {
    let mut all = Vec::new();
    for (id, flag, variable, key) in FLAGS {
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Origin::Flag(flag),
            Some(ValueSource::EnvVariable) => Origin::Variable(variable),
            Some(_) if id == "listen" => Origin::Command,
            _ => continue,
        };
        let value = value(sniff, id);
        all.push(Given { key, value, origin });
    }
    all
}

/// The default of the agent's listener.
pub(super) fn listens() -> Given {
    Given {
        key: "http.listen",
        value: json!(AGENT_LISTENS),
        origin: Origin::Command,
    }
}

/// What the doctor was given of it.
pub(super) fn of_doctor(doctor: &Doctor) -> impl Iterator<Item = Given> {
    let profile = doctor.profile.map(|profile| ("profile", "--profile", json!(profile)));
    let calibration = doctor.calibration.as_ref();
    let calibration = calibration.map(|path| ("calibration", "--calibration", json!(path)));
    let given = [profile, calibration].into_iter().flatten();
    given.map(|(key, flag, value)| Given {
        key,
        value,
        origin: Origin::Flag(flag),
    })
}

fn value(sniff: &Sniff, id: &str) -> Value {
    match id {
        "profile" => json!(sniff.profile),
        "probe" | "no_probe" => {
            let with = sniff.probe.iter().map(|name| (name.clone(), json!(true)));
            let without = sniff.no_probe.iter().map(|name| (name.clone(), json!(false)));
            Value::Object(with.chain(without).collect())
        }
        "ring_size" => json!(sniff.ring_size.map(|bytes| bytes.to_string())),
        "batch_size" => json!(sniff.batch_size),
        "namespace" => json!([sniff.namespace]),
        "all_namespaces" => json!([]),
        "listen" => json!(sniff.listen.map(|listen| listen.to_string())),
        "alertmanager" => json!(sniff.alertmanager.iter().map(Uri::to_string).collect::<Vec<_>>()),
        "webhook" => json!(sniff.webhook.as_ref().map(Uri::to_string)),
        "otlp" => json!(sniff.otlp.as_ref().map(Uri::to_string)),
        _ => json!(sniff.calibration),
    }
}
