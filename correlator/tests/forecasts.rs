//! Laws of forecasts in the engine: they come from the events alone, and what comes of them is accounted for.

use std::sync::Arc;

use correlator::forecast::{Censored, Group};
use correlator::{
    Body, Calibration, ContainerState, ContainerStatus, Detector, Engine, Event, Fact, Fill, Forecaster, Insight,
    OomKill, Owner, PodIdentity, PodState, Resource, Severity, Signal, Subject, Termination, Timestamp, Verdict,
    Window, signals,
};
use proptest::prelude::*;

/// The fuller, the likelier.
#[derive(Debug)]
struct Fullness;

impl Forecaster for Fullness {
    fn log_odds(&self, fill: &Fill, horizon: usize) -> Option<f64> {
        let used = f64::from(fill.now().used);
        fill.is_ready(horizon).then_some(12.0 * used - 6.0)
    }
}

/// Says the outlook of every container, to compare what detectors are shown.
struct Outlooks;

impl Detector for Outlooks {
    fn id(&self) -> &'static str {
        "outlooks"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        let runs = window
            .containers()
            .iter()
            .filter_map(|container| Some((container, container.runs.last()?)));
        let found = runs.filter_map(|(container, run)| {
            let outlook = run.outlook(Resource::Memory)?;
            let horizon = outlook.soonest(Severity::Info)?;
            let used = run.fill(Resource::Memory)?.last()?.used;
            let confidence = window.calibration().confidence(horizon, outlook.probability(horizon)?);
            let title = format!(
                "{:?} {used} {confidence:?}",
                outlook.probabilities().collect::<Vec<_>>()
            );
            Some(Insight::new(
                "outlooks",
                container.subject(),
                Severity::Warning,
                title,
                String::new(),
            ))
        });
        Verdict::of(found.collect())
    }
}

fn engine(batch_size: usize) -> Engine {
    Engine::new(vec![Box::new(Outlooks)], batch_size).forecasting(Box::new(Fullness))
}

fn identity(id: &str) -> Arc<PodIdentity> {
    Arc::new(PodIdentity {
        uid: "uid".into(),
        container_id: Some(id.into()),
        ..PodIdentity::default()
    })
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_nanos(millis * 1_000_000)
}

fn event(millis: u64, id: &str, signal: Signal, body: Body) -> Event {
    Event {
        at: at(millis),
        subject: Subject::Container(identity(id)),
        signal,
        body,
    }
}

/// A round of the cgroup files.
fn round(millis: u64, id: &str, used: f64, limit: f64) -> [Event; 2] {
    [
        event(millis, id, signals::MEMORY_LIMIT, Body::Gauge(limit)),
        event(millis, id, signals::MEMORY_UNRECLAIMABLE, Body::Gauge(used)),
    ]
}

fn kill(millis: u64, id: &str, own_limit: bool, limit: Option<u64>) -> Event {
    let kill = OomKill {
        pid: 1,
        ns_pid: 1,
        comm: "a".into(),
        anon: 1,
        file: 0,
        shmem: 0,
        limit,
        usage: None,
        own_limit,
    };
    event(millis, id, signals::OOM_KILL, Body::Fact(Fact::OomKill(kill)))
}

/// What the kubelet says of how a container ended.
fn pod(millis: u64, id: &str, reason: &str) -> Event {
    let termination = Termination {
        reason: reason.into(),
        finished: Some(at(millis)),
        container_id: id.into(),
        ..Termination::default()
    };
    let state = PodState {
        containers: vec![ContainerState {
            name: "app".into(),
            id: id.into(),
            status: ContainerStatus::Terminated(termination),
            ..ContainerState::default()
        }],
        ..PodState::default()
    };
    let owner = Owner {
        kind: "Deployment".into(),
        name: "cart".into(),
    };
    let identity = PodIdentity {
        uid: "uid".into(),
        namespace: Some("shop".into()),
        owner: Some(owner),
        ..PodIdentity::default()
    };
    Event {
        at: at(millis),
        subject: Subject::Pod(Arc::new(identity)),
        signal: signals::KUBE_POD,
        body: Body::Fact(Fact::Pod(Box::new(state))),
    }
}

fn push(engine: &mut Engine, events: impl IntoIterator<Item = Event>) {
    for event in events {
        engine.push(event);
    }
}

/// A container that is half full for this many seconds.
fn half_full(engine: &mut Engine, seconds: std::ops::Range<u64>) {
    for second in seconds {
        push(engine, round(second * 1_000, "c", 50.0, 100.0));
        engine.advance(at(second * 1_000 + 100));
    }
}

