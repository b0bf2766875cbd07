//! What is asked of the API server, what the sniffer says it asks, and what `deploy/manifests/tapio.yaml` allows are the same.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// Group, resource, verb.
type Right = (String, String, String);

fn right(group: &str, resource: &str, verb: &str) -> Right {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}

fn asked(config: &Config) -> BTreeSet<Right> {
    let of = |rule: Rule| {
        rule.verbs
            .iter()
            .map(move |verb| right(rule.group, rule.resource, verb))
    };
    rules(config).into_iter().flat_map(of).collect()
}

fn agent() -> Config {
    Config {
        node: Some("n1".to_owned()),
        ..Config::default()
    }
}

fn cluster() -> Config {
    Config {
        elect: Some("tapio-system/tapio".parse().unwrap()),
        ..Config::default()
    }
}

/// The objects of the file.
fn manifest() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/manifests/tapio.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    text.split("\n---\n")
        .skip(1)
        .map(|object| serde_saphyr::from_str(object).unwrap())
        .collect()
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

/// What a service account may do, through the roles that are bound to it.
fn allowed(objects: &[Value], account: &str) -> BTreeSet<Right> {
    let bound = objects.iter().filter(|object| {
        let subjects = object["subjects"].as_array().into_iter().flatten();
        subjects
            .into_iter()
            .any(|subject| subject["name"] == account && subject["namespace"] == "tapio-system")
    });
    let mut rights = BTreeSet::new();
    for binding in bound {
        let reference = &binding["roleRef"];
        let role = objects.iter().find(|object| {
            object["kind"] == reference["kind"]
                && object["metadata"]["name"] == reference["name"]
                && object["metadata"]["namespace"] == binding["metadata"]["namespace"]
        });
        for rule in role.unwrap()["rules"].as_array().unwrap() {
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    rights.extend(words(&rule["verbs"]).iter().map(|verb| right(group, resource, verb)));
                }
            }
        }
    }
    rights
}

#[test]
fn the_roles_allow_what_is_asked_and_nothing_else() {
    let objects = manifest();
    assert_eq!(allowed(&objects, "tapio-agent"), asked(&agent()));
    assert_eq!(allowed(&objects, "tapio-cluster"), asked(&cluster()));
    let accounts = objects.iter().filter(|object| object["kind"] == "ServiceAccount");
    let names: Vec<_> = accounts
        .map(|account| account["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["tapio-agent", "tapio-cluster"]);
}

#[test]
fn nobody_asks_for_secrets_config_maps_or_everything() {
    for (group, resource, verb) in asked(&cluster()).into_iter().chain(asked(&agent())) {
        assert!(!["secrets", "configmaps"].contains(&resource.as_str()), "{resource}");
        assert!(![group, resource, verb].contains(&"*".to_owned()));
    }
}

/// The right that a request needs; none for `/version`.
fn needed(method: &str, path: &str, is_watch: bool) -> Option<Right> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (resource, is_named) = match rest {
        ["namespaces", _, resource] | [resource] => (*resource, false),
        ["namespaces", _, resource, _] | [resource, _] => (*resource, true),
        _ => panic!("what does {path} need?"),
    };
    let verb = match (method, is_watch, is_named) {
        ("GET", true, _) => "watch",
        ("GET", false, false) => "list",
        ("GET", false, true) => "get",
        ("POST", ..) => "create",
        ("PUT", ..) => "update",
        ("PATCH", ..) => "patch",
        _ => panic!("what does {method} {path} need?"),
    };
    Some(right(group, resource, verb))
}

#[tokio::test]
async fn a_run_asks_for_what_the_rules_say() {
    for config in [agent(), cluster()] {
        let story = Story::begin(server_with(&["web-0"]), config.clone());
        for rule in rules(&config).iter().filter(|rule| rule.verbs.contains(&"watch")) {
            story.watching(rule.resource).await;
        }
        let Story {
            server, stop, sniffer, ..
        } = story;
        stop.cancel();
        sniffer.await.unwrap().unwrap();
        let requests = server.requests();
        let used: BTreeSet<Right> = requests
            .iter()
            .filter_map(|request| needed(&request.method, &request.path, request.is_watch()))
            .collect();
        assert_eq!(used, asked(&config));
    }
}
