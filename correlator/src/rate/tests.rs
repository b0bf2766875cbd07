//! What a watch learns, when it is alarmed, and what counts in it.

use std::time::Duration;

use super::*;
use crate::event::{Body, Event, Outcome, Peer, Signal, signals};
use crate::identity::Subject;

const BOUNDS: Bounds = Bounds {
    cold: Some(0.1),
    floor: 0.0,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

/// A watch that was told of so many failures of one hundred trials each ten seconds.
fn watch(windows: u64, failed: f64) -> RateWatch {
    let mut watch = RateWatch::new(BOUNDS);
    for window in 0..windows {
        watch.add(at(10 * window), failed, 100.0);
    }
    watch
}

#[test]
fn the_alarm_is_the_logarithm_of_windows_for_each_false_alarm() {
    assert!((alarm() - 11.367).abs() < 1e-3);
}

#[test]
fn with_more_false_alarms_a_rise_is_told_sooner_and_with_fewer_later() {
    let told = |false_alarms: f64| {
        let mut watch = watch(30, 1.0);
        (30..40).find(|window| {
            watch.add(at(10 * window), 10.0, 100.0);
            watch.at(at(10 * window + 10)).unwrap().is_risen(false_alarms)
        })
    };
    let windows = [100.0, FALSE_ALARMS_A_DAY, 0.001].map(told);
    assert!(
        windows.is_sorted() && windows[0] < windows[1] && windows[1] < windows[2],
        "{windows:?}"
    );
    assert!(
        windows[0].is_some_and(|window| window > 30),
        "one window alone is never enough: {windows:?}"
    );
}

#[test]
fn a_rise_says_when_it_began_what_was_before_and_how_much_was_learned() {
    let mut watch = watch(30, 1.0);
    for window in 30..35 {
        watch.add(at(10 * window), 20.0, 100.0);
    }
    let rate = watch.at(at(350)).unwrap();
    assert!(rate.is_risen(FALSE_ALARMS_A_DAY) && !rate.is_cold, "{rate:?}");
    assert_eq!((rate.since, rate.watched), (at(300), Duration::from_secs(350)));
    assert!(
        (rate.before - 0.01).abs() < 0.001 && (rate.now - 0.2).abs() < 1e-9,
        "{rate:?}"
    );
    assert!((rate.learned - 3_000.0).abs() < 30.0, "{rate:?}");
}

#[test]
fn a_window_that_is_not_over_is_not_judged_and_one_alone_is_never_enough() {
    let mut watch = watch(30, 0.0);
    watch.add(at(300), 100.0, 100.0);
    assert!(watch.at(at(305)).unwrap().now.abs() < 1e-9);
    let rate = watch.at(at(310)).unwrap();
    assert!(!rate.is_risen(FALSE_ALARMS_A_DAY) && rate.now > 0.99, "{rate:?}");
}

#[test]
fn what_failed_from_the_start_is_told_and_never_becomes_usual() {
    let watch = watch(12 * 360, 40.0);
    let rate = watch.at(at(12 * 3_600)).unwrap();
    assert!(rate.is_risen(FALSE_ALARMS_A_DAY) && rate.learned < 1.0, "{rate:?}");
    let little = self::watch(60, 4.0).at(at(600)).unwrap();
    assert!(
        !little.is_risen(FALSE_ALARMS_A_DAY) && (little.before - 0.04).abs() < 0.005,
        "{little:?}"
    );
}

#[test]
fn a_rise_below_the_cold_bound_is_usual_after_twelve_hours_and_a_larger_one_is_not() {
    for (failed, is_risen) in [(6.0, false), (30.0, true)] {
        let mut watch = watch(360, 0.0);
        for window in 360..360 * 14 {
            watch.add(at(10 * window), failed, 100.0);
        }
        assert_eq!(
            watch.at(at(14 * 3_600)).unwrap().is_risen(FALSE_ALARMS_A_DAY),
            is_risen,
            "{failed}"
        );
    }
}

#[test]
fn the_end_of_the_trouble_ends_the_alarm_and_teaches_nothing() {
    let mut watch = watch(60, 1.0);
    for window in 60..90 {
        watch.add(at(10 * window), 50.0, 100.0);
    }
    for window in 90..110 {
        watch.add(at(10 * window), 1.0, 100.0);
    }
    let rate = watch.at(at(1_100)).unwrap();
    assert!(!rate.is_risen(FALSE_ALARMS_A_DAY) && rate.before < 0.011, "{rate:?}");
}

#[test]
fn half_an_hour_without_a_trial_ends_a_sum() {
    let mut watch = watch(60, 0.0);
    for window in 60..65 {
        watch.add(at(10 * window), 50.0, 100.0);
    }
    assert!(watch.at(at(700)).unwrap().is_risen(FALSE_ALARMS_A_DAY));
    watch.add(at(3_000), 0.0, 1.0);
    assert!(!watch.at(at(3_010)).unwrap().is_risen(FALSE_ALARMS_A_DAY));
}

#[test]
fn what_comes_late_counts_and_what_comes_far_too_late_is_refused() {
    let mut in_time = watch(30, 0.0);
    let mut late = in_time.clone();
    for (window, count) in [(30, 10.0), (31, 10.0)] {
        in_time.add(at(10 * window), count, 100.0);
    }
    for (window, count) in [(31, 10.0), (30, 10.0)] {
        late.add(at(10 * window), count, 100.0);
    }
    assert_eq!(in_time.at(at(320)), late.at(at(320)));
    assert!(late.add(at(100), 1.0, 1.0));
    assert!(late.add(at(400), 0.0, 1.0) && !late.add(at(0), 1.0, 1.0));
}

#[test]
fn a_share_that_is_nearly_all_can_be_usual_and_never_rises() {
    let mut searches = RateWatch::new(Bounds::default());
    for window in 0..500 {
        searches.add(at(10 * window), 80.0, 100.0);
        assert!(!searches.at(at(10 * window + 10)).unwrap().is_risen(FALSE_ALARMS_A_DAY));
    }
    for window in 500..520 {
        searches.add(at(10 * window), 99.0, 100.0);
    }
    assert!(searches.at(at(5_200)).unwrap().is_risen(FALSE_ALARMS_A_DAY));
}

/// One answer a second, for so many seconds from some second on.
fn answers(slow: &mut Slowness, from: u64, seconds: u64, took: u64) {
    for second in from..from + seconds {
        slow.add(at(second), Duration::from_millis(took));
    }
}

#[test]
fn slow_is_what_hardly_ever_took_so_long_before() {
    let mut slow = Slowness::new(None);
    answers(&mut slow, 0, 600, 2);
    let usual = slow.at(at(600)).unwrap();
    assert!(
        !usual.rate.is_risen(FALSE_ALARMS_A_DAY) && usual.learned > 500,
        "{usual:?}"
    );
    answers(&mut slow, 600, 60, 8);
    let risen = slow.at(at(660)).unwrap();
    assert!(
        risen.rate.is_risen(FALSE_ALARMS_A_DAY) && risen.limit < Duration::from_millis(3),
        "{risen:?}"
    );
    assert!(risen.rate.since == at(600) && risen.learned == 600, "{risen:?}");
}

#[test]
fn what_is_slow_from_the_start_is_usual_without_a_bound_and_told_with_one() {
    let (mut free, mut bound) = (
        Slowness::new(None),
        Slowness::new(Some((Duration::from_millis(100), 0.05))),
    );
    for slow in [&mut free, &mut bound] {
        answers(slow, 0, 1_200, 300);
    }
    assert!(!free.at(at(1_200)).unwrap().rate.is_risen(FALSE_ALARMS_A_DAY));
    let told = bound.at(at(1_200)).unwrap();
    assert!(told.rate.is_risen(FALSE_ALARMS_A_DAY) && told.learned == 0, "{told:?}");
}

fn event(seconds: u64, signal: &str, body: Body) -> Event {
    Event {
        at: at(seconds),
        subject: Subject::Cluster,
        signal: Signal::named(signal.to_owned()),
        body,
    }
}

fn peer(last: u8) -> Peer {
    Peer {
        address: [10, 0, 0, last].into(),
        port: 80,
    }
}

fn connect(seconds: u64, took: u64, outcome: Outcome, last: u8) -> Event {
    let body = Body::Span {
        took: Duration::from_millis(took),
        outcome,
        peer: Some(peer(last)),
    };
    event(seconds, signals::TCP_CONNECT.name(), body)
}

fn rates(events: &[Event]) -> Rates {
    let mut rates = Rates::default();
    for event in events {
        assert!(rates.take(event), "{event:?}");
    }
    rates
}

#[test]
fn answers_and_timeouts_are_trials_of_what_they_can_fail_in() {
    let rates = rates(&[
        event(0, "dns.responses:NOERROR", Body::Count(6)),
        event(1, "dns.responses:NXDOMAIN", Body::Count(2)),
        event(2, "dns.responses:SERVFAIL", Body::Count(2)),
        event(3, "dns.timeouts", Body::Count(10)),
    ]);
    let share = |kind| rates.of(kind, at(10)).unwrap().now;
    assert!((share(RateKind::DnsFailed) - 0.2).abs() < 1e-9);
    assert!((share(RateKind::DnsTimedOut) - 0.5).abs() < 1e-9);
    assert!(rates.of(RateKind::ResetSent, at(10)).is_none());
}

#[test]
fn syns_that_nobody_answers_are_no_loss_and_refusals_are_no_resets() {
    let mut events = Vec::new();
    for second in 0..300 {
        events.push(event(second, "tcp.bytes_sent", Body::Count(14_480)));
        events.push(event(second, "tcp.retransmits", Body::Count(3)));
        events.push(connect(second, 10_000, Outcome::Aborted, 1));
        events.push(connect(second, 1, Outcome::Refused, 2));
        events.push(event(second, "tcp.resets_received", Body::Count(1)));
        events.push(event(second, "tcp.accepts", Body::Count(10)));
    }
    let rates = rates(&events);
    for kind in [RateKind::Retransmitted, RateKind::ResetReceived] {
        let rate = rates.of(kind, at(300)).unwrap();
        assert!(
            !rate.is_risen(FALSE_ALARMS_A_DAY) && rate.before < 0.001,
            "{kind:?} {rate:?}"
        );
    }
    assert!(rates.connects(&peer(2), at(300)).unwrap().is_risen(FALSE_ALARMS_A_DAY));
}

#[test]
fn the_larger_number_of_segments_holds() {
    let rates = rates(&[
        event(0, "tcp.bytes_sent", Body::Count(1_448 * 10)),
        event(0, "net.packets_sent", Body::Count(40)),
        event(0, "tcp.retransmits", Body::Count(20)),
    ]);
    let share = rates.of(RateKind::Retransmitted, at(10)).unwrap().now;
    assert!((share - 0.5).abs() < 1e-9, "{share}");
}

#[test]
fn the_peer_that_was_asked_longest_ago_makes_room() {
    let events: Vec<Event> = (0..20).map(|n| connect(u64::from(n) * 10, 1, Outcome::Ok, n)).collect();
    let rates = rates(&events);
    let known: Vec<u8> = (0..20)
        .filter(|n| rates.connects(&peer(*n), at(200)).is_some())
        .collect();
    assert_eq!(known, (4..20).collect::<Vec<u8>>());
}

#[test]
fn what_came_before_the_name_was_known_counts_for_the_name_and_a_restart_goes_on() {
    let mut book = RateBook::default();
    let (first, second, name) = ("c1".into(), "c2".into(), "app".into());
    let count = |seconds| event(seconds, "dns.timeouts", Body::Count(1));
    book.count(&count(0), &first, || None);
    assert!(book.of("app", None).is_none() && book.of("app", Some("c1")).is_some());
    book.count(&count(1), &first, || Some(&name));
    book.count(&count(60), &second, || None);
    book.count(&count(61), &second, || Some(&name));
    let tried = |now| {
        let rate = book.of("app", None).unwrap().of(RateKind::DnsTimedOut, now).unwrap();
        (rate.since, rate.watched)
    };
    assert_eq!(tried(at(70)), (at(0), Duration::from_secs(70)));
    assert!(book.of("c1", Some("c2")).is_none());
}
