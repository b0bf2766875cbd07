//! Turns readings into events: gauges as they are, counters as how much they rose.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::{Body, Event, Signal, Subject, Timestamp, signals};
use pidmap::ContainerCgroup;

use super::pressure::Stalled;
use super::reading::{Counter, Memory, Processes, Reading};

/// Time in which at least one task of the container waited, or all that were not idle; nanoseconds.
const MEMORY_PRESSURE_SOME: Signal = Signal::new("memory.pressure_some");
const MEMORY_PRESSURE_FULL: Signal = Signal::new("memory.pressure_full");
pub(super) const CPU_PRESSURE_SOME: Signal = Signal::new("cpu.pressure_some");
const IO_PRESSURE_SOME: Signal = Signal::new("io.pressure_some");
const IO_PRESSURE_FULL: Signal = Signal::new("io.pressure_full");

/// The last reading of every container that had one.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// By container id.
    last: BTreeMap<Arc<str>, Reading>,
}

impl Meter {
    /// The events of one round of readings. Containers without a reading this time are forgotten.
    pub(super) fn events(&mut self, at: Timestamp, readings: &[(ContainerCgroup, Reading)]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut next = BTreeMap::new();
        for (container, reading) in readings {
            let identity = &container.identity;
            let key = identity.container_id.clone().unwrap_or_default();
            let mut say = |signal: Signal, body| {
                let subject = Subject::Container(Arc::clone(identity));
                events.push(Event {
                    at,
                    subject,
                    signal,
                    body,
                });
            };
            // Before the gauges, so that a sample of them knows of it.
            let last = self.last.get(&key);
            let hits = last.and_then(|last| rise(last.limit_hits, reading.limit_hits, |hits| hits));
            if let Some(hits) = hits.filter(|hits| *hits > 0) {
                say(signals::MEMORY_LIMIT_HITS, Body::Count(hits));
            }
            if let Some(memory) = &reading.memory {
                gauges(memory, &mut say);
            }
            if let Some(processes) = &reading.processes {
                self::processes(processes, &mut say);
            }
            if let Some(last) = last {
                counts(last, reading, &mut say);
                stalls(last, reading, &mut say);
            }
            next.insert(key, *reading);
        }
        self.last = next;
        events
    }
}

/// What cannot be freed comes last: with it everything is known that a forecast needs of this moment.
fn gauges(memory: &Memory, say: &mut impl FnMut(Signal, Body)) {
    let mut gauge = |signal, bytes: u64| say(signal, Body::Gauge(bytes as f64));
    gauge(signals::MEMORY_USAGE, memory.usage);
    if let Some(limit) = memory.limit {
        gauge(signals::MEMORY_LIMIT, limit);
    }
    if let Some(headroom) = memory.headroom {
        gauge(signals::MEMORY_HEADROOM, headroom);
    }
    if let Some(split) = memory.split {
        gauge(signals::MEMORY_WORKING_SET, memory.usage.saturating_sub(split.inactive));
        gauge(signals::MEMORY_CACHE, split.cache);
        gauge(signals::MEMORY_ACTIVE_CACHE, split.active);
        gauge(signals::MEMORY_UNRECLAIMABLE, split.unreclaimable);
    }
}

fn processes(processes: &Processes, say: &mut impl FnMut(Signal, Body)) {
    let mut gauge = |signal, count: u64| say(signal, Body::Gauge(count as f64));
    if let Some(limit) = processes.limit {
        gauge(signals::PIDS_MAX, limit);
    }
    if let Some(headroom) = processes.headroom {
        gauge(signals::PIDS_HEADROOM, headroom);
    }
    gauge(signals::PIDS_CURRENT, processes.current);
}

fn counts(last: &Reading, reading: &Reading, say: &mut impl FnMut(Signal, Body)) {
    let mut say_rise = |signal, rise: Option<u64>| {
        if let Some(rise) = rise.filter(|rise| *rise > 0) {
            say(signal, Body::Count(rise));
        }
    };
    say_rise(
        signals::MEMORY_OOM_KILLS,
        rise(last.oom_kills, reading.oom_kills, |kills| kills),
    );
    let faults = |reading: &Reading| reading.memory.and_then(|memory| memory.major_faults);
    say_rise(
        signals::MEMORY_MAJOR_FAULTS,
        rise(faults(last), faults(reading), |faults| faults),
    );
    say_rise(
        signals::CPU_USAGE,
        rise(last.cpu_usage, reading.cpu_usage, |nanoseconds| nanoseconds),
    );
    let periods = rise(last.throttling, reading.throttling, |throttling| throttling.periods);
    say_rise(signals::CPU_PERIODS, periods);
    let throttled = rise(last.throttling, reading.throttling, |throttling| throttling.throttled);
    say_rise(signals::CPU_THROTTLED_PERIODS, throttled);
    let time = rise(last.throttling, reading.throttling, |throttling| throttling.time_ns);
    say_rise(signals::CPU_THROTTLED, time);
}

