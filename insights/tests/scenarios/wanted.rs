//! What is not wanted is not said, and what others make of it is.

use correlator::{Severity, Status, Wanted};

use crate::stage::{only, opened, play, play_wanted};

fn without(id: &'static str) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.choose(id, None);
    wanted
}

#[test]
fn a_crash_loop_names_its_cause_although_nobody_wants_to_hear_of_the_kills() {
    let story = include_str!("../fires/oom-killed-again-and-again.scenario");
    assert_eq!(opened(&play(story)), ["oom-killed shop/cart-1/app"]);
    let said = play_wanted(story, without("oom-killed"));
    let insight = only(&said, "crash-loop");
    assert!(insight.title.contains("OOM-killed"), "{}", insight.title);
    assert!(
        said.iter().all(|insight| insight.id == "crash-loop"),
        "{:?}",
        opened(&said)
    );
}

#[test]
fn a_service_without_endpoints_is_told_although_nobody_wants_to_hear_of_its_callers() {
    let story = include_str!("../fires/no-endpoints-called.scenario");
    assert!(play(story).iter().any(|insight| insight.id == "connect-refused"));
    let said = play_wanted(story, without("connect-refused"));
    only(&said, "no-endpoints");
    assert!(said.iter().all(|insight| insight.id != "connect-refused"));
}

#[test]
fn what_is_not_wanted_makes_no_wave() {
    let story = include_str!("../fires/cluster-wide-crash-loops.scenario");
    only(&play(story), "cluster-wide");
    assert_eq!(opened(&play_wanted(story, without("crash-loop"))), [""; 0]);
}

#[test]
fn what_is_not_wanted_does_not_keep_a_workload_from_telling_that_pods_are_missing() {
    let story = "
        pod shop/db-0 on n1 of StatefulSet/db
        statefulset shop/db wants 2
        at 1s statefulset shop/db wants 2 ready 1
        at 1s pod shop/db-1 pending on n1 of StatefulSet/db image registry.example/db:v9
        at 5s shop/db-1 waiting ErrImagePull \"registry.example/db:v9: not found\"
        wait 6m";
    assert_eq!(opened(&play(story)), ["image-pull shop/db-1/app"]);
    let said = play_wanted(story, without("image-pull"));
    assert_eq!(opened(&said), ["replicas-missing statefulset shop/db"]);
}

#[test]
fn what_gets_worse_is_said_when_it_is_severe_enough() {
    let story = "
        node n1
        at 1s pod shop/web-1 pending of Deployment/web container app cpu-request 500m
        deployment shop/web wants 2 ready 1
        shop/web-1 condition PodScheduled False Unschedulable \"0/1 nodes are available: 1 Too many pods.\"
        wait 6m";
    let mut wanted = Wanted::default();
    wanted.choose("unschedulable", Some(Severity::Critical));
    let verdicts = |wanted| {
        let said = play_wanted(story, wanted).into_iter();
        let ours = said.filter(|insight| insight.id == "unschedulable");
        ours.map(|insight| (insight.status, insight.severity))
            .collect::<Vec<_>>()
    };
    let warning = (Status::Opened, Severity::Warning);
    assert_eq!(
        verdicts(Wanted::default()),
        [warning, (Status::Updated, Severity::Critical)]
    );
    assert_eq!(verdicts(wanted), [(Status::Opened, Severity::Critical)]);
}
