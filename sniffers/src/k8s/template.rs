//! What changed between two pod templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::ProbeSpec;
use correlator::object::{Change, Field};

use super::probe::probe_spec;
use super::prune::Pruner;
use super::wire::{self, Amounts, Probe, TemplateContainer};

/// Containers of a template that are compared, and variables of one.
const CONTAINERS: usize = 64;
const VARIABLES: usize = 256;
const IMAGE: usize = 512;
const COMMAND: usize = 1024;

/// What is compared of a pod template: each part and what it is. Parts that a container can have more than once are
/// told apart by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Template(BTreeMap<Part, Arc<str>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    container: Arc<str>,
    field: Field,
    name: Arc<str>,
}

/// Takes from a template what is compared.
pub(super) fn template(template: Option<&wire::Template>, pruner: &mut Pruner) -> Template {
    let spec = template.and_then(|template| template.spec.as_ref());
    let mut parts = Template::default();
    for list in [
        spec.and_then(|spec| spec.containers.as_deref()),
        spec.and_then(|spec| spec.init_containers.as_deref()),
    ] {
        for container in pruner.first(list, CONTAINERS) {
            parts.add_container(container, pruner);
        }
    }
    parts
}

/// The differences, by container and field. Of a container that comes or goes nothing else is told.
pub(super) fn difference(before: &Template, after: &Template) -> Vec<Change> {
    let differing = before.0.iter().filter(|(part, value)| after.0.get(part) != Some(value));
    let new = after.0.iter().filter(|(part, _)| !before.0.contains_key(part));
    let mut changes: Vec<(&Part, Change)> = differing
        .map(|(part, value)| (part, part.change(Some(value), after.0.get(part))))
        .chain(new.map(|(part, value)| (part, part.change(None, Some(value)))))
        .filter(|(part, _)| part.field == Field::Container || [before, after].iter().all(|side| side.has(part)))
        .collect();
    changes.sort_by_key(|(part, _)| *part);
    changes.into_iter().map(|(_, change)| change).collect()
}

impl Part {
    fn of(container: &Arc<str>, field: Field) -> Self {
        Self {
            container: container.clone(),
            field,
            name: Arc::default(),
        }
    }

    fn change(&self, before: Option<&Arc<str>>, after: Option<&Arc<str>>) -> Change {
        Change {
            container: self.container.clone(),
            field: self.field,
            before: before.cloned(),
            after: after.cloned(),
        }
    }
}

impl Template {
    /// Whether the container of a part is there.
    fn has(&self, part: &Part) -> bool {
        self.0.contains_key(&Part::of(&part.container, Field::Container))
    }

    fn add_container(&mut self, container: &TemplateContainer, pruner: &mut Pruner) {
        let name = pruner.name(Some(&container.name));
        let command = words(container);
        self.add(&name, Field::Container, Some(&name), pruner);
        self.add(&name, Field::Image, container.image.as_deref(), pruner);
        self.add(&name, Field::Command, command.as_deref(), pruner);
        for variable in pruner.first(container.env.as_deref(), VARIABLES) {
            let variable = pruner.name(variable.name.as_deref());
            let part = Part {
                name: variable.clone(),
                ..Part::of(&name, Field::Env)
            };
            self.0.insert(part, variable);
        }
        let resources = container.resources.as_ref();
        let limits = resources.and_then(|resources| resources.limits.as_ref());
        let requests = resources.and_then(|resources| resources.requests.as_ref());
        self.add(&name, Field::MemoryLimit, memory(limits), pruner);
        self.add(&name, Field::MemoryRequest, memory(requests), pruner);
        self.add(&name, Field::CpuLimit, cpu(limits), pruner);
        self.add(&name, Field::CpuRequest, cpu(requests), pruner);
        for (field, probe) in [
            (Field::LivenessProbe, &container.liveness_probe),
            (Field::ReadinessProbe, &container.readiness_probe),
            (Field::StartupProbe, &container.startup_probe),
        ] {
            let probe = probe.as_ref().and_then(in_words);
            self.add(&name, field, probe.as_deref(), pruner);
        }
    }

    fn add(&mut self, container: &Arc<str>, field: Field, value: Option<&str>, pruner: &mut Pruner) {
        if let Some(value) = value {
            let most = if field == Field::Image { IMAGE } else { COMMAND };
            self.0
                .insert(Part::of(container, field), pruner.shared(Some(value), most));
        }
    }
}

