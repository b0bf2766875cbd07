//! What the registry bounds, joins and lets go of.

use correlator::PodIdentity;

use super::super::limits::{IDLE, MAX_OF_METRIC, MAX_OF_POD};
use super::super::owner::MAX_OWNERS;
use super::super::page::{Format, Page};
use super::extras::MAX_EXTRAS;
use super::*;

fn container(pod: &str, name: &str, id: &str) -> Subject {
    Subject::Container(Arc::new(PodIdentity {
        uid: format!("uid-{pod}").into(),
        namespace: Some("shop".into()),
        pod: Some(pod.into()),
        container: (!name.is_empty()).then(|| name.into()),
        container_id: Some(id.into()),
        ..PodIdentity::default()
    }))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn count(registry: &mut Registry, subject: &Subject, labels: &Pairs<'_>, second: u64) {
    let family = registry.family("calls", Kind::Counter, "Calls.").unwrap();
    let owner = registry.owner(subject, at(second)).unwrap();
    let extra = registry.extra(labels);
    if let Some(Value::Count(count)) = registry.value(family, owner, extra, at(second), |_| Value::Count(0)) {
        *count += 1;
    }
}

fn measure(registry: &mut Registry, subject: &Subject, now: f64, second: u64) -> bool {
    let family = registry.family("bytes", Kind::Gauge, "Bytes.").unwrap();
    let owner = registry.owner(subject, at(second)).unwrap();
    let value = registry.value(family, owner, NONE, at(second), |_| Value::Gauge(0.0));
    value.is_some_and(|value| {
        *value = Value::Gauge(now);
        true
    })
}

/// The samples, without their heads.
fn samples(registry: &mut Registry, now: Option<Timestamp>) -> Vec<String> {
    let mut page = Page::new(Format::Text, 0);
    registry.write(&mut page, now, |_| true);
    let text = page.finish();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn labels_that_explode_within_a_pod_end_in_one_series_and_are_counted() {
    let mut registry = Registry::default();
    let web = container("web-0", "web", "1");
    for number in 0..2_000 {
        count(&mut registry, &web, &[("syscall", &format!("call{number}"))], 1);
    }
    count(&mut registry, &container("db-0", "db", "2"), &[("syscall", "read")], 1);
    let beyond = 2_000 - MAX_OF_POD as u64;
    assert_eq!(registry.dropped(Bound::Pod), beyond);
    let samples = samples(&mut registry, None);
    let other = format!(r#"calls_total{{namespace="shop",pod="web-0",container="web",syscall="~other"}} {beyond}"#);
    assert!(samples.contains(&other), "{other}");
    let neighbour = r#"calls_total{namespace="shop",pod="db-0",container="db",syscall="read"} 1"#;
    assert!(
        samples.iter().any(|sample| sample == neighbour),
        "a neighbour has its own room"
    );
    assert_eq!(registry.len(), MAX_OF_POD + 2);
}

#[test]
fn pods_that_explode_end_in_one_series_of_a_counter_and_in_none_of_a_gauge() {
    let mut registry = Registry::default();
    for number in 0..MAX_OF_METRIC + 7 {
        let pod = container(&format!("job-{number}"), "main", &number.to_string());
        count(&mut registry, &pod, &[], 1);
        assert_eq!(measure(&mut registry, &pod, 1.0, 1), number < MAX_OF_METRIC);
    }
    assert_eq!(registry.dropped(Bound::Metric), 14);
    let samples = samples(&mut registry, None);
    let others: Vec<&String> = samples.iter().filter(|sample| sample.contains("~other")).collect();
    let all = r#"calls_total{namespace="~other",pod="~other",container="~other",node="~other"} 7"#;
    assert_eq!(others, [all]);
    assert_eq!(samples.len(), 2 * MAX_OF_METRIC + 1);
}

#[test]
fn containers_without_end_are_bounded_and_counted() {
    let mut registry = Registry::default();
    let family = registry.family("calls", Kind::Counter, "Calls.").unwrap();
    let last = (0..MAX_OWNERS + 3).map(|number| {
        let owner = registry.owner(&container("job", "", &number.to_string()), at(1));
        owner.unwrap()
    });
    assert_eq!(last.last(), Some(OTHERS));
    assert_eq!(registry.dropped(Bound::Owners), 3);
    assert!(
        registry
            .value(family, OTHERS, NONE, at(1), |_| Value::Count(0))
            .is_some()
    );
}

#[test]
fn a_container_stays_as_long_as_the_configuration_says() {
    let mut registry = Registry::default();
    registry.limits.idle = Duration::from_secs(60);
    count(
        &mut registry,
        &container("old-0", "app", "1"),
        &[("syscall", "read")],
        100,
    );
    registry.expire(at(160));
    assert_eq!(registry.len(), 1, "not yet");
    registry.expire(at(161));
    assert_eq!(registry.len(), 0);
}

#[test]
fn a_container_that_ended_leaves_and_its_place_is_free_again() {
    let mut registry = Registry::default();
    let (gone, lives) = (container("old-0", "app", "1"), container("new-0", "app", "2"));
    count(&mut registry, &gone, &[("syscall", "read")], 100);
    count(&mut registry, &lives, &[("syscall", "read")], 100);
    count(&mut registry, &lives, &[("syscall", "read")], 390);
    registry.expire(at(100).plus(IDLE));
    assert_eq!(registry.len(), 2, "not yet");
    registry.expire(at(101).plus(IDLE));
    registry.expire(at(102).plus(IDLE));
    assert_eq!((registry.len(), registry.expired()), (1, 1));
    // Whoever comes next is not taken for the one that left.
    count(
        &mut registry,
        &container("next-0", "app", "3"),
        &[("syscall", "write")],
        402,
    );
    count(&mut registry, &gone, &[("syscall", "read")], 402);
    assert_eq!(
        samples(&mut registry, None),
        [
            r#"calls_total{namespace="shop",pod="new-0",container="app",syscall="read"} 2"#,
            r#"calls_total{namespace="shop",pod="next-0",container="app",syscall="write"} 1"#,
            r#"calls_total{namespace="shop",pod="old-0",container="app",syscall="read"} 1"#,
        ]
    );
}

#[test]
fn a_gauge_that_is_not_said_again_leaves_before_the_counters_of_its_container() {
    let mut registry = Registry::default();
    let web = container("web-0", "web", "1");
    measure(&mut registry, &web, 5.0, 100);
    count(&mut registry, &web, &[], 100);
    registry.expire(at(101).plus(STALE));
    let left = samples(&mut registry, None);
    assert_eq!(left, [r#"calls_total{namespace="shop",pod="web-0",container="web"} 1"#]);
}

fn resolve(registry: &mut Registry, subject: &Subject, domain: &str, second: u64) {
    let family = registry.family("queries", Kind::Counter, "Queries.").unwrap();
    registry.bound_labels(family, 3);
    let owner = registry.owner(subject, at(second)).unwrap();
    let extra = registry.extra(&[("domain", domain)]);
    if let Some(Value::Count(count)) = registry.value(family, owner, extra, at(second), |_| Value::Count(0)) {
        *count += 1;
    }
}

#[test]
fn labels_that_anybody_may_choose_are_bounded_by_container_and_leave_when_they_are_old() {
    let mut registry = Registry::default();
    let (web, db) = (container("web-0", "web", "1"), container("db-0", "db", "2"));
    for number in 0..7 {
        resolve(&mut registry, &web, &format!("d{number}.com"), 100);
    }
    resolve(&mut registry, &db, "d6.com", 100);
    assert_eq!(registry.dropped(Bound::Label), 4);
    let series = |pod: &str, domain: &str, count: u64| {
        format!(r#"queries_total{{namespace="shop",pod="{pod}-0",container="{pod}",domain="{domain}"}} {count}"#)
    };
    let of_web = ["d0.com", "d1.com", "d2.com"].map(|domain| series("web", domain, 1));
    let others = [series("web", "~other", 4), series("db", "d6.com", 1)];
    let mut all: Vec<String> = of_web.into_iter().chain(others).collect();
    all.sort();
    assert_eq!(samples(&mut registry, None), all);
    // The container goes on, and so does one of its domains.
    for second in (100..100 + FORGOTTEN.as_secs() + 100).step_by(60) {
        resolve(&mut registry, &web, "d1.com", second);
        registry.expire(at(second));
    }
    let left = samples(&mut registry, None);
    assert!(left.len() == 1 && left[0].contains("d1.com"), "{left:?}");
    resolve(&mut registry, &web, "new.com", 4_000);
    assert_eq!(samples(&mut registry, None).len(), 2, "there is room again");
}

#[test]
fn labels_that_no_series_has_any_more_make_room_for_others() {
    let mut registry = Registry::default();
    let web = container("web-0", "web", "1");
    count(&mut registry, &web, &[("syscall", "read")], 100);
    for number in 0..MAX_EXTRAS {
        registry.extra(&[("domain", &format!("d{number}.com"))]);
    }
    resolve(&mut registry, &web, "late.com", 100);
    assert!(registry.dropped(Bound::Names) > 0);
    let before = samples(&mut registry, None);
    assert!(before[1].contains(r#"domain="~other""#), "{before:?}");
    assert!(registry.forget_labels());
    assert_eq!(samples(&mut registry, None), before);
    assert_eq!(
        registry.extras.len(),
        4,
        "none, read, and what stands for it and for the domains"
    );
    assert!(!registry.forget_labels(), "there are few");
    resolve(&mut registry, &web, "late.com", 101);
    assert!(samples(&mut registry, None).iter().any(|one| one.contains("late.com")));
}

#[test]
fn a_restarted_container_goes_on_with_the_series_of_its_name() {
    let mut registry = Registry::default();
    for run in 0..200 {
        count(&mut registry, &container("web-0", "web", &format!("run-{run}")), &[], 1);
    }
    let one = [r#"calls_total{namespace="shop",pod="web-0",container="web"} 200"#];
    assert_eq!(samples(&mut registry, None), one);
    assert_eq!(registry.len(), 1);
}

#[test]
fn who_has_no_name_yet_is_hidden_for_a_while_and_then_shown_by_its_id() {
    let mut registry = Registry::default();
    count(&mut registry, &container("web-0", "", "abc"), &[], 100);
    assert_eq!(samples(&mut registry, Some(at(101))), [""; 0]);
    let by_id = [r#"calls_total{namespace="shop",pod="web-0",container="abc"} 1"#];
    assert_eq!(samples(&mut registry, Some(at(100).plus(NAMELESS))), by_id);
}

#[test]
fn two_kinds_of_metric_cannot_have_one_name_and_there_are_not_too_many() {
    let mut registry = Registry::default();
    assert!(registry.family("x", Kind::Gauge, "").is_some());
    assert!(registry.family("x", Kind::Counter, "").is_none());
    for number in 0..2 * MAX_METRICS {
        registry.family(&format!("x{number}"), Kind::Gauge, "");
    }
    assert_eq!(registry.families.len(), MAX_METRICS);
    for number in 0..2 * MAX_EXTRAS {
        registry.extra(&[("a", &number.to_string())]);
    }
    assert_eq!(registry.extras.len(), MAX_EXTRAS);
}
