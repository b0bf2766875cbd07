//! From a file's text to the objects in it: one, a list, several documents, JSON or YAML.

use serde_json::Value;

use super::DumpError;

/// Nodes and bytes of one YAML file: a hundred thousand pods.
const YAML_NODES: usize = 100_000_000;
const YAML_BYTES: usize = 1 << 30;

/// The objects of a file; lists are taken apart.
pub(super) fn objects(file: &str, text: &str) -> Result<Vec<Value>, DumpError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let named = || file.to_owned();
    if text.is_empty() {
        return Err(DumpError::Empty { file: named() });
    }
    if is_table(text) {
        return Err(DumpError::Table { file: named() });
    }
    let documents = if text.starts_with(['{', '[']) {
        json(file, text)?
    } else {
        yaml(file, text)?
    };
    let mut objects = Vec::new();
    for document in documents {
        take_apart(document, &mut objects).ok_or_else(|| DumpError::NoObject { file: named() })?;
    }
    Ok(objects)
}

/// `NAME  READY  STATUS`, or what kubectl says when there is nothing.
fn is_table(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let is_heading = |word: &str| word.chars().all(|c| c.is_ascii_uppercase() || "-()%_".contains(c));
    let mut words = first.split_whitespace();
    let is_known = words
        .next()
        .is_some_and(|word| ["NAME", "NAMESPACE", "LAST"].contains(&word));
    (is_known && words.all(is_heading)) || first.starts_with("No resources found")
}

fn json(file: &str, text: &str) -> Result<Vec<Value>, DumpError> {
    let read: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    read.map_err(|error| {
        let file = file.to_owned();
        if error.is_eof() {
            return DumpError::CutOff {
                file,
                line: error.line(),
            };
        }
        let (format, why) = ("JSON", error.to_string());
        DumpError::Malformed { file, format, why }
    })
}

fn yaml(file: &str, text: &str) -> Result<Vec<Value>, DumpError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: YAML_NODES,
            max_events: YAML_NODES,
            max_total_scalar_bytes: YAML_BYTES,
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let why = error.to_string().lines().next().unwrap_or_default().to_owned();
        DumpError::Malformed {
            file: file.to_owned(),
            format: "YAML",
            why,
        }
    })
}

/// `None` for what is no object of the API server.
fn take_apart(document: Value, objects: &mut Vec<Value>) -> Option<()> {
    match document {
        Value::Null => Some(()),
        Value::Array(items) => items.into_iter().try_for_each(|item| take_apart(item, objects)),
        Value::Object(mut fields) => {
            let kind = fields.get("kind").and_then(Value::as_str)?.to_owned();
            let version = fields.get("apiVersion").cloned();
            let (Some(of), Some(Value::Array(items))) = (kind.strip_suffix("List"), fields.remove("items")) else {
                objects.push(Value::Object(fields));
                return Some(());
            };
            items.into_iter().try_for_each(|mut item| {
                // The items of a list of one kind do not say theirs.
                if let (Value::Object(fields), false) = (&mut item, of.is_empty()) {
                    fields.entry("kind").or_insert_with(|| of.into());
                    fields
                        .entry("apiVersion")
                        .or_insert_with(|| version.clone().unwrap_or_default());
                }
                take_apart(item, objects)
            })
        }
        _ => None,
    }
}
