//! Each detector fires on its problem, names the cause and offers a command bound to what was seen.

use crate::stage::{only, opened, play, said, said_until};
use correlator::{Event, Outcome, Severity, Status, Subject, Termination, signals};
use fixtures::events::{
    Pod, blind, connect, count, ended, exit, exited, gauge, killed, mib, millis, node_state, oom_kill, pod, pod_state,
    refused, secs, signalled, warning,
};

fn cart() -> Pod {
    pod("shop", "cart-1")
        .owner("Deployment", "cart")
        .container("app")
        .id("c1")
        .memory_limit(mib(64))
        .running(secs(10))
}

fn oom_story(pod: &Pod) -> Vec<Event> {
    let app = pod.subject();
    let mut story = vec![pod_state(secs(10), pod)];
    for second in 0..10 {
        let used = mib(6 * (second + 1)) as f64;
        story.push(gauge(secs(10 + second), &app, signals::MEMORY_UNRECLAIMABLE, used));
        story.push(gauge(secs(10 + second), &app, signals::MEMORY_USAGE, used));
        story.push(gauge(secs(10 + second), &app, signals::MEMORY_LIMIT, mib(64) as f64));
    }
    story.push(oom_kill(secs(20), &app, killed(mib(64))));
    story.push(exit(millis(20_050), &app, signalled(9)));
    story
}

/// The same kill as the kubelet and the cgroup counter tell it later.
fn other_witnesses(pod: &Pod) -> Vec<Event> {
    let end = Termination {
        reason: "OOMKilled".into(),
        container_id: "c1".into(),
        ..ended(secs(20), 137)
    };
    let after = pod.clone().id("c2").restarts(1).last(end).running(secs(21));
    vec![
        count(millis(20_500), &pod.subject(), signals::MEMORY_OOM_KILLS, 1),
        pod_state(secs(21), &after),
    ]
}

#[test]
fn one_kill_told_by_three_witnesses_is_one_insight() {
    let said = play(
        "
        pod shop/cart-1 of Deployment/cart limit 64Mi | memory 6Mi +6Mi/s for 9s
        at 10s shop/cart-1 oom-killed
        wait 5s
        ",
    );
    assert_eq!(opened(&said), ["oom-killed shop/cart-1/app"]);
    let insight = only(&said, "oom-killed");
    assert_eq!(
        insight.title,
        "shop/cart-1/app was OOM-killed at its memory limit of 64 MiB"
    );
    assert!(
        insight.cause.contains("grew from 6 MiB to 60 MiB in 9 s"),
        "{}",
        insight.cause
    );
    let commands = &insight.remedies[1].commands;
    assert_eq!(
        commands,
        &["kubectl set resources deployment/cart -n shop -c app --limits=memory=192Mi"]
    );
}

#[test]
fn without_the_kernel_the_api_server_is_witness_enough() {
    let pod = cart();
    let mut story = vec![pod_state(secs(10), &pod)];
    story.extend(other_witnesses(&pod).split_off(1));
    let said = said(story);
    let insight = only(&said, "oom-killed");
    assert!(insight.cause.contains("the victim is not known"), "{}", insight.cause);
}

#[test]
fn a_kill_of_the_node_does_not_sell_a_higher_limit() {
    let pod = cart();
    let kill = correlator::OomKill {
        limit: None,
        usage: None,
        ..killed(mib(30))
    };
    let said = said(vec![
        pod_state(secs(10), &pod),
        oom_kill(secs(20), &pod.subject(), kill),
    ]);
    let insight = only(&said, "oom-killed-node");
    assert!(
        insight.cause.starts_with("the node ran out of memory"),
        "{}",
        insight.cause
    );
    assert!(insight.remedies.iter().all(|remedy| !remedy.title.contains("limit")));
}

#[test]
fn a_limit_that_the_node_cannot_give_says_so() {
    let pod = cart();
    let state = correlator::NodeState {
        allocatable_memory: Some(mib(100)),
        ..Default::default()
    };
    let mut story = oom_story(&pod);
    story.push(node_state(secs(1), "node-a", state));
    let said = said(story);
    let needs = only(&said, "oom-killed").remedies[1].needs.clone();
    assert_eq!(
        needs.as_deref(),
        Some("a node with more than 100 MiB allocatable memory")
    );
}

/// Three rounds in which the container ends as `end` says, told by the API server.
fn rounds(pod: &Pod, end: &Termination) -> Vec<Event> {
    let round = |n: u64| {
        let end = Termination {
            container_id: format!("c{n}").into(),
            ..shifted(end, 20 * n)
        };
        let restarts = u32::try_from(n).unwrap();
        let next = pod
            .clone()
            .id(&format!("c{}", n + 1))
            .restarts(restarts)
            .last(end)
            .running(secs(20 * n + 5));
        pod_state(secs(20 * n + 5), &next)
    };
    (1..=3).map(round).collect()
}

