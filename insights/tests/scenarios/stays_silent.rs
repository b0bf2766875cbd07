//! What is normal in a cluster is not reported.

use crate::stage::{opened, said};
use correlator::{ContainerRole, Engine, Event, Outcome, PodState, Termination, signals};
use fixtures::events::{
    Pod, connect, ended, exit, exited, gauge, killed, mib, millis, oom_kill, pod, pod_deleted, pod_state, refused,
    secs, signalled, warning,
};

fn app() -> Pod {
    pod("shop", "web-1")
        .container("app")
        .id("c1")
        .memory_limit(mib(512))
        .running(secs(1))
}

/// A memory signal of one point a second.
fn memory(pod: &Pod, seconds: u64, used: impl Fn(u64) -> u64) -> Vec<Event> {
    let subject = pod.subject();
    let mut story = vec![pod_state(secs(1), pod)];
    for second in 0..seconds {
        let at = secs(1 + second);
        story.push(gauge(at, &subject, signals::MEMORY_UNRECLAIMABLE, used(second) as f64));
        story.push(gauge(at, &subject, signals::MEMORY_LIMIT, mib(512) as f64));
    }
    story
}

fn assert_silent(story: Vec<Event>) {
    assert_eq!(opened(&said(story)), Vec::<String>::new());
}

#[test]
fn a_healthy_neighbour_of_a_sick_pod() {
    let sick = pod("shop", "cart-1")
        .container("app")
        .id("k1")
        .memory_limit(mib(64))
        .running(secs(1));
    let mut story = memory(&app(), 60, |_| mib(100));
    story.push(pod_state(secs(1), &sick));
    story.push(oom_kill(secs(30), &sick.subject(), killed(mib(64))));
    assert_eq!(opened(&said(story)), ["oom-killed shop/cart-1/app"]);
}

#[test]
fn a_garbage_collected_saw_tooth() {
    assert_silent(memory(&app(), 240, |second| mib(150 + second % 40 * 8)));
}

#[test]
fn growth_that_levels_off() {
    let warm_up = |second: u64| mib(300) - mib(250) / (1 + second * second / 40);
    assert_silent(memory(&app(), 240, warm_up));
}

#[test]
fn a_steady_level_close_to_the_limit() {
    assert_silent(memory(&app(), 240, |second| mib(490) + second * 7919 % 5 * 100_000));
}

#[test]
fn page_cache_that_fills_the_limit() {
    let mut story = memory(&app(), 120, |_| mib(60));
    for second in 0..120 {
        let cache = mib(4 * second).min(mib(450)) as f64;
        story.push(gauge(secs(1 + second), &app().subject(), signals::MEMORY_CACHE, cache));
        story.push(gauge(
            secs(1 + second),
            &app().subject(),
            signals::MEMORY_USAGE,
            cache + mib(60) as f64,
        ));
    }
    assert_silent(story);
}

#[test]
fn one_restart_long_after_another() {
    let last = Termination {
        container_id: "c0".into(),
        ..ended(secs(5), 1)
    };
    assert_silent(vec![
        pod_state(secs(1), &app()),
        pod_state(secs(6), &app().restarts(1).last(last).running(secs(6))),
    ]);
}

#[test]
fn many_restarts_long_ago() {
    let last = Termination {
        container_id: "c0".into(),
        ..ended(secs(10), 137)
    };
    let now = app().restarts(40).last(last).running(secs(20));
    assert_silent(vec![pod_state(secs(100_000), &now)]);
}

#[test]
fn one_crash_now_after_many_restarts_over_months() {
    let last = Termination {
        container_id: "c40".into(),
        ..ended(secs(8_000_000), 1)
    };
    let now = app().id("c41").restarts(41).last(last).running(secs(8_000_001));
    assert_silent(vec![pod_state(secs(8_000_002), &now)]);
}

#[test]
fn an_init_container_that_succeeds_again_in_a_new_sandbox() {
    let done = |n: u64| Termination {
        container_id: format!("i{n}").into(),
        ..ended(secs(10 * n), 0)
    };
    let pod = |n: u64| {
        let pod = pod("shop", "web-1")
            .container("migrate")
            .role(ContainerRole::Init)
            .id(&format!("i{n}"));
        pod.restarts(u32::try_from(n - 1).unwrap())
            .terminated(done(n))
            .container("app")
            .id("c1")
            .running(secs(11))
    };
    assert_silent((1..=3).map(|n| pod_state(secs(10 * n), &pod(n))).collect());
}

