//! Pods that do not come up: each trouble is told once, by the detector that knows it, with its cause and its remedy.

use correlator::{Culprit, Severity};

use crate::stage::{commands, only, opened, play};

const NOT_FOUND: &str = r#"Failed to pull image \"registry.example/web:v3\": rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/web:v3\": failed to resolve reference \"registry.example/web:v3\": registry.example/web:v3: not found"#;

#[test]
fn an_image_that_does_not_exist_goes_back_to_the_one_before() {
    let said = play(&format!(
        "
         deployment shop/web wants 2 ready 2 updated 1 rollout 4 from 3 10s ago changed app image registry.example/web:v2 -> registry.example/web:v3
         at 1s  pod shop/web-1 pending on n1 of Deployment/web container app image registry.example/web:v3
         at 2s  shop/web-1 waiting ErrImagePull \"{NOT_FOUND}\"
         at 20s shop/web-1 waiting ImagePullBackOff \"Back-off pulling image\"
         at 90s shop/web-1 waiting ErrImagePull \"{NOT_FOUND}\"
         wait 1m"
    ));
    assert_eq!(opened(&said), ["image-pull shop/web-1/app"]);
    let insight = only(&said, "image-pull");
    assert_eq!(
        insight.title,
        "shop/web-1/app cannot get its image registry.example/web:v3: there is no such image or tag"
    );
    assert_eq!(insight.severity, Severity::Warning);
    assert!(
        insight
            .cause
            .starts_with("registry.example answers that it has no such"),
        "{}",
        insight.cause
    );
    assert_eq!(
        commands(insight)[2],
        "kubectl set image deployment/web -n shop app=registry.example/web:v2"
    );
    assert_eq!(
        insight.remedies[1].undo.as_deref(),
        Some("kubectl set image deployment/web -n shop app=registry.example/web:v3")
    );
}

#[test]
fn the_cause_of_a_back_off_is_read_from_the_events() {
    let said = play(
        "
         at 1s  pod shop/web-1 pending on n1 of Deployment/web container app image registry.example/web:v3
         at 2s  event shop/web-1/app Warning Failed \"Failed to pull image \\\"registry.example/web:v3\\\": failed to do request: Head \\\"https://registry.example/v2/web/manifests/v3\\\": dial tcp: lookup registry.example on 10.0.0.2:53: no such host\"
         at 3s  shop/web-1 waiting ImagePullBackOff \"Back-off pulling image \\\"registry.example/web:v3\\\"\"
         wait 2m",
    );
    let insight = only(&said, "image-pull");
    assert!(
        insight.title.ends_with("the registry's name is not resolved"),
        "{}",
        insight.title
    );
    assert_eq!(insight.cause, "the node's resolver has no address for registry.example");
    assert_eq!(insight.suspects[0], Culprit::Node("n1".into()));
    assert!(
        commands(insight).contains(&"kubectl describe node/n1"),
        "{:?}",
        commands(insight)
    );
}

