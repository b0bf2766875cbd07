//! One trace over time: how full it was, and what was forecast.

use super::axes::{Area, Axis, legend};
use super::svg::{Anchor, COLOURS, INK, Stroke, Svg};
use crate::scoring::answers::Said;
use crate::scoring::baselines::Signal;
use crate::scoring::trace::Trace;

/// Lies below the other curves, which often cover it.
const PALE: &str = "#c8c8c8";

/// The timeline of a trace with the probability stated for a horizon in seconds.
pub(super) fn plot(trace: &Trace, kind: &str, horizon: f64, said: &[Said]) -> String {
    let end = trace.killed_at.unwrap_or(trace.last_at());
    let mut svg = Svg::new(760.0, 370.0, &format!("{kind}: {}", trace.name));
    let area = Area {
        left: 62.0,
        top: 70.0,
        width: 670.0,
        height: 240.0,
        x: Axis::upto("seconds since the start", end * 1.03),
        y: Axis::share("fraction of the limit, probability"),
    };
    area.draw(&mut svg);
    let series =
        |signal: Signal| -> Vec<(f64, f64)> { trace.rows.iter().map(|row| (row.at, signal.of(row))).collect() };
    let usage = Stroke::solid(PALE, 4.0);
    let unreclaimable = Stroke::solid(COLOURS[0], 2.0);
    let probability = Stroke::solid(COLOURS[1], 2.0);
    area.curve(&mut svg, &series(Signal::Usage), usage);
    area.curve(&mut svg, &series(Signal::Unreclaimable), unreclaimable);
    let spoken: Vec<(f64, f64)> = said.iter().filter_map(|said| Some((said.at, said.score?))).collect();
    area.curve(&mut svg, &spoken, probability);
    let mut entries = vec![
        (usage, "usage".to_owned()),
        (unreclaimable, "cannot be given back".to_owned()),
        (probability, format!("P(kill within {horizon} s), as stated")),
    ];
    if let Some(kill) = trace.killed_at {
        let stroke = Stroke::dashed(INK, 1.5);
        svg.line(area.at(kill, 0.0), area.at(kill, 1.0), stroke);
        entries.push((stroke, format!("killed at {kill:.1} s")));
    }
    row_of(&mut svg, &entries);
    svg.finish()
}

/// A legend in one row below the title.
fn row_of(svg: &mut Svg, entries: &[(Stroke, String)]) {
    let mut x = 62.0;
    for entry in entries {
        legend(svg, (x, 48.0), std::slice::from_ref(entry));
        x += 50.0 + 6.2 * entry.1.len() as f64;
    }
    if entries.len() == 3 {
        svg.text((x, 52.0), Anchor::Start, 11.5, "not killed");
    }
}