#[test]
fn an_oom_kill_of_last_week_told_again_at_start() {
    let last = Termination {
        reason: "OOMKilled".into(),
        container_id: "c0".into(),
        ..ended(secs(10), 137)
    };
    assert_silent(vec![pod_state(
        secs(604_800),
        &app().restarts(1).last(last).running(secs(20)),
    )]);
}

#[test]
fn a_back_off_event_of_this_morning_told_again_at_start() {
    let pod = app().restarts(1).running(secs(80_000));
    let mut event = warning(
        secs(76_000),
        &pod.pod_subject(),
        "BackOff",
        "Back-off restarting failed container app in pod app-1_shop(uid-app-1)",
    );
    if let correlator::Body::Fact(correlator::Fact::Event(event)) = &mut event.body {
        event.container = Some("app".into());
    }
    let mut engine = Engine::new(insights::all(), 100).forecasting(insights::forecaster());
    engine.push(pod_state(secs(90_000), &pod));
    engine.push(event);
    let said: Vec<_> = (0..30)
        .flat_map(|tenth| engine.advance(millis(90_000_000 + 100 * tenth)))
        .collect();
    assert_eq!(opened(&said), Vec::<String>::new());
}

#[test]
fn a_finished_job_and_its_failed_attempts() {
    let failed = |n: u64| {
        pod("batch", &format!("import-{n}"))
            .restart_policy("Never")
            .container("run")
            .id(&format!("j{n}"))
            .terminated(ended(secs(10 + n), 1))
    };
    assert_silent((0..4).map(|n| pod_state(secs(11 + n), &failed(n))).collect());
}

#[test]
fn the_end_of_a_pod_that_was_deleted() {
    let going = app().deleted(secs(5)).terminated(Termination {
        container_id: "c1".into(),
        ..ended(secs(8), 143)
    });
    let story = vec![
        pod_state(secs(1), &app()),
        exit(secs(8), &app().subject(), signalled(15)),
        pod_state(secs(8), &going),
        pod_deleted(secs(9), &app()),
    ];
    assert_silent(story);
}

#[test]
fn short_lived_helpers_inside_a_container() {
    let child = |n: u64| {
        exit(
            secs(2 + n),
            &app().subject(),
            correlator::Exit {
                ns_pid: 77,
                ..exited(1)
            },
        )
    };
    let mut story = vec![pod_state(secs(1), &app())];
    story.extend((0..20).map(child));
    assert_silent(story);
}

#[test]
fn two_refusals_while_a_dependency_starts() {
    let story = vec![
        pod_state(secs(1), &app()),
        refused(secs(2), &app().subject(), "10.0.0.9:5432"),
        refused(secs(3), &app().subject(), "10.0.0.9:5432"),
    ];
    assert_silent(story);
}

#[test]
fn refusals_that_ended_with_an_answer() {
    let mut story = vec![pod_state(secs(1), &app())];
    story.extend((0..5).map(|n| refused(millis(2_000 + n), &app().subject(), "10.0.0.9:5432")));
    story.push(connect(millis(2_050), &app().subject(), "10.0.0.9:5432", Outcome::Ok));
    assert_silent(story);
}

#[test]
fn localhost_tried_over_ipv6_first() {
    let mut story = vec![pod_state(secs(1), &app())];
    for n in 0..10 {
        story.push(connect(
            millis(2_000 + n * 100),
            &app().subject(),
            "127.0.0.1:8080",
            Outcome::Ok,
        ));
        story.push(refused(millis(2_050 + n * 100), &app().subject(), "[::1]:8080"));
    }
    assert_silent(story);
}

#[test]
fn init_containers_that_complete_one_after_another() {
    let done = |name: &str, at: u64| Termination {
        container_id: name.into(),
        ..ended(secs(at), 0)
    };
    let pod = pod("shop", "web-1")
        .container("a")
        .role(ContainerRole::Init)
        .id("i1")
        .terminated(done("i1", 3));
    let pod = pod
        .container("b")
        .role(ContainerRole::Init)
        .id("i2")
        .terminated(done("i2", 5))
        .container("app")
        .id("c1")
        .running(secs(6));
    assert_silent(vec![pod_state(secs(6), &pod)]);
}

#[test]
fn a_pod_that_succeeded() {
    let done = app().restart_policy("OnFailure").terminated(Termination {
        container_id: "c1".into(),
        ..ended(secs(8), 0)
    });
    let state = PodState {
        phase: "Succeeded".into(),
        ..done.state()
    };
    assert_eq!(&*state.phase, "Succeeded");
    assert_silent(vec![pod_state(secs(9), &done)]);
}