/// How many forecasts came true, did not, and were censored for each reason.
fn tally(calibration: &Calibration) -> (u64, u64, [u64; 3]) {
    let sum = |of: &dyn Fn(Group) -> u64| Group::ALL.into_iter().map(of).sum::<u64>();
    let came_true = sum(&|group| calibration.reliability(group).came_true());
    let censored = Censored::ALL.map(|reason| sum(&|group| calibration.censored(group, reason)));
    (came_true, calibration.resolved() - came_true, censored)
}

/// A container is half full for 100 seconds, then this happens.
fn after(events: Vec<Event>) -> (u64, u64, [u64; 3]) {
    let mut engine = engine(1);
    half_full(&mut engine, 1..101);
    push(&mut engine, events);
    // Another container is alive when the longest of their horizons is over.
    push(&mut engine, round(5_000_000, "z", 1.0, 100.0));
    engine.close();
    tally(engine.calibration())
}

#[test]
fn what_came_true_counts_when_its_horizon_is_over_as_what_did_not() {
    let mut engine = engine(100);
    half_full(&mut engine, 1..101);
    let mut came_true = Vec::new();
    engine.push(kill(100_500, "c", true, Some(100)));
    for second in [101, 120, 5_000] {
        push(&mut engine, round(second * 1_000, "z", 1.0, 100.0));
        engine.advance(at(second * 1_000));
        came_true.push(tally(engine.calibration()).0);
    }
    assert!(
        came_true[0] == 0 && came_true[1] > 0 && came_true[2] > came_true[1],
        "{came_true:?}"
    );
}

#[test]
fn a_container_that_lives_on_makes_forecasts_false_and_what_waits_at_the_end_is_counted() {
    let (came_true, did_not, censored) = after(vec![]);
    assert_eq!((came_true, censored[0], censored[1]), (0, 0, 0));
    assert!(did_not >= 8 && censored[2] >= 8, "{did_not} {censored:?}");
}

#[test]
fn all_witnesses_of_a_kill_make_forecasts_true_once() {
    let by_kernel = kill(100_500, "c", true, Some(100));
    let by_cgroup = event(100_900, "c", signals::MEMORY_OOM_KILLS, Body::Count(1));
    let by_kubelet = pod(100_000, "c", "OOMKilled");
    let alone = [&by_kernel, &by_cgroup].map(|event| after(vec![event.clone()]));
    let together = after(vec![by_kernel, by_cgroup, by_kubelet.clone()]);
    assert_eq!(alone[0], alone[1]);
    assert_eq!(alone[0], together);
    assert!(together.0 >= 10 && together.2 == [0, 0, 0], "{together:?}");
    let kubelet = after(vec![by_kubelet]);
    assert!(kubelet.0 >= 10, "{kubelet:?}");
}

#[test]
fn a_kill_for_want_of_memory_on_the_node_makes_no_forecast_true() {
    let ancestor = after(vec![kill(100_500, "c", false, Some(200))]);
    let node = after(vec![kill(100_500, "c", false, None)]);
    assert!(ancestor.0 > 0, "{ancestor:?}");
    assert_eq!(node.0, 0);
}

#[test]
fn what_ended_otherwise_or_was_resized_is_censored_and_counted() {
    let ended = after(vec![pod(100_500, "c", "Completed")]);
    assert!(ended.0 == 0 && ended.2[0] >= 8 && ended.2[1..] == [0, 0], "{ended:?}");
    let resized = after(round(101_000, "c", 50.0, 200.0).to_vec());
    assert!(resized.0 == 0 && resized.2[1] >= 8 && resized.2[0] == 0, "{resized:?}");
}

#[test]
fn a_run_of_which_nothing_more_is_heard_is_censored_when_it_is_forgotten() {
    let mut engine = engine(100);
    half_full(&mut engine, 1..101);
    for second in 101..500 {
        engine.advance(at(second * 1_000));
    }
    let (came_true, _, censored) = tally(engine.calibration());
    assert!(came_true == 0 && censored[0] >= 8, "{censored:?}");
}

#[test]
fn the_kills_of_a_workload_make_its_next_container_likelier_to_be_killed() {
    let mut engine = engine(100);
    let mut stated = Vec::new();
    for life in 0..3u64 {
        let id = format!("c{life}");
        engine.push(pod(life * 100_000 + 1_000, &id, ""));
        for second in 1..60 {
            let millis = life * 100_000 + 1_000 + second * 1_000;
            push(&mut engine, round(millis, &id, 50.0, 100.0));
        }
        engine.push(kill(life * 100_000 + 62_000, &id, true, Some(100)));
        engine.advance(at(life * 100_000 + 62_100));
        let of = |subject: &Subject| subject.container_id().is_some_and(|other| **other == *id);
        let filling = engine
            .fillings()
            .find(|(subject, ..)| of(subject))
            .map(|(.., filling)| filling);
        stated.extend(filling.and_then(|filling| filling.outlook().probability(2)));
    }
    assert_eq!(stated.len(), 3);
    assert!(stated[0] + 0.03 < stated[1] && stated[1] < stated[2], "{stated:?}");
    assert_eq!(engine.calibration().kills(), 3);
}

