//! The thresholds that a user chose, by detector and name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use correlator::{Thresholds, Tunable};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Everything that can be chosen, by detector.
static TUNABLES: LazyLock<BTreeMap<&'static str, Vec<Tunable>>> = LazyLock::new(|| {
    let mut tunables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for tunable in insights::tunables() {
        tunables.entry(tunable.detector).or_default().push(tunable);
    }
    tunables
});
static DETECTORS: LazyLock<Vec<&'static str>> = LazyLock::new(|| TUNABLES.keys().copied().collect());
static NAMES: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let names = |tunables: &Vec<Tunable>| tunables.iter().map(|tunable| tunable.name).collect();
    TUNABLES
        .iter()
        .map(|(detector, tunables)| (*detector, names(tunables)))
        .collect()
});

/// Chosen thresholds; all others are as the detectors have them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Chosen(Thresholds);

impl Chosen {
    pub(crate) fn thresholds(&self) -> Thresholds {
        self.0.clone()
    }
}

/// All of them, chosen or not.
impl Serialize for Chosen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let values = |tunables: &Vec<Tunable>| -> BTreeMap<&'static str, f64> {
            tunables
                .iter()
                .map(|tunable| (tunable.name, self.0.value(tunable)))
                .collect()
        };
        let all = TUNABLES
            .iter()
            .map(|(detector, tunables)| (*detector, values(tunables)));
        all.collect::<BTreeMap<_, _>>().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Detectors)
    }
}

struct Detectors;

impl<'de> Visitor<'de> for Detectors {
    type Value = Chosen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ids of detectors with their thresholds")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Chosen, A::Error> {
        let mut chosen = Chosen::default();
        while let Some(id) = map.next_key::<String>()? {
            let Some((detector, tunables)) = TUNABLES.get_key_value(id.as_str()) else {
                if insights::MANUALS.iter().any(|(known, _)| *known == id) {
                    return Err(Error::custom(format!(
                        "{id} has no thresholds that can be chosen; `tapio explain {id}` tells what it goes by"
                    )));
                }
                return Err(Error::unknown_field(&id, &DETECTORS));
            };
            map.next_value_seed(OfDetector {
                detector,
                tunables,
                chosen: &mut chosen.0,
            })?;
        }
        Ok(chosen)
    }
}

struct OfDetector<'a> {
    detector: &'static str,
    tunables: &'static [Tunable],
    chosen: &'a mut Thresholds,
}

impl<'de> DeserializeSeed<'de> for OfDetector<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OfDetector<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thresholds of {} with a number each", self.detector)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let Some(tunable) = self.tunables.iter().find(|tunable| tunable.name == name) else {
                return Err(Error::unknown_field(&name, &NAMES[self.detector]));
            };
            map.next_value_seed(Number {
                tunable,
                chosen: self.chosen,
            })?;
        }
        Ok(())
    }
}

/// Judged where it stands, so that the error says where that is.
struct Number<'a> {
    tunable: &'static Tunable,
    chosen: &'a mut Thresholds,
}

impl<'de> DeserializeSeed<'de> for Number<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let Tunable {
            detector,
            name,
            bounds: [least, most],
            ..
        } = self.tunable;
        let allowed = format!("{name} of {detector} is a number from {least} to {most}");
        let value = f64::deserialize(from).map_err(|_| Error::custom(&allowed))?;
        if self.chosen.choose(self.tunable, value) {
            return Ok(());
        }
        Err(Error::custom(format!("{value} cannot be used: {allowed}")))
    }
}

impl JsonSchema for Chosen {
    fn schema_name() -> Cow<'static, str> {
        "Thresholds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = |tunable: &Tunable| {
            let [least, most] = tunable.bounds;
            let schema = json!({
                "type": "number",
                "description": tunable.meaning,
                "default": tunable.default,
                "minimum": least,
                "maximum": most,
            });
            (tunable.name.to_owned(), schema)
        };
        let detectors = TUNABLES.iter().map(|(detector, tunables)| {
            let numbers: serde_json::Map<String, Value> = tunables.iter().map(number).collect();
            let schema = json!({ "type": "object", "properties": numbers, "additionalProperties": false });
            ((*detector).to_owned(), schema)
        });
        let detectors: serde_json::Map<String, Value> = detectors.collect();
        json_schema!({ "type": "object", "properties": detectors, "additionalProperties": false })
    }
}
