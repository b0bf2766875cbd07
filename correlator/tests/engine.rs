//! Laws of the engine: what is said depends on the events and the ticks, on nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use correlator::{
    Body, ContainerState, Detector, Engine, Event, Fact, Insight, OomKill, Outcome, PodIdentity, PodState, RateKind,
    Scope, Severity, Signal, Status, Subject, Timestamp, Verdict, Window, signals,
};
use proptest::prelude::*;

/// Finds every container whose failed connects outnumber its OOM kills: reads series, spans, facts, rates and names.
struct Tally;

impl Detector for Tally {
    fn id(&self) -> &'static str {
        "tally"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["ebpf/tcp_connect"]
    }

    fn hold(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        let found = window.containers().iter().filter_map(|container| {
            let failed = container.failures(&signals::TCP_CONNECT).len() as u64;
            let usage = container
                .series(&signals::MEMORY_USAGE)
                .map_or(0.0, correlator::Series::sum);
            (failed > container.facts().count() as u64).then(|| {
                let rate = container
                    .rates
                    .and_then(|rates| rates.of(RateKind::DnsTimedOut, window.now()));
                let title = format!("{}: {failed} failed, {usage} bytes, {rate:?}", container.subject());
                let mut insight = Insight::new("tally", container.subject(), Severity::Warning, title, String::new());
                container.key().clone_into(&mut insight.what);
                insight.revision = failed;
                insight
            })
        });
        Verdict::of(found.collect())
    }
}

fn subject(pod: u8) -> Subject {
    let uid = format!("uid-{pod}").into();
    Subject::Container(Arc::new(PodIdentity {
        uid,
        container_id: Some("c".into()),
        ..Default::default()
    }))
}

fn event(millis: u64, pod: u8, signal: Signal, body: Body) -> Event {
    Event {
        at: Timestamp::from_nanos(millis * 1_000_000),
        subject: subject(pod),
        signal,
        body,
    }
}

fn refused(millis: u64, pod: u8) -> Event {
    let body = Body::Span {
        took: Duration::from_millis(1),
        outcome: Outcome::Refused,
        peer: None,
    };
    event(millis, pod, signals::TCP_CONNECT, body)
}

fn any_event(millis: u64) -> impl Strategy<Value = Event> {
    let oom = OomKill {
        pid: 1,
        ns_pid: 1,
        comm: "a".into(),
        anon: 1,
        file: 0,
        shmem: 0,
        limit: None,
        usage: None,
        own_limit: true,
    };
    (0..4u8, 0..4u8, 0..2_000u64).prop_map(move |(pod, kind, late)| {
        let millis = millis.saturating_sub(late);
        match kind {
            0 => event(millis, pod, signals::MEMORY_USAGE, Body::Gauge(f64::from(pod))),
            3 => event(millis, pod, Signal::new("dns.timeouts"), Body::Count(1)),
            1 => event(millis, pod, signals::OOM_KILL, Body::Fact(Fact::OomKill(oom.clone()))),
            _ => refused(millis, pod),
        }
    })
}

fn said(batch_size: usize, ticks: &[Vec<Event>]) -> Vec<Insight> {
    let mut engine = Engine::new(vec![Box::new(Tally)], batch_size);
    let mut said = Vec::new();
    for (tick, events) in ticks.iter().enumerate() {
        events.iter().cloned().for_each(|event| engine.push(event));
        said.extend(engine.advance(Timestamp::from_nanos(tick as u64 * 100_000_000 + 10_000_000_000)));
    }
    said
}

fn any_ticks() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let tick = |index: u64| prop::collection::vec(any_event(10_000 + index * 100), 0..12);
    (0..60u64).map(tick).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_batch_size_does_not_matter(ticks in any_ticks(), size in 1..50usize) {
        prop_assert_eq!(said(size, &ticks), said(usize::MAX, &ticks));
    }

    #[test]
    fn an_insight_opens_once_before_it_is_resolved(ticks in any_ticks()) {
        let mut open = std::collections::BTreeSet::new();
        for insight in said(100, &ticks) {
            let key = insight.subject.to_string();
            match insight.status {
                Status::Opened => prop_assert!(open.insert(key)),
                Status::Updated => prop_assert!(open.contains(&key)),
                Status::Resolved => prop_assert!(open.remove(&key)),
            }
        }
    }
}

