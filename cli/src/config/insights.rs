//! From which severity on insights are said.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use correlator::{Severity, Wanted};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize as Read, Serialize};
use serde_json::{Value, json};

static IDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| insights::MANUALS.iter().map(|(id, _)| *id).collect());

/// What was chosen, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Insights(BTreeMap<&'static str, Least>);

/// The least severity of an insight that is said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Read, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Least {
    Never,
    Info,
    Warning,
    Critical,
}

impl Least {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Never => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Critical => Some(Severity::Critical),
        }
    }
}

impl Insights {
    pub(crate) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        for (id, least) in &self.0 {
            wanted.choose(id, least.severity());
        }
        wanted
    }
}

impl<'de> Deserialize<'de> for Insights {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Ids)
    }
}

struct Ids;

impl<'de> Visitor<'de> for Ids {
    type Value = Insights;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ids of insights with never, info, warning or critical")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Insights, A::Error> {
        let mut chosen = BTreeMap::new();
        while let Some(id) = map.next_key::<String>()? {
            let Some(known) = IDS.iter().find(|known| **known == id) else {
                return Err(Error::unknown_field(&id, &IDS));
            };
            chosen.insert(*known, map.next_value()?);
        }
        Ok(Insights(chosen))
    }
}

impl JsonSchema for Insights {
    fn schema_name() -> Cow<'static, str> {
        "Insights".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let least = generator.subschema_for::<Least>();
        let of_each = IDS.iter().map(|id| ((*id).to_owned(), json!(least)));
        let properties: serde_json::Map<String, Value> = of_each.collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
