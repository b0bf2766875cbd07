//! A plot area with axes, grid, labels and a legend.

use super::svg::{Anchor, GRID, INK, Stroke, Svg};

/// One axis.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    /// Decimals of the tick labels.
    pub(super) digits: usize,
}

impl Axis {
    /// From 0 to 1 in fifths.
    pub(super) fn share(label: &str) -> Self {
        let ticks = (0..=5).map(|fifth| f64::from(fifth) / 5.0).collect();
        Self {
            label: label.to_owned(),
            low: 0.0,
            high: 1.0,
            ticks,
            digits: 1,
        }
    }

    /// From 0 to `high` with about six ticks on round numbers.
    pub(super) fn upto(label: &str, high: f64) -> Self {
        let rough = (high / 6.0).max(1e-9);
        let decade = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
        let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * decade);
        let ticks = (0..=20)
            .map(|index| f64::from(index) * step)
            .take_while(|tick| *tick <= high)
            .collect();
        Self {
            label: label.to_owned(),
            low: 0.0,
            high,
            ticks,
            digits: usize::from(step < 1.0),
        }
    }
}

/// Where things are drawn.
#[derive(Debug, Clone)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Area {
    /// The pixel of a point.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let across = (x - self.x.low) / (self.x.high - self.x.low);
        let up = (y - self.y.low) / (self.y.high - self.y.low);
        (
            self.left + across.clamp(0.0, 1.0) * self.width,
            self.top + (1.0 - up.clamp(0.0, 1.0)) * self.height,
        )
    }

    /// Grid, ticks and labels.
    pub(super) fn draw(&self, svg: &mut Svg) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        for tick in &self.x.ticks {
            let (x, _) = self.at(*tick, self.y.low);
            svg.line((x, self.top), (x, bottom), Stroke::solid(GRID, 1.0));
            svg.text(
                (x, bottom + 16.0),
                Anchor::Middle,
                11.0,
                &format!("{tick:.*}", self.x.digits),
            );
        }
        for tick in &self.y.ticks {
            let (_, y) = self.at(self.x.low, *tick);
            svg.line((self.left, y), (right, y), Stroke::solid(GRID, 1.0));
            svg.text(
                (self.left - 6.0, y + 4.0),
                Anchor::End,
                11.0,
                &format!("{tick:.*}", self.y.digits),
            );
        }
        svg.line((self.left, bottom), (right, bottom), Stroke::solid(INK, 1.0));
        svg.line((self.left, self.top), (self.left, bottom), Stroke::solid(INK, 1.0));
        svg.text(
            (self.left + self.width / 2.0, bottom + 34.0),
            Anchor::Middle,
            12.0,
            &self.x.label,
        );
        svg.upward((self.left - 38.0, self.top + self.height / 2.0), &self.y.label);
    }

    /// A line through points of the axes.
    pub(super) fn curve(&self, svg: &mut Svg, points: &[(f64, f64)], stroke: Stroke) {
        let pixels: Vec<(f64, f64)> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        svg.path(&pixels, stroke);
    }
}

/// The legend: a stroke and its name on each line, downwards from a corner.
pub(super) fn legend(svg: &mut Svg, corner: (f64, f64), entries: &[(Stroke, String)]) {
    for (index, (stroke, name)) in entries.iter().enumerate() {
        let y = corner.1 + 18.0 * index as f64;
        svg.line((corner.0, y), (corner.0 + 22.0, y), *stroke);
        svg.text((corner.0 + 28.0, y + 4.0), Anchor::Start, 11.5, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        for (high, count) in [(1.0, 6), (7.3, 4), (95.0, 5), (120.0, 7)] {
            let axis = Axis::upto("t", high);
            assert_eq!(axis.ticks.len(), count, "{:?}", axis.ticks);
            assert!(axis.ticks.iter().all(|tick| *tick <= high));
        }
    }

    #[test]
    fn what_is_outside_is_drawn_at_the_edge() {
        let area = Area {
            left: 10.0,
            top: 10.0,
            width: 100.0,
            height: 50.0,
            x: Axis::share("x"),
            y: Axis::share("y"),
        };
        assert_eq!(area.at(0.0, 0.0), (10.0, 60.0));
        assert_eq!(area.at(2.0, 2.0), (110.0, 10.0));
    }
}
