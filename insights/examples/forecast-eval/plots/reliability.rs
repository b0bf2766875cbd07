//! How often what was stated came true, and how often it was stated.

use super::axes::{Area, Axis, legend};
use super::svg::{Anchor, COLOURS, INK, Stroke, Svg};
use crate::scoring::metrics::{BINS, Bin, reliability};

/// The diagram of one horizon for probabilities as stated and recalibrated.
pub(super) fn plot(horizon: f64, stated: &[f64], recalibrated: &[f64], labels: &[bool]) -> String {
    let title = format!("Kill within {horizon} s: stated and observed");
    let mut svg = Svg::new(470.0, 606.0, &title);
    let area = Area {
        left: 62.0,
        top: 42.0,
        width: 380.0,
        height: 340.0,
        x: Axis::share("stated probability"),
        y: Axis::share("share that came true"),
    };
    area.draw(&mut svg);
    area.curve(&mut svg, &[(0.0, 0.0), (1.0, 1.0)], Stroke::dashed(INK, 1.0));
    let kinds = [
        ("as stated", reliability(stated, labels, BINS)),
        ("recalibrated on other traces", reliability(recalibrated, labels, BINS)),
    ];
    let mut entries = Vec::new();
    for ((name, bins), colour) in kinds.iter().zip(COLOURS) {
        let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.stated, bin.observed)).collect();
        area.curve(&mut svg, &points, Stroke::solid(colour, 2.0));
        for (x, y) in points {
            svg.dot(area.at(x, y), 4.0, colour);
        }
        entries.push((Stroke::solid(colour, 2.0), (*name).to_owned()));
    }
    entries.push((Stroke::dashed(INK, 1.0), "as often as stated".to_owned()));
    legend(&mut svg, (area.left + 14.0, area.top + 16.0), &entries);
    counts(&mut svg, &kinds.map(|(_, bins)| bins));
    svg.finish()
}

/// Bars of how many statements are in each bin, on a logarithmic scale, with their numbers below.
fn counts(svg: &mut Svg, kinds: &[Vec<Bin>; 2]) {
    const TOP: f64 = 455.0;
    const HEIGHT: f64 = 90.0;
    const LEFT: f64 = 62.0;
    const STEP: f64 = 38.0;
    let most = kinds.iter().flatten().map(|bin| bin.count).max().unwrap_or(1) as f64;
    for (kind, bins) in kinds.iter().enumerate() {
        for bin in bins {
            let place = (bin.stated * f64::from(BINS)).floor().min(f64::from(BINS - 1));
            let high = HEIGHT * (1.0 + bin.count as f64).ln() / (1.0 + most).ln();
            let x = LEFT + STEP * place + 3.0 + 16.0 * kind as f64;
            svg.bar((x, TOP + HEIGHT - high), 15.0, high, COLOURS[kind]);
            let below = TOP + HEIGHT + 13.0 + 12.0 * kind as f64;
            svg.coloured(
                (LEFT + STEP * (place + 0.5), below),
                COLOURS[kind],
                &bin.count.to_string(),
            );
        }
    }
    svg.line(
        (LEFT, TOP + HEIGHT),
        (LEFT + 380.0, TOP + HEIGHT),
        Stroke::solid(INK, 1.0),
    );
    svg.text(
        (LEFT + 190.0, TOP + HEIGHT + 46.0),
        Anchor::Middle,
        12.0,
        "instants in each tenth of the stated probability (log scale)",
    );
}