#[test]
fn detectors_see_record_outlook_and_confidence_of_a_run() {
    let mut engine = engine(100);
    let mut said = Vec::new();
    for second in 1..60 {
        push(&mut engine, round(second * 1_000, "c", 95.0, 100.0));
        said.extend(engine.advance(at(second * 1_000 + 100)));
    }
    assert!(said[0].title.contains("[(2, 0.9568"), "{}", said[0].title);
    assert!(said[0].title.contains(" 95 "), "{}", said[0].title);
    assert!(
        said[0].title.contains("not calibrated here yet (0 of 20"),
        "{}",
        said[0].title
    );
}

#[test]
fn a_restart_begins_a_new_record() {
    let mut engine = engine(100);
    half_full(&mut engine, 1..101);
    push(&mut engine, round(101_000, "d", 5.0, 100.0));
    engine.advance(at(102_000));
    let records = engine.fillings().filter_map(|(.., filling)| filling.record());
    let ages: Vec<u64> = records.map(|record| record.age().as_secs()).collect();
    assert_eq!(ages, [99, 0]);
}

#[test]
fn without_a_forecaster_nothing_is_recorded() {
    let mut engine = Engine::new(vec![], 100);
    half_full(&mut engine, 1..20);
    assert_eq!(engine.fillings().count(), 0);
}

#[test]
fn a_node_has_a_record_of_its_own_and_nothing_waits_for_its_kills() {
    let mut engine = engine(100);
    for second in 1..100 {
        for event in round(second * 1_000, "", 50.0, 100.0) {
            engine.push(Event {
                subject: Subject::Node("n1".into()),
                ..event
            });
        }
    }
    engine.advance(at(100_000));
    engine.close();
    let stated: Vec<f64> = engine
        .fillings()
        .filter_map(|(.., filling)| filling.outlook().probability(2))
        .collect();
    assert_eq!(stated.len(), 1);
    assert_eq!(tally(engine.calibration()), (0, 0, [0, 0, 0]));
}

#[test]
fn memory_stays_bounded_under_a_flood_of_containers() {
    let mut engine = engine(100);
    for index in 0..500u64 {
        for second in 0..20 {
            let millis = 10_000 + index * 100 + second * 1_000;
            push(&mut engine, round(millis, &format!("c{index}"), 50.0, 100.0));
        }
    }
    engine.advance(at(100_000));
    assert_eq!(engine.fillings().count(), 64);
    assert!(tally(engine.calibration()).2[2] > 400);
}

/// A life of two containers with kills, resizes, silences and late events.
fn any_events() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = |millis: u64| {
        (0..40u8, 0..2u8, 0..100u32, 0..1_500u64).prop_map(move |(kind, id, used, late)| {
            let (id, millis) = (["a", "b"][usize::from(id)], millis.saturating_sub(late));
            match kind {
                0 => vec![kill(millis, id, true, Some(100))],
                1 => vec![event(millis, id, signals::MEMORY_OOM_KILLS, Body::Count(1))],
                2 => vec![pod(millis, id, "OOMKilled")],
                3 => vec![pod(millis, id, "Error")],
                4 => round(millis, id, f64::from(used), 200.0).to_vec(),
                5 => vec![],
                6 => vec![event(millis, id, Signal::new("memory.limit_hits"), Body::Count(1))],
                _ => round(millis, id, f64::from(used), 100.0).to_vec(),
            }
        })
    };
    let tick = move |index: u64| prop::collection::vec(event(10_000 + index * 1_000), 1..4);
    let ticks = (0..150u64).map(tick).collect::<Vec<_>>();
    ticks.prop_map(|ticks| ticks.into_iter().map(|events| events.concat()).collect())
}

/// Everything that was said and learnt, to the last digit.
fn replayed(batch_size: usize, ticks: &[Vec<Event>]) -> String {
    let mut engine = engine(batch_size);
    let mut said = Vec::new();
    for (tick, events) in ticks.iter().enumerate() {
        events.iter().cloned().for_each(|event| engine.push(event));
        said.extend(engine.advance(at(10_000 + tick as u64 * 1_000)));
    }
    engine.close();
    let outlooks: Vec<_> = engine
        .fillings()
        .map(|(.., filling)| filling.outlook().clone())
        .collect();
    format!("{said:?}\n{outlooks:?}\n{}", engine.calibration().to_json("fullness"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_forecast_and_learnt_does_not_depend_on_the_batch_size(ticks in any_events()) {
        let one = replayed(1, &ticks);
        prop_assert_eq!(&one, &replayed(7, &ticks));
        prop_assert_eq!(&one, &replayed(100, &ticks));
    }
}