/// What a container waited since the last reading.
fn stalls(last: &Reading, reading: &Reading, say: &mut impl FnMut(Signal, Body)) {
    let some = |stalled: Stalled| stalled.some_ns;
    let full = |stalled: Stalled| stalled.full_ns.unwrap_or_default();
    let (memory, io) = (
        (last.memory_pressure, reading.memory_pressure),
        (last.io_pressure, reading.io_pressure),
    );
    let rises = [
        (MEMORY_PRESSURE_SOME, rise(memory.0, memory.1, some)),
        (MEMORY_PRESSURE_FULL, rise(memory.0, memory.1, full)),
        (CPU_PRESSURE_SOME, rise(last.cpu_pressure, reading.cpu_pressure, some)),
        (IO_PRESSURE_SOME, rise(io.0, io.1, some)),
        (IO_PRESSURE_FULL, rise(io.0, io.1, full)),
    ];
    for (signal, rise) in rises {
        if let Some(rise) = rise.filter(|rise| *rise > 0) {
            say(signal, Body::Count(rise));
        }
    }
}

/// How much a counter rose. One that fell was started anew with its cgroup, so all of it is new; the first reading, and
/// one from another hierarchy than the last, only set the mark.
fn rise<T>(last: Option<Counter<T>>, now: Option<Counter<T>>, count: impl Fn(T) -> u64) -> Option<u64> {
    let (last, now) = (last?, now?);
    if last.from != now.from {
        return None;
    }
    let (last, now) = (count(last.value), count(now.value));
    Some(now.checked_sub(last).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use correlator::PodIdentity;
    use pidmap::Hierarchy;

    use super::super::cpu_stat::Throttling;
    use super::super::memory_stat::Split;
    use super::*;

    fn container(id: &str) -> ContainerCgroup {
        let identity = PodIdentity {
            uid: "u-1".into(),
            container_id: Some(id.into()),
            ..PodIdentity::default()
        };
        ContainerCgroup {
            identity: identity.into(),
            unified: None,
            memory: None,
        }
    }

    fn v2<T>(value: T) -> Counter<T> {
        let from = Hierarchy::Unified;
        Counter { from, value }
    }

    fn kills(value: u64) -> Reading {
        Reading {
            oom_kills: Some(v2(value)),
            ..Reading::default()
        }
    }

    /// Signal and body of the events of each round of one container.
    fn rounds(readings: &[Reading]) -> Vec<Vec<(Signal, Body)>> {
        let mut meter = Meter::default();
        let mut round = |reading: &Reading| {
            let events = meter.events(Timestamp::from_secs(1), &[(container("c"), *reading)]);
            events.into_iter().map(|event| (event.signal, event.body)).collect()
        };
        readings.iter().map(&mut round).collect()
    }

    #[test]
    fn gauges_are_said_every_round_and_no_limit_is_not_said() {
        let memory = Memory {
            usage: 10,
            split: Some(Split {
                unreclaimable: 7,
                cache: 3,
                active: 1,
                inactive: 2,
            }),
            limit: None,
            headroom: None,
            major_faults: Some(v2(3)),
        };
        let reading = Reading {
            memory: Some(memory),
            ..Reading::default()
        };
        let expected = vec![
            (signals::MEMORY_USAGE, Body::Gauge(10.0)),
            (signals::MEMORY_WORKING_SET, Body::Gauge(8.0)),
            (signals::MEMORY_CACHE, Body::Gauge(3.0)),
            (signals::MEMORY_ACTIVE_CACHE, Body::Gauge(1.0)),
            (signals::MEMORY_UNRECLAIMABLE, Body::Gauge(7.0)),
        ];
        assert_eq!(rounds(&[reading, reading]), [expected.clone(), expected]);
    }

    #[test]
    fn all_that_a_forecast_needs_is_said_before_what_cannot_be_freed() {
        let reading = |hits| Reading {
            memory: Some(Memory {
                usage: 10,
                split: Some(Split {
                    unreclaimable: 7,
                    cache: 3,
                    active: 1,
                    inactive: 2,
                }),
                limit: Some(20),
                headroom: Some(4),
                major_faults: Some(v2(hits)),
            }),
            limit_hits: Some(v2(hits)),
            ..Reading::default()
        };
        let said = rounds(&[reading(5), reading(8)]);
        let signals: Vec<Signal> = said[1].iter().map(|(signal, _)| signal.clone()).collect();
        let expected = [
            signals::MEMORY_LIMIT_HITS,
            signals::MEMORY_USAGE,
            signals::MEMORY_LIMIT,
            signals::MEMORY_HEADROOM,
            signals::MEMORY_WORKING_SET,
            signals::MEMORY_CACHE,
            signals::MEMORY_ACTIVE_CACHE,
            signals::MEMORY_UNRECLAIMABLE,
            signals::MEMORY_MAJOR_FAULTS,
        ];
        assert_eq!(signals, expected);
        assert_eq!((&said[1][0].1, &said[1][3].1), (&Body::Count(3), &Body::Gauge(4.0)));
    }

    #[test]
    fn the_first_count_is_a_mark_and_a_rise_is_an_event() {
        let said = rounds(&[kills(5), kills(5), kills(7)]);
        assert_eq!(
            said,
            [vec![], vec![], vec![(signals::MEMORY_OOM_KILLS, Body::Count(2))]]
        );
    }

    #[test]
    fn a_counter_that_fell_started_anew() {
        let said = rounds(&[kills(5), kills(1), kills(1)]);
        assert_eq!(
            said,
            [vec![], vec![(signals::MEMORY_OOM_KILLS, Body::Count(1))], vec![]]
        );
    }

    #[test]
    fn a_counter_of_another_hierarchy_does_not_continue_the_last() {
        let mut other = kills(9);
        other.oom_kills = Some(Counter {
            from: Hierarchy::Memory,
            value: 9,
        });
        assert_eq!(rounds(&[kills(5), other]), [vec![], vec![]]);
    }

    #[test]
    fn stalled_time_is_said_as_rises_and_processes_as_gauges() {
        let reading = |some_ns, full_ns| Reading {
            memory_pressure: Some(v2(Stalled {
                some_ns,
                full_ns: Some(full_ns),
            })),
            cpu_pressure: Some(v2(Stalled { some_ns, full_ns: None })),
            processes: Some(Processes {
                current: 3,
                limit: Some(9),
                headroom: Some(5),
            }),
            ..Reading::default()
        };
        let gauges = [
            (signals::PIDS_MAX, Body::Gauge(9.0)),
            (signals::PIDS_HEADROOM, Body::Gauge(5.0)),
            (signals::PIDS_CURRENT, Body::Gauge(3.0)),
        ];
        let said = rounds(&[reading(1000, 500), reading(4000, 500)]);
        assert_eq!(said[0], gauges);
        let rises = [
            (MEMORY_PRESSURE_SOME, Body::Count(3000)),
            (CPU_PRESSURE_SOME, Body::Count(3000)),
        ];
        assert_eq!(said[1], [&gauges[..], &rises].concat());
    }

    #[test]
    fn cpu_time_and_throttling_are_said_as_rises() {
        let reading = |usage, throttled, time_ns| Reading {
            cpu_usage: Some(v2(usage)),
            throttling: Some(v2(Throttling {
                periods: 2 * throttled,
                throttled,
                time_ns,
            })),
            ..Reading::default()
        };
        let said = rounds(&[reading(1000, 1, 10), reading(4000, 3, 60), reading(4000, 3, 60)]);
        let expected = vec![
            (signals::CPU_USAGE, Body::Count(3000)),
            (signals::CPU_PERIODS, Body::Count(4)),
            (signals::CPU_THROTTLED_PERIODS, Body::Count(2)),
            (signals::CPU_THROTTLED, Body::Count(50)),
        ];
        assert_eq!(said, [vec![], expected, vec![]]);
    }

    #[test]
    fn containers_are_told_apart_and_the_gone_are_forgotten() {
        let mut meter = Meter::default();
        let at = Timestamp::from_secs(1);
        assert_eq!(
            meter.events(at, &[(container("a"), kills(3)), (container("b"), kills(9))]),
            []
        );
        let events = meter.events(at, &[(container("a"), kills(3)), (container("b"), kills(10))]);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].subject.container_id().map(AsRef::as_ref), Some("b"));
        meter.events(at, &[]);
        assert!(meter.last.is_empty());
    }
}
