//! The dashboard and the alerts in `deploy/` ask for series that tapio exports, by labels that these have; the manifests
//! start it with flags and variables that it knows.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Labels that every series gets when it is scraped: by the `PodMonitor` of the chart, or by Prometheus.
const SCRAPED: [&str; 4] = ["job", "instance", "component", "node"];
/// Labels of the series of containers, as docs/metrics.md says above their table.
const OWNER: [&str; 4] = ["namespace", "pod", "container", "node"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)).unwrap()
}

/// The labels of each series that docs/metrics.md names. `house.rs` compares that page with the code.
fn exported() -> BTreeMap<String, BTreeSet<String>> {
    let mut series = BTreeMap::from([("up".to_owned(), BTreeSet::new())]);
    for section in read("docs/metrics.md").split("\n## ") {
        let owner = if section.starts_with("Containers") {
            &OWNER[..]
        } else {
            &[]
        };
        for line in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            // The table of paths has fewer columns.
            if cells.len() < 8 {
                continue;
            }
            let (name, kind) = (cells[1].trim_matches('`'), cells[2]);
            let given = cells[4].split(", ").filter(|label| !label.is_empty());
            let mut labels: BTreeSet<String> = given.chain(owner.iter().copied()).map(str::to_owned).collect();
            if kind == "histogram" {
                series.insert(format!("{name}_sum"), labels.clone());
                series.insert(format!("{name}_count"), labels.clone());
                labels.insert("le".to_owned());
                series.insert(format!("{name}_bucket"), labels);
            } else {
                series.insert(name.to_owned(), labels);
            }
        }
    }
    assert!(series.len() > 80, "docs/metrics.md is not read: {series:?}");
    series
}

/// A word of an expression, or the rest after it: `PromQL` outside strings, as far as names go.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    text.split_at(end.unwrap_or(text.len()))
}

/// What follows the string that `text` begins with.
fn after_string(text: &str) -> &str {
    text[1..]
        .split_once('"')
        .unwrap_or_else(|| panic!("a string without end: {text}"))
        .1
}

/// The metrics of an expression with the labels that they are selected by.
fn selected(expression: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut rest) = (Vec::new(), expression);
    while let Some(first) = rest.chars().next() {
        let (name, after) = word(rest);
        if first == '"' {
            rest = after_string(rest);
        } else if name.is_empty() {
            rest = &rest[first.len_utf8()..];
        } else {
            rest = after;
            if name.starts_with("tapio_") || name.starts_with("process_") || name == "up" {
                let (labels, after) = labels(after);
                found.push((name.to_owned(), labels));
                rest = after;
            }
        }
    }
    found
}

/// The labels within the braces that `text` may begin with, and what follows.
fn labels(text: &str) -> (Vec<String>, &str) {
    let Some(mut rest) = text.strip_prefix('{') else {
        return (Vec::new(), text);
    };
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        let (label, after) = word(rest);
        assert!(!label.is_empty(), "no label in {rest}");
        labels.push(label.to_owned());
        rest = after_string(after.trim_start_matches(['=', '~', '!', ' ']));
    }
}

/// Where each expression is from, and the expression.
fn expressions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let dashboard: Value = serde_json::from_str(&read("deploy/chart/tapio/files/dashboard.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            all.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if variable["type"] == "query" {
            all.push((text(&variable["name"]), text(&variable["definition"])));
        }
    }
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/manifests/monitoring.yaml")).unwrap();
    let rules = objects
        .iter()
        .find(|object| object["kind"] == "PrometheusRule")
        .unwrap();
    for group in rules["spec"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            all.push((text(&rule["alert"]), text(&rule["expr"])));
        }
    }
    all
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_series_and_labels_that_exist() {
    let exported = exported();
    let all = expressions();
    assert!(all.len() > 80, "{}", all.len());
    for (place, expression) in &all {
        let selected = selected(expression);
        assert!(!selected.is_empty(), "{place} asks for nothing: {expression}");
        for (name, labels) in selected {
            let Some(known) = exported.get(&name) else {
                panic!("{place}: no series is called {name}: {expression}");
            };
            for label in labels {
                let is_known = known.contains(&label) || SCRAPED.contains(&label.as_str());
                assert!(is_known, "{place}: {name} has no label {label}: {expression}");
            }
        }
    }
}

#[test]
fn names_and_labels_are_found_in_an_expression() {
    let expression = r#"sum by (tapio) (rate(tapio_a_total{job=~"up|x{", le!="1"}[5m])) / up or count(process_b{})"#;
    let expected = [
        ("tapio_a_total", vec!["job", "le"]),
        ("up", vec![]),
        ("process_b", vec![]),
    ];
    let owned = expected.map(|(name, labels)| (name.to_owned(), labels.into_iter().map(str::to_owned).collect()));
    assert_eq!(selected(expression), owned);
}

#[test]
fn the_manifests_start_tapio_with_flags_and_variables_that_it_knows() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/manifests/tapio.yaml")).unwrap();
    let mut started = 0;
    for object in &objects {
        for container in object["spec"]["template"]["spec"]["containers"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let list = |name: &str| container[name].as_array().cloned().unwrap_or_default();
            let arguments: Vec<String> = list("args")
                .iter()
                .map(|one| one.as_str().unwrap().to_owned())
                .collect();
            let mut tapio = Command::new(env!("CARGO_BIN_EXE_tapio"));
            let output = tapio.args(&arguments).arg("--help").output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments:?}: {said}");
            for variable in list("env") {
                let name = variable["name"].as_str().unwrap();
                let is_known = name == "TAPIO_LOG" || help.contains(&format!("[env: {name}="));
                assert!(is_known, "{name} is no variable of tapio: {help}");
            }
            started += 1;
        }
    }
    assert_eq!(started, 2);
}
