//! What commands look like, and what the packaged kubectl makes of them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use correlator::Owner;
use serde_json::{Value, json};

use super::*;

fn pod() -> PodIdentity {
    PodIdentity {
        namespace: Some("shop".into()),
        pod: Some("web-1".into()),
        owner: Some(Owner {
            kind: "Deployment".into(),
            name: "web".into(),
        }),
        ..Default::default()
    }
}

fn web() -> Target {
    Target::owner(&pod()).unwrap()
}

fn memory(amount: &str) -> Resources {
    Resources {
        limits: vec![("memory".into(), amount.into())],
        requests: vec![("cpu".into(), "250m".into()), ("memory".into(), "64Mi".into())],
    }
}

/// Every command that changes or reads something over the network, as it is called.
fn all() -> Vec<Kubectl> {
    let (web, node) = (web(), Target::node("node-a").unwrap());
    let body = json!({"spec": {"paused": false}});
    let known = [
        set_image(&web, "app", "registry.example/web:v1"),
        set_resources(&web, "app", &memory("256Mi")),
        rollout_undo(&web, None),
        rollout_undo(&web, Some(3)),
        rollout_restart(&web),
        scale(&web, 2),
        cordon(&node),
        uncordon(&node),
        drain(&node),
        list("configmaps", "shop"),
        list_all("nodes"),
        logs(&Target::pod(&pod()).unwrap(), "app", Run::Current),
        logs(&Target::pod(&pod()).unwrap(), "app", Run::Previous),
        rollout_status(&web),
        rollout_history(&web, None),
        rollout_history(&web, Some(2)),
    ];
    let certain = [
        patch(&web, PatchType::Merge, &body),
        describe(&web),
        get(&web, "yaml"),
        get(&node, "jsonpath={.spec.taints}"),
        delete(&Target::pod(&pod()).unwrap()),
    ];
    known.into_iter().map(Option::unwrap).chain(certain).collect()
}

#[test]
fn a_hostile_name_gets_no_command() {
    for name in ["-rf", "a;b", "$(rm)", "a\nb", "A", "a..b", ""] {
        let pod = PodIdentity {
            pod: Some(name.into()),
            ..pod()
        };
        assert_eq!(on_pod(&["logs"], &pod), None, "{name:?}");
        assert_eq!(Target::pod(&pod), None, "{name:?}");
        assert_eq!(Target::node(name), None, "{name:?}");
        assert_eq!(logs(&Target::pod(&self::pod()).unwrap(), name, Run::Current), None);
        assert_eq!(set_image(&web(), name, "nginx"), None, "{name:?}");
        assert_eq!(set_resources(&web(), name, &memory("1Gi")), None, "{name:?}");
    }
    assert_eq!(set_image(&web(), "app", "nginx --all"), None);
    assert_eq!(set_resources(&web(), "app", &memory("1Gi,cpu=9")), None);
    assert_eq!(set_resources(&web(), "app", &Resources::default()), None);
}