fn shifted(end: &Termination, second: u64) -> Termination {
    Termination {
        started: Some(secs(second - 8)),
        finished: Some(secs(second)),
        ..end.clone()
    }
}

#[test]
fn each_exit_status_has_its_own_cause() {
    let status = |code: i32, reason: &str| Termination {
        reason: reason.into(),
        ..ended(secs(0), code)
    };
    let cases = [
        (status(1, "Error"), "exits with code 1"),
        (status(0, "Completed"), "it finishes and is started again"),
        (status(127, "Error"), "the command was not found in the image"),
        (status(126, "Error"), "the command was found but may not be executed"),
        (status(128, "StartError"), "the runtime could not start the command"),
        (status(139, "Error"), "ended by SIGSEGV (bad memory access)"),
        (status(137, "Error"), "ended by SIGKILL, by whom is not known"),
    ];
    for (end, headline) in cases {
        let said = said(rounds(&cart(), &end));
        let title = &only(&said, "crash-loop").title;
        assert_eq!(*title, format!("shop/cart-1/app is in a crash loop: {headline}"));
    }
}

#[test]
fn exit_137_after_a_failed_probe_is_a_liveness_kill() {
    let pod = cart();
    let mut story = rounds(&pod, &ended(secs(0), 137));
    let of_pod = pod.pod_subject();
    story.push(warning(
        secs(38),
        &of_pod,
        "Unhealthy",
        "Liveness probe failed: HTTP probe failed with statuscode: 500",
    ));
    let said = said(story);
    let insight = only(&said, "liveness-kill");
    assert_eq!(
        insight.title,
        "shop/cart-1/app is killed because its liveness probe fails: it answers 500"
    );
    assert_eq!(opened(&said), ["liveness-kill shop/cart-1/app"]);
}

#[test]
fn exit_137_is_not_judged_while_oom_kills_go_unseen() {
    let mut story = rounds(&cart(), &ended(secs(0), 137));
    story.push(blind(secs(1), "ebpf", "the kernel", "no BTF", "use another kernel"));
    let said = said(story);
    let insight = only(&said, "crash-loop");
    assert!(
        insight.cause.contains("whether by the OOM killer is unknown"),
        "{}",
        insight.cause
    );
    assert_eq!(insight.blind.len(), 1);
}

#[test]
fn a_loop_that_began_before_tapio_is_told_from_the_restart_count() {
    let last = Termination {
        container_id: "c4".into(),
        ..ended(secs(580), 1)
    };
    let state = cart().id("c5").restarts(5).last(last).running(secs(590));
    let said = said(vec![pod_state(secs(600), &state)]);
    assert_eq!(only(&said, "crash-loop").severity, Severity::Critical);
}

#[test]
fn a_back_off_event_is_enough_without_the_waiting_reason() {
    let pod = cart().restarts(9);
    let mut event = warning(
        secs(90_000),
        &pod.pod_subject(),
        "BackOff",
        "Back-off restarting failed container app in pod cart-1_shop(uid-cart-1)",
    );
    if let correlator::Body::Fact(correlator::Fact::Event(event)) = &mut event.body {
        event.container = Some("app".into());
    }
    let said = said(vec![pod_state(secs(89_000), &pod), event]);
    assert!(only(&said, "crash-loop").title.ends_with("cause unknown"));
}

#[test]
fn a_crash_after_a_refused_connect_names_the_dependency() {
    let database = pod("shop", "db-0")
        .container("postgres")
        .id("d1")
        .ip([10, 0, 0, 9])
        .running(secs(1));
    let mut story = vec![pod_state(secs(1), &database)];
    story.extend(rounds(&cart(), &ended(secs(0), 1)));
    for n in 1..=3 {
        let run = cart().id(&format!("c{n}")).subject();
        story.push(refused(millis(20_000 * n - 200), &run, "10.0.0.9:5432"));
        story.push(exit(secs(20 * n), &run, exited(1)));
    }
    let said = said(story);
    let insight = only(&said, "crash-loop");
    assert!(
        insight
            .title
            .ends_with("exits with code 1 after a failed connect to shop/db-0 (10.0.0.9:5432)"),
        "{}",
        insight.title
    );
    assert!(
        insight.cause.contains("(refused) and 200 ms later"),
        "{}",
        insight.cause
    );
    assert!(insight.is_correlation());
    only(&said, "connect-refused");
}