#[test]
fn a_pull_that_fails_for_a_moment_is_no_news() {
    let said = play(
        "
         at 1s  pod shop/web-1 pending on n1 container app image registry.example/web:v3
         at 2s  shop/web-1 waiting ErrImagePull \"dial tcp 192.0.2.1:443: i/o timeout\"
         at 15s shop/web-1 running
         wait 6m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn two_containers_with_one_image_are_one_insight() {
    let said = play(
        "
         at 1s pod shop/web-1 pending on n1 container a image x/y:1 waiting InvalidImageName \"invalid reference format\" container b image x/y:1 waiting InvalidImageName \"invalid reference format\"
         wait 10s",
    );
    assert_eq!(opened(&said), ["image-pull shop/web-1/a"]);
    assert!(
        only(&said, "image-pull").evidence[0].says.starts_with("a, b wait"),
        "{:?}",
        said[0].evidence
    );
}

#[test]
fn a_sandbox_without_addresses_blames_the_node() {
    let said = play(
        "
         node n1
         at 1s pod shop/web-1 pending on n1 of Deployment/web
         at 2s shop/web-1 waiting ContainerCreating
         at 3s event shop/web-1 Warning FailedCreatePodSandBox \"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \\\"0a\\\": plugin type=\\\"bridge\\\" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.244.0.1-10.244.0.254\" x3 every 12s
         wait 1m",
    );
    assert_eq!(opened(&said), ["sandbox-failed shop/web-1"]);
    let insight = only(&said, "sandbox-failed");
    assert_eq!(insight.title, "shop/web-1 gets no sandbox: no pod address is left");
    assert!(insight.cause.contains("10.244.0.1-10.244.0.254"), "{}", insight.cause);
    assert_eq!(insight.suspects[0], Culprit::Node("n1".into()));
    assert_eq!(insight.remedies[1].undo.as_deref(), Some("kubectl uncordon n1"));
}

#[test]
fn a_pod_that_was_up_before_its_node_went_is_set_up_anew() {
    let story = "
         pod shop/web-1 on n1
         at 5s shop/web-1 exits 255 api only stays down
         at 6s shop/web-1 waiting ContainerCreating
         at 7s event shop/web-1 Warning FailedCreatePodSandBox \"Failed to create pod sandbox: cni plugin not initialized\" x9";
    let said = play(&format!("{story}\n         wait 1m"));
    assert_eq!(opened(&said), ["sandbox-failed shop/web-1"]);
    let begun = story.replace("waiting ContainerCreating", "running");
    assert_eq!(
        opened(&play(&format!("{begun}\n         wait 1m"))),
        Vec::<String>::new()
    );
}

#[test]
fn one_failed_sandbox_is_no_news() {
    let said = play(
        "
         at 1s pod shop/web-1 pending on n1
         at 2s shop/web-1 waiting ContainerCreating
         at 3s event shop/web-1 Warning FailedCreatePodSandBox \"Failed to create pod sandbox: cni plugin not initialized\"
         at 40s shop/web-1 running
         wait 6m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn a_volume_that_another_node_has_names_the_pods() {
    let said = play(
        "
         pvc shop/data Bound class fast
         at 1s pod shop/db-1 pending on n2 of StatefulSet/db claims data
         at 2s shop/db-1 waiting ContainerCreating
         at 3s event shop/db-1 Warning FailedAttachVolume \"Multi-Attach error for volume \\\"pvc-1\\\" Volume is already used by pod(s) db-0\" from attachdetach-controller
         at 70s event shop/db-1 Warning FailedMount \"Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: context deadline exceeded\"
         wait 10s",
    );
    assert_eq!(opened(&said), ["mount-failed shop/db-1"]);
    let insight = only(&said, "mount-failed");
    assert_eq!(
        insight.title,
        "shop/db-1 cannot get its volume pvc-1: it is attached to another node"
    );
    assert!(insight.cause.ends_with("use it: db-0"), "{}", insight.cause);
    assert!(
        commands(insight).contains(&"kubectl get volumeattachments"),
        "{:?}",
        commands(insight)
    );
    assert!(
        commands(insight).contains(&"kubectl describe persistentvolumeclaim/data -n shop"),
        "{:?}",
        commands(insight)
    );
}

#[test]
fn a_mount_that_fails_at_first_and_then_works_is_no_news() {
    let said = play(
        "
         at 1s pod shop/web-1 pending on n1
         at 2s shop/web-1 waiting ContainerCreating
         at 3s event shop/web-1 Warning FailedMount \"MountVolume.SetUp failed for volume \\\"config\\\" : configmap \\\"web\\\" not found\"
         at 8s shop/web-1 running
         wait 6m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn a_secret_that_is_not_there_is_named_whoever_misses_it() {
    let container = "
         at 1s pod shop/web-1 pending on n1 of Deployment/web
         at 2s shop/web-1 waiting CreateContainerConfigError \"secret \\\"db\\\" not found\"
         wait 40s";
    let volume = "
         at 1s pod shop/web-1 pending on n1 of Deployment/web
         at 2s shop/web-1 waiting ContainerCreating
         at 3s event shop/web-1 Warning FailedMount \"MountVolume.SetUp failed for volume \\\"db\\\" : secret \\\"db\\\" not found\" x7
         wait 40s";
    for (story, subject) in [(container, "shop/web-1/app"), (volume, "shop/web-1")] {
        let said = play(story);
        assert_eq!(opened(&said), [format!("config-missing {subject}")]);
        let insight = only(&said, "config-missing");
        assert_eq!(
            insight.title,
            format!("{subject} waits for Secret db, which does not exist")
        );
        assert_eq!(commands(insight)[0], "kubectl get secrets -n shop");
    }
}

#[test]
fn a_key_that_is_not_there_offers_the_revision_before() {
    let said = play(
        "
         deployment shop/web wants 2 ready 2 updated 1 rollout 4 from 3 1m ago changed app env - -> \"URL\"
         at 1s pod shop/web-1 pending on n1 of Deployment/web
         at 2s shop/web-1 waiting CreateContainerConfigError \"couldn't find key url in ConfigMap shop/app\"
         wait 40s",
    );
    let insight = only(&said, "config-missing");
    assert_eq!(
        insight.title,
        "shop/web-1/app waits for the key \"url\" of ConfigMap app, which does not exist"
    );
    assert_eq!(insight.severity, Severity::Warning);
    assert!(
        commands(insight).contains(&"kubectl rollout undo deployment/web -n shop --to-revision=3"),
        "{:?}",
        commands(insight)
    );
}

#[test]
fn a_config_map_that_is_made_ten_seconds_later_is_no_news() {
    let said = play(
        "
         at 1s  pod shop/web-1 pending on n1
         at 2s  shop/web-1 waiting CreateContainerConfigError \"configmap \\\"web\\\" not found\"
         at 12s shop/web-1 running
         wait 6m",
    );
    assert_eq!(opened(&said), Vec::<String>::new());
}
