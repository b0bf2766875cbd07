//! Reads the configuration file, and says of what is wrong in it where it stands and what is meant.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use serde_saphyr::Error;

use super::file::Config;

/// Where the file is unless the user names one.
pub(crate) const DEFAULT: &str = "/etc/tapio/tapio.yaml";
/// No configuration is larger.
const MOST_BYTES: u64 = 1 << 20;
/// How many edits apart two names are at most for one to be meant by the other.
const NEAR: usize = 3;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) config: Config,
    /// The same without what it does not say.
    pub(crate) raw: Value,
}

/// The file to read: the one that was named, or `default` if that exists.
pub(super) fn place(named: Option<&Path>, default: &Path) -> Option<PathBuf> {
    let exists = || !matches!(fs::metadata(default), Err(error) if error.kind() == ErrorKind::NotFound);
    named
        .map(ToOwned::to_owned)
        .or_else(|| exists().then(|| default.to_owned()))
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Said> {
    let reading = || format!("reading the configuration {}", path.display());
    // A pipe could keep a running agent waiting.
    if !fs::metadata(path).with_context(reading)?.is_file() {
        bail!("the configuration {} is not a regular file", path.display());
    }
    let mut text = String::new();
    let file = File::open(path).with_context(reading)?;
    file.take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(reading)?;
    if text.len() as u64 > MOST_BYTES {
        bail!("the configuration {} is larger than 1 MiB", path.display());
    }
    parse(&text).map_err(|why| anyhow!("{}:{why}", path.display()))
}

/// Parses a text; the error begins with the line and column where there are any.
pub(crate) fn parse(text: &str) -> Result<Said, String> {
    let config: Option<Config> = serde_saphyr::from_str(text).map_err(|error| explain(&error))?;
    let raw: Option<Value> = serde_saphyr::from_str(text).map_err(|error| explain(&error))?;
    let said = Said {
        config: config.unwrap_or_default(),
        raw: raw.unwrap_or_default(),
    };
    said.config.check().map_err(|why| format!(" {why}"))?;
    Ok(said)
}

fn explain(error: &Error) -> String {
    let why = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        Error::Message { msg, .. } => msg.clone(),
        Error::Unexpected { expected, .. } if expected.contains("sequence") => "give a list, such as [a, b]".to_owned(),
        Error::Unexpected { expected, .. } if expected.contains("mapping") => {
            "give keys with their values here".to_owned()
        }
        Error::InvalidScalar { ty: "boolean", .. } => "give true or false".to_owned(),
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => "give one word here".to_owned(),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key \"{key}\" is here for the second time"),
        Error::MultipleDocuments { .. } => "there is a second document here; one is allowed".to_owned(),
        other => {
            let text = other.to_string();
            let line = text.lines().next().unwrap_or_default();
            let line = line.strip_prefix("error: ").unwrap_or(line);
            line.split(" at line ").next().unwrap_or_default().to_owned()
        }
    };
    match error.location() {
        Some(at) => format!("{}:{}: {why}", at.line(), at.column()),
        None => format!(" {why}"),
    }
}

/// Says which known name is meant, or all of them when none is near.
fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| {
        (
            strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()),
            *known,
        )
    });
    let far = name.chars().count().div_ceil(2).min(NEAR);
    let shown = insights::escape(name, 80);
    match near.min().filter(|(edits, _)| *edits <= far) {
        Some((_, near)) => format!("unknown {what} \"{shown}\"; did you mean \"{near}\"?"),
        None => format!("unknown {what} \"{shown}\"; known here: {}", known.join(", ")),
    }
}