#[test]
fn without_the_api_server_a_pod_in_a_loop_is_known_by_its_uid() {
    let runs = (1..=3u64).map(|n| {
        let subject = match cart().id(&format!("c{n}")).subject() {
            Subject::Container(id) => Subject::Container(std::sync::Arc::new(correlator::PodIdentity {
                uid: id.uid.clone(),
                container_id: id.container_id.clone(),
                ..Default::default()
            })),
            other => other,
        };
        exit(secs(20 * n), &subject, exited(3))
    });
    let said = said(runs.collect());
    assert_eq!(opened(&said), ["crash-loop pod uid-cart-1"]);
}

#[test]
fn a_peer_that_refuses_is_named_with_its_state() {
    let database = pod("shop", "db-0")
        .container("postgres")
        .id("d1")
        .ip([10, 0, 0, 9])
        .port(5433)
        .running(secs(1));
    let app = cart();
    let mut story = vec![pod_state(secs(1), &database), pod_state(secs(1), &app)];
    story.extend((0..3).map(|n| refused(millis(20_000 + n * 300), &app.subject(), "10.0.0.9:5432")));
    let said = said(story);
    let insight = only(&said, "connect-refused");
    assert_eq!(insight.title, "shop/cart-1/app is refused by shop/db-0 (10.0.0.9:5432)");
    assert_eq!(
        insight.cause,
        "shop/db-0 runs but its containers name port 5433, not 5432"
    );
    assert_eq!(insight.remedies[0].commands[0], "kubectl describe pod db-0 -n shop");
}

#[test]
fn many_refusals_are_critical_and_resolved_when_they_end() {
    let app = cart();
    let mut story = vec![pod_state(secs(1), &app)];
    story.extend((0..40).map(|n| refused(millis(20_000 + n * 500), &app.subject(), "10.0.0.9:5432")));
    let said = said_until(story, 130);
    let of_it: Vec<(Status, Severity)> = said
        .iter()
        .filter(|i| i.id == "connect-refused")
        .map(|i| (i.status, i.severity))
        .collect();
    let expected = [
        (Status::Opened, Severity::Warning),
        (Status::Updated, Severity::Critical),
        (Status::Resolved, Severity::Info),
    ];
    assert_eq!(of_it[..2], expected[..2]);
    assert_eq!(of_it.last(), expected.last());
}

#[test]
fn a_steady_leak_is_announced_with_an_interval_that_holds_the_truth() {
    let app = cart().memory_limit(mib(1000));
    let mut story = vec![pod_state(secs(10), &app)];
    for second in 0..174u64 {
        let noise = (second * 7919 % 13) as f64 * 50_000.0;
        let used = (mib(300) + mib(4) * second) as f64 + noise;
        story.push(gauge(
            secs(10 + second),
            &app.subject(),
            signals::MEMORY_UNRECLAIMABLE,
            used,
        ));
        story.push(gauge(
            secs(10 + second),
            &app.subject(),
            signals::MEMORY_LIMIT,
            mib(1000) as f64,
        ));
    }
    let said = said(story);
    let insight = only(&said, "oom-trend");
    let prediction = insight.prediction.as_ref().unwrap();
    let truth = secs(10 + 175).since(insight.at).as_secs_f64();
    let [low, _, high] = prediction.time_to_event.unwrap();
    assert!(low <= truth + 2.0 && truth <= high + 2.0, "{low} {truth} {high}");
    assert!((0.3..=1.0).contains(&prediction.probability));
}

#[test]
fn what_tapio_cannot_see_is_said_after_a_moment() {
    let said = said_until(vec![blind(secs(1), "k8s/pods", "pods", "403 forbidden", "add RBAC")], 3);
    assert_eq!(only(&said, "blind-spot").title, "pods cannot be watched");
}

#[test]
fn a_hostile_name_is_told_and_gets_no_command() {
    let app = pod("shop", "cart;$(reboot)")
        .container("app")
        .id("c1")
        .memory_limit(mib(64))
        .running(secs(1));
    let said = said(oom_story(&app));
    let insight = only(&said, "oom-killed");
    assert!(insight.title.contains("$(reboot)"));
    assert!(insight.remedies.iter().all(|remedy| remedy.commands.is_empty()));
}

#[test]
fn a_connect_that_times_out_before_the_exit_is_quoted_too() {
    let mut story = rounds(&cart(), &ended(secs(0), 2));
    let run = cart().id("c3").subject();
    story.push(connect(secs(58), &run, "10.0.0.9:5432", Outcome::TimedOut));
    let said = said_until(story, 5);
    let last = said.iter().rfind(|i| i.id == "crash-loop").unwrap();
    assert!(
        last.title
            .starts_with("shop/cart-1/app is in a crash loop: exits with code 2"),
        "{}",
        last.title
    );
}
