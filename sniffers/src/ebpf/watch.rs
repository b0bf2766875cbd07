//! The loop that reads the probes, on a thread of its own: rings every 10 ms, memory a few times a second.

use std::time::{Duration, Instant};

use pidmap::Reader;
use probes::{LoadError, Loaded};

use super::attribute::{event_of, subject_of};
use super::resident::Sample;
use super::{gap, source};
use crate::clock::{self, Anchor};
use crate::sniffer::Context;

/// Programs do not wake the reader, which would cost the watched process 10 us a record; the reader comes by itself.
const DRAIN_EVERY: Duration = Duration::from_millis(10);
/// Losses are told and the clocks compared.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Records taken from one ring before the others have their turn; more than a full ring holds.
const MOST_AT_ONCE: usize = 1 << 15;

/// A time that comes round.
struct Every {
    period: Duration,
    next: Instant,
}

impl Every {
    fn new(period: Duration, now: Instant) -> Self {
        Self {
            period,
            next: now + period,
        }
    }

    /// True once a period. Rounds that were missed are not made up for.
    fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = (self.next + self.period).max(now);
        true
    }
}

/// One probe with its reader.
struct Watched {
    loaded: Loaded,
    /// Its last sample failed.
    blind: bool,
}

/// Reads until told to stop, then once more, and detaches.
pub(super) fn watch(cx: &Context, loaded: Vec<Loaded>, sample_every: Duration) {
    let of = |loaded| Watched { loaded, blind: false };
    let mut probes: Vec<Watched> = loaded.into_iter().map(of).collect();
    let mut pods = Reader::new(cx.pods.clone());
    let mut anchor = Anchor::take();
    let start = Instant::now();
    let mut sample = Every::new(sample_every.max(DRAIN_EVERY), start);
    let mut tell = Every::new(TELL_EVERY, start);
    while !cx.stop.is_cancelled() {
        std::thread::sleep(DRAIN_EVERY);
        let now = Instant::now();
        let (telling, sampling) = (tell.is_due(now), sample.is_due(now));
        if telling {
            anchor = Anchor::take();
        }
        for probe in &mut probes {
            drain(cx, &mut pods, &mut probe.loaded, &anchor);
            if sampling && probe.loaded.is_sampled() {
                take_sample(cx, &mut pods, probe, &anchor);
            }
            if telling {
                read_tables(cx, &mut pods, probe, &anchor);
                tell_losses(cx, &mut probe.loaded);
                tell_health(cx, &mut probe.loaded);
            }
        }
    }
    for probe in &mut probes {
        drain(cx, &mut pods, &mut probe.loaded, &anchor);
        read_tables(cx, &mut pods, probe, &anchor);
        tell_losses(cx, &mut probe.loaded);
    }
    for probe in probes {
        let name = probe.loaded.probe().name;
        drop(probe);
        cx.events.health().probe(name, |state| state.attached = false);
    }
    tracing::info!("The kernel is no longer watched.");
}

fn drain(cx: &Context, pods: &mut Reader, loaded: &mut Loaded, anchor: &Anchor) {
    loaded.drain(MOST_AT_ONCE, |sighting| {
        let subject = subject_of(pods, &sighting.task);
        if let Some(event) = event_of(sighting, subject, anchor) {
            cx.events.send(event);
        }
    });
}

fn read_tables(cx: &Context, pods: &mut Reader, probe: &mut Watched, anchor: &Anchor) {
    let description = probe.loaded.probe();
    if description.tables.is_empty() && description.reader.is_none() {
        return;
    }
    let result = probe.loaded.read_tables(|sighting| {
        let subject = subject_of(pods, &sighting.task);
        if let Some(event) = event_of(sighting, subject, anchor) {
            cx.events.send(event);
        }
    });
    tell_sight(cx, probe, result.err());
}

fn take_sample(cx: &Context, pods: &mut Reader, probe: &mut Watched, anchor: &Anchor) {
    let mut sample = Sample::default();
    let result = probe.loaded.sample(|sighting| sample.add(sighting));
    tell_sight(cx, probe, result.err());
    let at = sample
        .ktime_ns
        .map_or_else(clock::now, |ktime_ns| anchor.wall_of(ktime_ns));
    for event in sample.events(pods, at) {
        cx.events.send(event);
    }
}

/// Says once that samples fail, and once that they work again.
fn tell_sight(cx: &Context, probe: &mut Watched, error: Option<LoadError>) {
    let description = probe.loaded.probe();
    match error {
        Some(error) if !probe.blind => {
            let gap = gap(description, &error);
            tracing::warn!(probe = description.name, why = %gap.why, "A probe cannot be read.");
            cx.events.blind(clock::now(), gap);
            probe.blind = true;
        }
        None if probe.blind => {
            cx.events.sighted(clock::now(), &source(description));
            probe.blind = false;
        }
        _ => {}
    }
}

fn tell_health(cx: &Context, loaded: &mut Loaded) {
    let (run_time, ring_used) = (loaded.run_time(), loaded.take_ring_peak());
    cx.events.health().probe(loaded.probe().name, |state| {
        state.run_time = run_time;
        state.ring_used = ring_used;
    });
}

fn tell_losses(cx: &Context, loaded: &mut Loaded) {
    let source = source(loaded.probe());
    for (reason, count) in loaded.take_losses() {
        tracing::warn!(source, reason, count, "Records of a probe were lost.");
        cx.events.lost(clock::now(), &source, &reason, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_were_missed_are_not_made_up_for() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut every = Every::new(Duration::from_millis(50), start);
        assert!(!every.is_due(after(49)));
        assert!(every.is_due(after(51)));
        assert!(!every.is_due(after(99)));
        assert!(every.is_due(after(500)));
        assert!(every.is_due(after(500)));
        assert!(!every.is_due(after(549)));
    }
}