#[test]
fn a_failure_is_said_on_the_next_tick() {
    let said = said(100, &[vec![], vec![refused(10_050, 1)]]);
    assert_eq!(
        said.iter().map(|i| i.at.as_nanos()).collect::<Vec<_>>(),
        [10_100_000_000]
    );
}

#[test]
fn a_gap_in_what_a_detector_needs_is_said_with_its_insight() {
    let gap = correlator::Gap {
        source: "ebpf".into(),
        what: "all".into(),
        why: "no BTF".into(),
        fix: "x".into(),
    };
    let blind = Event {
        at: Timestamp::from_secs(10),
        subject: Subject::Cluster,
        signal: signals::SELF_SIGHT,
        body: Body::Fact(Fact::Blind(gap.clone())),
    };
    let said = said(100, &[vec![blind, refused(10_000, 1)]]);
    assert_eq!(said[0].blind, [gap]);
}

#[test]
fn once_kubernetes_is_known_a_nameless_container_waits_for_its_name() {
    let identity = PodIdentity {
        namespace: Some("shop".into()),
        pod: Some("cart".into()),
        ..PodIdentity::default()
    };
    let pod = |uid: &str, id: &str| Event {
        at: Timestamp::from_secs(10),
        subject: Subject::Pod(Arc::new(PodIdentity {
            uid: uid.into(),
            ..identity.clone()
        })),
        signal: signals::KUBE_POD,
        body: Body::Fact(Fact::Pod(Box::new(PodState {
            containers: vec![ContainerState {
                name: "app".into(),
                id: id.into(),
                ..Default::default()
            }],
            ..Default::default()
        }))),
    };
    let ticks = vec![
        vec![pod("other", "x"), refused(10_000, 1)],
        vec![],
        vec![pod("uid-1", "c")],
    ];
    let said = said(100, &ticks);
    assert_eq!(
        said.iter().map(|i| i.subject.to_string()).collect::<Vec<_>>(),
        ["shop/cart/app"]
    );
}

#[test]
fn memory_stays_bounded_under_a_flood_of_containers() {
    let mut engine = Engine::new(vec![Box::new(Tally)], 100);
    for index in 0..1_000u64 {
        let id = format!("c{index}").into();
        let identity = PodIdentity {
            uid: "u".into(),
            container_id: Some(id),
            ..Default::default()
        };
        engine.push(Event {
            subject: Subject::Container(identity.into()),
            ..refused(10_000, 1)
        });
    }
    // The first two at once, the others when nothing has explained the wave.
    let said = [10, 11, 15].map(|second| engine.advance(Timestamp::from_secs(second)).len());
    assert_eq!(said, [2, 0, 62]);
}

/// Counts how often it is asked about a pod.
struct Looks(Arc<AtomicU64>);

impl Detector for Looks {
    fn id(&self) -> &'static str {
        "looks"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        let is_pod = matches!(window.scope(), Scope::Pod(_));
        self.0.fetch_add(u64::from(is_pod), Ordering::Relaxed);
        Verdict::Quiet
    }
}

#[test]
fn a_quiet_scope_is_looked_at_now_and_then_and_a_busy_one_every_second() {
    let looks = [true, false].map(|busy| {
        let looks = Arc::new(AtomicU64::new(0));
        let mut engine = Engine::new(vec![Box::new(Looks(looks.clone()))], 100);
        for second in 10..190 {
            if busy || second == 10 {
                engine.push(event(second * 1_000, 1, signals::MEMORY_USAGE, Body::Gauge(1.0)));
            }
            engine.advance(Timestamp::from_secs(second));
        }
        looks.load(Ordering::Relaxed)
    });
    assert_eq!(looks[0], 180);
    assert!((60 + 8..=60 + 25).contains(&looks[1]), "{looks:?}");
}
