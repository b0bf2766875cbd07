//! The tables of `docs/configuration.md`, from the JSON schema.

use serde_json::Value;

/// Keys with type, default and meaning, then the thresholds.
pub(crate) fn tables(schema: &Value) -> String {
    let mut text = String::from("\n## Keys\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
    rows(schema, schema, "", &mut text);
    text.push_str(
        "\n## Thresholds\n\n`thresholds.<detector>.<name>`, each a number. Ratios are from 0 to 1. What happened, such as \
         an OOM kill, has no threshold, and what forecasts and rates were fitted with cannot be chosen. `tapio explain ID` tells how \
         the numbers of an insight go together.\n\n| detector | name | default | from | to | meaning |\n|---|---|---|---|---|---|\n",
    );
    let detectors = schema["$defs"]["Thresholds"]["properties"].as_object().unwrap();
    for (detector, of) in detectors {
        for (name, number) in of["properties"].as_object().unwrap() {
            let [default, least, most] = ["default", "minimum", "maximum"].map(|key| &number[key]);
            let meaning = number["description"].as_str().unwrap();
            let row = format!("| `{detector}` | `{name}` | {default} | {least} | {most} | {meaning} |\n");
            text.push_str(&row);
        }
    }
    text
}

fn rows(all: &Value, of: &Value, prefix: &str, text: &mut String) {
    for (name, field) in of["properties"].as_object().unwrap() {
        let key = format!("{prefix}{name}");
        let target = resolved(all, field);
        let is_section =
            target["properties"].is_object() && !["insights", "probes", "thresholds"].contains(&key.as_str());
        if is_section {
            rows(all, target, &format!("{key}."), text);
            continue;
        }
        let default = match key.as_str() {
            "thresholds" => "as below".to_owned(),
            key if key.starts_with("buckets.") => "as in [metrics.md](metrics.md#buckets)".to_owned(),
            _ => format!("`{}`", field["default"]),
        };
        let meaning = field["description"].as_str().unwrap().replace('\n', " ");
        let row = format!("| `{key}` | {} | {default} | {meaning} |\n", kind(target));
        text.push_str(&row);
    }
}

/// What a field refers to, also where it may be left out.
fn resolved<'a>(all: &'a Value, field: &'a Value) -> &'a Value {
    let choices = field["anyOf"].as_array();
    let field = choices
        .and_then(|choices| choices.iter().find(|choice| choice["$ref"].is_string()))
        .unwrap_or(field);
    let target = field["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    target.map_or(field, |name| &all["$defs"][name])
}

fn kind(of: &Value) -> String {
    if let Some(choices) = of["oneOf"].as_array() {
        let words: Vec<&str> = choices.iter().filter_map(|choice| choice["const"].as_str()).collect();
        return words.join(", ");
    }
    let words: Vec<&str> = match &of["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let word = match words.join(" or ").as_str() {
        "array" => "list".to_owned(),
        "object" => "keys with values".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.replace("string", "text").replace("null", "none"),
    };
    match (of["minimum"].as_u64(), of["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!("{word} from {least} to {most}"),
        _ => word,
    }
}
