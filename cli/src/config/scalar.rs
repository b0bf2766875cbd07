//! Single values of the configuration file: what is allowed is said where something else stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::measure::url;
use crate::{http, profile};

/// The names of all probes.
static PROBES: LazyLock<Vec<&'static str>> = LazyLock::new(|| probes::all().iter().map(|probe| probe.name).collect());

/// A text, if there is one, of which `check` says what is allowed.
fn checked_if_any<'de, D: Deserializer<'de>, T>(
    from: D,
    check: fn(&str) -> Result<T, String>,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    if let Some(text) = &text {
        check(text).map_err(|allowed| Error::custom(wrong(text, &allowed)))?;
    }
    Ok(text)
}

pub(super) fn wrong(text: &str, allowed: &str) -> String {
    format!("{text:?} cannot be used: {allowed}")
}

pub(super) fn ring_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked_if_any(from, profile::ring_size)
}

pub(super) fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked_if_any(from, http::listen)
}

/// An address that is shown and not sent to.
pub(super) fn link<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked_if_any(from, url)
}

/// A whole number from `LEAST` to `MOST`.
pub(super) fn within<'de, D: Deserializer<'de>, const LEAST: usize, const MOST: usize>(
    from: D,
) -> Result<usize, D::Error> {
    let allowed = format!("give a whole number from {LEAST} to {MOST}");
    let number = u64::deserialize(from).map_err(|_| Error::custom(&allowed))?;
    let fits = usize::try_from(number)
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number));
    fits.ok_or_else(|| {
        Error::custom(format!(
            "{number} cannot be used: give a whole number from {LEAST} to {MOST}"
        ))
    })
}

pub(super) fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    within::<D, 0, 100>(from).and_then(|number| u8::try_from(number).map_err(Error::custom))
}

/// Switches of probes by their names.
pub(super) fn probes<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, bool>, D::Error> {
    struct Switches;
    impl<'de> Visitor<'de> for Switches {
        type Value = BTreeMap<String, bool>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("names of probes with true or false")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut switches = BTreeMap::new();
            while let Some(name) = map.next_key::<String>()? {
                if !PROBES.contains(&name.as_str()) {
                    return Err(Error::unknown_field(&name, &PROBES));
                }
                switches.insert(name, map.next_value()?);
            }
            Ok(switches)
        }
    }
    from.deserialize_map(Switches)
}

pub(super) fn probes_schema(_: &mut SchemaGenerator) -> Schema {
    let each: BTreeMap<&str, serde_json::Value> = PROBES
        .iter()
        .map(|name| (*name, serde_json::json!({ "type": "boolean" })))
        .collect();
    json_schema!({ "type": "object", "properties": each, "additionalProperties": false })
}