#[test]
fn a_command_reads_as_a_person_would_type_it() {
    let told: Vec<String> = all().iter().map(Kubectl::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    kubectl set image deployment/web -n shop app=registry.example/web:v1
    kubectl set resources deployment/web -n shop -c app --limits=memory=256Mi --requests=cpu=250m,memory=64Mi
    kubectl rollout undo deployment/web -n shop
    kubectl rollout undo deployment/web -n shop --to-revision=3
    kubectl rollout restart deployment/web -n shop
    kubectl scale deployment/web -n shop --replicas=2
    kubectl cordon node-a
    kubectl uncordon node-a
    kubectl drain node-a --ignore-daemonsets
    kubectl get configmaps -n shop
    kubectl get nodes
    kubectl logs web-1 -n shop -c app --tail=50
    kubectl logs web-1 -n shop -c app --tail=50 --previous
    kubectl rollout status deployment/web -n shop
    kubectl rollout history deployment/web -n shop
    kubectl rollout history deployment/web -n shop --revision=2
    kubectl patch deployment/web -n shop --type=merge '--patch={"spec":{"paused":false}}'
    kubectl describe deployment/web -n shop
    kubectl get deployment/web -n shop --output=yaml
    kubectl get node/node-a '--output=jsonpath={.spec.taints}'
    kubectl delete pod/web-1 -n shop
    "#);
}

#[test]
fn what_a_kind_does_not_have_gets_no_command() {
    let job = PodIdentity {
        owner: Some(Owner {
            kind: "Job".into(),
            name: "import".into(),
        }),
        ..pod()
    };
    let job = Target::owner(&job).unwrap();
    assert_eq!(rollout_undo(&job, None), None);
    assert_eq!(rollout_status(&job), None);
    assert_eq!(scale(&job, 0), None);
    assert_eq!(drain(&job), None);
}

/// Runs the packaged kubectl; `None` with the reason said when there is none.
fn run(test: &str, words: &[String], input: &str) -> Option<Output> {
    let mut command = Command::new("kubectl");
    command.args(words).env_remove("KUBECONFIG").env("HOME", "/nonexistent");
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = piped.spawn() else {
        fixtures::skipped(test, "kubectl is not installed (Debian package kubernetes-client)");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// What kubectl makes of the Deployment `web` by a command that needs no server.
fn locally(test: &str, command: &Kubectl) -> Option<Value> {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "web:v2"}, {"name": "proxy", "image": "proxy:v1"}]},
            },
        },
    });
    let is_target = |word: &&String| *word != "deployment/web" && *word != "-n" && *word != "shop";
    let mut words: Vec<String> = command.words().iter().filter(is_target).cloned().collect();
    words.extend(["--local", "-f", "-", "-o", "json"].map(str::to_owned));
    let out = run(test, &words, &deployment.to_string())?;
    assert!(
        out.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    Some(serde_json::from_slice(&out.stdout).unwrap())
}

#[test]
fn kubectl_sets_the_image_of_that_container_alone() {
    let command = set_image(&web(), "app", "registry.example/web:v1").unwrap();
    let Some(after) = locally("set image", &command) else {
        return;
    };
    let containers = &after["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "registry.example/web:v1");
    assert_eq!(containers[1]["image"], "proxy:v1");
}

#[test]
fn kubectl_sets_limits_and_requests_of_that_container_alone() {
    let command = set_resources(&web(), "app", &memory("256Mi")).unwrap();
    let Some(after) = locally("set resources", &command) else {
        return;
    };
    let containers = &after["spec"]["template"]["spec"]["containers"];
    let wanted = json!({"limits": {"memory": "256Mi"}, "requests": {"cpu": "250m", "memory": "64Mi"}});
    assert_eq!(containers[0]["resources"], wanted);
    assert_ne!(containers[1]["resources"], wanted);
}

#[test]
fn kubectl_understands_each_type_of_patch() {
    let strategic =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:it's v2"}]}}}});
    let merge = json!({"spec": {"template": {"spec": {"containers": [{"name": "only", "image": "o:1"}]}}}});
    let operations = json!([{"op": "remove", "path": "/spec/template/spec/containers/0"}]);
    for (how, body, left) in [
        (PatchType::Strategic, strategic, json!(["web:v2", "proxy:it's v2"])),
        (PatchType::Merge, merge, json!(["o:1"])),
        (PatchType::Json, operations, json!(["proxy:v1"])),
    ] {
        let Some(after) = locally("patch", &patch(&web(), how, &body)) else {
            return;
        };
        let containers = after["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        let mut images: Vec<&str> = containers.iter().filter_map(|one| one["image"].as_str()).collect();
        images.sort_by_key(|image| !image.starts_with("web"));
        assert_eq!(json!(images), left, "{how:?}");
    }
}

#[test]
fn kubectl_knows_every_verb_and_flag() {
    for command in all() {
        let mut words = command.words().to_vec();
        words.extend(["--server=http://127.0.0.1:1", "--request-timeout=2s"].map(str::to_owned));
        let Some(out) = run("verbs", &words, "") else { return };
        let says = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && says.contains("refused"), "{command}: {says}");
    }
}