fn words(container: &TemplateContainer) -> Option<String> {
    let words: Vec<&str> = container
        .command
        .iter()
        .chain(&container.args)
        .flatten()
        .map(String::as_str)
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The API server writes quantities in one form only, so that their text can be compared.
fn memory(amounts: Option<&Amounts>) -> Option<&str> {
    amounts?.memory.as_deref()
}

fn cpu(amounts: Option<&Amounts>) -> Option<&str> {
    amounts?.cpu.as_deref()
}

/// One line that tells two probes apart.
fn in_words(probe: &Probe) -> Option<String> {
    let ProbeSpec {
        action,
        delay,
        period,
        timeout,
        failures,
        ..
    } = probe_spec(probe)?;
    Some(format!(
        "{action}, every {period} s after {delay} s, timeout {timeout} s, {failures} failures"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(containers: &Value) -> Template {
        let wire = json!({"spec": {"containers": containers, "initContainers": null}});
        template(Some(&serde_json::from_value(wire).unwrap()), &mut Pruner::default())
    }

    /// `app image: web:1 -> web:2`.
    fn told(before: &Value, after: &Value) -> Vec<String> {
        let changes = difference(&read(before), &read(after));
        let text = |side: Option<Arc<str>>| side.map_or("-".to_owned(), |side| side.to_string());
        changes
            .into_iter()
            .map(|change| {
                let field = serde_json::to_value(change.field).unwrap();
                let field = field.as_str().unwrap();
                format!(
                    "{} {field}: {} -> {}",
                    change.container,
                    text(change.before),
                    text(change.after)
                )
            })
            .collect()
    }

    #[test]
    fn every_part_that_is_read_is_compared() {
        let before = json!([{
            "name": "app", "image": "web:1", "command": ["serve"], "args": ["--port", "80"],
            "resources": {"limits": {"memory": "1Gi", "cpu": "1"}, "requests": {"memory": "1Gi"}},
            "readinessProbe": {"httpGet": {"port": 80}},
            "livenessProbe": {"tcpSocket": {"port": 80}},
        }]);
        let after = json!([{
            "name": "app", "image": "web:2", "command": ["serve"], "args": ["--port", "8080"],
            "resources": {"limits": {"memory": "256Mi"}, "requests": {"memory": "1Gi", "cpu": "100m"}},
            "readinessProbe": {"httpGet": {"port": 80}, "timeoutSeconds": 5},
            "startupProbe": {"tcpSocket": {"port": 80}},
        }]);
        let expected = [
            "app image: web:1 -> web:2",
            "app command: serve --port 80 -> serve --port 8080",
            "app memory-limit: 1Gi -> 256Mi",
            "app cpu-limit: 1 -> -",
            "app cpu-request: - -> 100m",
            "app liveness-probe: tcp :80, every 10 s after 0 s, timeout 1 s, 3 failures -> -",
            "app readiness-probe: http GET :80/, every 10 s after 0 s, timeout 1 s, 3 failures -> \
             http GET :80/, every 10 s after 0 s, timeout 5 s, 3 failures",
            "app startup-probe: - -> tcp :80, every 10 s after 0 s, timeout 1 s, 3 failures",
        ];
        assert_eq!(told(&before, &after), expected);
    }

    #[test]
    fn names_of_variables_are_compared_and_values_never_read() {
        let before =
            json!([{"name": "app", "env": [{"name": "OLD", "value": "1"}, {"name": "SAME", "value": "s3cret"}]}]);
        let after =
            json!([{"name": "app", "env": [{"name": "NEW", "value": "2"}, {"name": "SAME", "value": "other"}]}]);
        assert!(!format!("{:?}", read(&before)).contains("s3cret"));
        assert_eq!(told(&before, &after), ["app env: - -> NEW", "app env: OLD -> -"]);
    }

    #[test]
    fn a_container_that_comes_or_goes_is_one_change() {
        let one = json!([{"name": "app", "image": "web:1"}]);
        let two =
            json!([{"name": "app", "image": "web:1"}, {"name": "proxy", "image": "envoy:1", "env": [{"name": "A"}]}]);
        assert_eq!(told(&one, &two), ["proxy container: - -> proxy"]);
        assert_eq!(told(&two, &one), ["proxy container: proxy -> -"]);
    }

    #[test]
    fn equal_templates_do_not_differ_whatever_their_order() {
        let one = json!([{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]);
        let other = json!([{"name": "b", "image": "y"}, {"name": "a", "image": "x"}]);
        assert!(told(&one, &other).is_empty());
        assert_eq!(template(None, &mut Pruner::default()), Template::default());
    }
}
