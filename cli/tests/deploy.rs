//! What is in `deploy/`: manifests that the API server's own types take whole, alerts for every insight, and a dashboard
//! that Grafana can lay out.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Custom resources, whose types are not Kubernetes' own; `deploy/tests` checks their fields.
const CUSTOM: [&str; 2] = ["PodMonitor", "PrometheusRule"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy")
}

/// The YAML files of the plain manifests, and of the folder that `TAPIO_RENDERED` names, if it does: what
/// `deploy/check --render FOLDER` made with other values.
fn manifests() -> Vec<PathBuf> {
    let rendered = std::env::var_os("TAPIO_RENDERED").map(PathBuf::from);
    let folders = [Some(folder().join("manifests")), rendered];
    let listed = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    folders.into_iter().flatten().flat_map(listed).collect()
}

fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let typed: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error} in {object}"));
    serde_json::to_value(typed).unwrap()
}

/// The object as Kubernetes' own type keeps it.
fn typed(object: &Value) -> Value {
    let kind = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    match kind {
        ("v1", "Namespace") => through::<Namespace>(object),
        ("v1", "ServiceAccount") => through::<ServiceAccount>(object),
        ("v1", "ConfigMap") => through::<ConfigMap>(object),
        ("v1", "Service") => through::<Service>(object),
        ("apps/v1", "DaemonSet") => through::<DaemonSet>(object),
        ("apps/v1", "Deployment") => through::<Deployment>(object),
        ("policy/v1", "PodDisruptionBudget") => through::<PodDisruptionBudget>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => through::<NetworkPolicy>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => through::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => through::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => through::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => through::<RoleBinding>(object),
        unknown => panic!("no type for {unknown:?}"),
    }
}

/// Paths of what `before` has and `after` has not, or has otherwise.
fn lost(before: &Value, after: &Value, path: &str) -> Vec<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .flat_map(|(key, value)| lost(value, after.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}")))
            .collect(),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .enumerate()
            .flat_map(|(at, (one, other))| lost(one, other, &format!("{path}[{at}]")))
            .collect(),
        _ if before == after => Vec::new(),
        _ => vec![format!("{path}: {before} became {after}")],
    }
}

#[test]
fn the_types_of_the_api_server_know_every_field_of_the_manifests() {
    let mut seen = BTreeSet::new();
    for path in manifests() {
        for object in objects(&path) {
            let kind = object["kind"].as_str().unwrap().to_owned();
            if !CUSTOM.contains(&kind.as_str()) {
                let gone = lost(&object, &typed(&object), &kind);
                assert!(gone.is_empty(), "{}: {gone:#?}", path.display());
            }
            seen.insert(kind);
        }
    }
    for kind in ["Namespace", "DaemonSet", "Deployment", "PodMonitor", "PrometheusRule"] {
        assert!(seen.contains(kind), "no {kind} in {seen:?}");
    }
}

#[test]
fn a_field_that_is_misspelt_or_of_another_type_is_found() {
    let path = folder().join("manifests/tapio.yaml");
    let mut agent = objects(&path).into_iter().find(|o| o["kind"] == "DaemonSet").unwrap();
    agent["spec"]["template"]["spec"]["hostPid"] = Value::Bool(true);
    let gone = lost(&agent, &typed(&agent), "DaemonSet");
    assert_eq!(gone, ["DaemonSet.spec.template.spec.hostPid: true became null"]);
    agent["spec"]["template"]["spec"]["hostPID"] = Value::from("true");
    assert!(std::panic::catch_unwind(|| typed(&agent)).is_err());
}

#[test]
fn there_is_an_alert_for_every_insight() {
    let clean = |manual: &str| manual.lines().next().unwrap().trim_start_matches("# ").replace('`', "");
    let row = |(id, manual): &(&str, &str)| {
        let title = serde_json::to_string(&clean(manual)).unwrap();
        format!("  {{\"id\": \"{id}\", \"title\": {title}}}")
    };
    let rows: Vec<String> = insights::MANUALS.iter().map(row).collect();
    let wanted = format!("[\n{}\n]\n", rows.join(",\n"));
    let path = folder().join("chart/tapio/files/insights.json");
    if std::env::var_os("TAPIO_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let hint = "run TAPIO_UPDATE_GOLDEN=1 cargo test -p tapio --test deploy, then deploy/check --update";
    assert_eq!(found, wanted, "{hint}");
    let alerts = fs::read_to_string(folder().join("manifests/monitoring.yaml")).unwrap();
    for (id, _) in insights::MANUALS {
        assert!(alerts.contains(&format!("id=\"{id}\",")), "no alert for {id}; {hint}");
    }
}

fn dashboard() -> Value {
    let text = fs::read_to_string(folder().join("chart/tapio/files/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// Left, top, right and bottom edge in Grafana's grid.
fn edges(panel: &Value) -> [u64; 4] {
    let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().unwrap());
    assert!(w > 0 && h > 0, "{}", panel["title"]);
    [x, y, x + w, y + h]
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    let dashboard = dashboard();
    let panels = panels(&dashboard);
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for (at, panel) in panels.iter().enumerate() {
        let [left, top, right, bottom] = edges(panel);
        assert!(right <= 24, "{} is wider than the grid", panel["title"]);
        for other in &panels[at + 1..] {
            let [l, t, r, b] = edges(other);
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "{} and {} overlap", panel["title"], other["title"]);
        }
    }
}

#[test]
fn every_panel_asks_the_data_source_that_the_user_chose() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<&str> = variables.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "job", "namespace", "pod", "node"]);
    let chosen = |of: &Value| of["uid"] == "${datasource}" && of["type"] == "prometheus";
    for panel in panels(&dashboard).iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        assert!(
            !targets.is_empty() && chosen(&panel["datasource"]),
            "{}",
            panel["title"]
        );
        let references: BTreeSet<&str> = targets.iter().map(|t| t["refId"].as_str().unwrap()).collect();
        assert_eq!(references.len(), targets.len());
        for target in targets {
            assert!(chosen(&target["datasource"]), "{}", panel["title"]);
            let expression = target["expr"].as_str().unwrap();
            for rest in expression.split('$').skip(1) {
                let variable = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
                let variable = variable.unwrap();
                let known = names.contains(&variable) || variable == "__rate_interval";
                assert!(known, "${variable} in {}", panel["title"]);
            }
        }
    }
}
