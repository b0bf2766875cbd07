//! Runs all detectors over a short story, told as events or as a scenario, and gives back what was said.

use correlator::{Engine, Event, Insight, Status, Thresholds, Timestamp, Wanted};
use fixtures::scenario::{Scenario, scenario};

/// Everything that was said while a scenario went on and for one second after.
pub(crate) fn play(text: &str) -> Vec<Insight> {
    play_tuned(text, &Thresholds::default())
}

/// The same by these thresholds.
pub(crate) fn play_tuned(text: &str, thresholds: &Thresholds) -> Vec<Insight> {
    let mut engine = engine();
    engine.tune(thresholds.clone());
    play_with(engine, text)
}

/// The same of what is wanted.
pub(crate) fn play_wanted(text: &str, wanted: Wanted) -> Vec<Insight> {
    let mut engine = engine();
    engine.want(wanted);
    play_with(engine, text)
}

fn engine() -> Engine {
    Engine::new(insights::all(), 100).forecasting(insights::forecaster())
}

fn play_with(engine: Engine, text: &str) -> Vec<Insight> {
    let Scenario { events, end } = scenario(text);
    let Some(last) = events.last().map(|event| event.at) else {
        return Vec::new();
    };
    tell(engine, events, end.since(last).as_secs() + 1)
}

/// Everything that was said while the events came in at their own times and for one second after.
pub(crate) fn said(events: Vec<Event>) -> Vec<Insight> {
    said_until(events, 1)
}

/// The same, for `more` seconds after the last event.
pub(crate) fn said_until(events: Vec<Event>, more: u64) -> Vec<Insight> {
    tell(engine(), events, more)
}

fn tell(mut engine: Engine, mut events: Vec<Event>, more: u64) -> Vec<Insight> {
    events.sort_by_key(|event| event.at);
    let Some((first, last)) = events.first().map(|e| e.at).zip(events.last().map(|e| e.at)) else {
        return Vec::new();
    };
    let mut events = events.into_iter().peekable();
    let mut said = Vec::new();
    let mut now = first.as_nanos();
    while now <= last.as_nanos() + more * 1_000_000_000 {
        while let Some(event) = events.next_if(|event| event.at.as_nanos() <= now) {
            engine.push(event);
        }
        said.extend(engine.advance(Timestamp::from_nanos(now)));
        now += 100_000_000;
    }
    said
}

/// `id subject` of everything that was opened.
pub(crate) fn opened(said: &[Insight]) -> Vec<String> {
    let opened = said.iter().filter(|insight| insight.status == Status::Opened);
    opened
        .map(|insight| format!("{} {}", insight.id, insight.subject))
        .collect()
}

/// The one opened insight with this id; panics when there is none or more.
pub(crate) fn only<'a>(said: &'a [Insight], id: &str) -> &'a Insight {
    let found: Vec<&Insight> = said
        .iter()
        .filter(|i| i.id == id && i.status == Status::Opened)
        .collect();
    assert_eq!(found.len(), 1, "{id} among {:?}", opened(said));
    found[0]
}

/// The commands of all remedies, in order.
pub(crate) fn commands(insight: &Insight) -> Vec<&str> {
    let commands = insight.remedies.iter().flat_map(|remedy| &remedy.commands);
    commands.map(String::as_str).collect()
}
