//! The peaks of a saw-tooth: how high a resource rose before it fell, again and again.

use super::{CEILING, rescaled};

/// A turn counts when the value came back by this fraction of the capacity.
const TURN: f32 = 0.12;
/// Peaks below this are no risk survived.
const LOWEST_PEAK: f32 = 0.3;

/// The peaks that a resource survived.
#[derive(Debug, Clone, Copy)]
pub struct Peaks {
    count: u32,
    falling: bool,
    high: f32,
    low: f32,
    sum: f64,
    squares: f64,
    /// Nanoseconds after the first sample.
    dropped: u64,
}

impl Default for Peaks {
    fn default() -> Self {
        Self {
            count: 0,
            falling: false,
            high: 0.0,
            low: 0.0,
            sum: 0.0,
            squares: 0.0,
            dropped: 0,
        }
    }
}

impl Peaks {
    /// How many there were.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Their mean height, a fraction of the capacity; `None` when there was none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }

    /// How much their heights differ: the standard deviation; `None` when there was none.
    pub fn deviation(&self) -> Option<f64> {
        let mean = self.mean()?;
        let variance = self.squares / f64::from(self.count) - mean * mean;
        Some(variance.max(0.0).sqrt())
    }

    /// When the value fell from the last peak, nanoseconds after the first sample.
    pub(super) fn last_drop(&self) -> Option<u64> {
        (self.count > 0).then_some(self.dropped)
    }

    pub(super) fn take(&mut self, value: f32, elapsed: u64) {
        if self.falling {
            self.low = self.low.min(value);
            if value > self.low + TURN {
                self.falling = false;
                self.high = value;
            }
            return;
        }
        self.high = self.high.max(value);
        if value < self.high - TURN {
            self.record(elapsed);
            self.falling = true;
            self.low = value;
        }
    }

    pub(super) fn rescale(&mut self, ratio: f64) {
        let most = f64::from(CEILING) * f64::from(self.count);
        self.high = rescaled(self.high, ratio);
        self.low = rescaled(self.low, ratio);
        self.sum = (self.sum * ratio).min(most);
        self.squares = (self.squares * ratio * ratio).min(most * f64::from(CEILING));
    }

    fn record(&mut self, elapsed: u64) {
        if self.high > LOWEST_PEAK {
            let high = f64::from(self.high);
            self.count = self.count.saturating_add(1);
            self.sum += high;
            self.squares += high * high;
            self.dropped = elapsed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saw_tooth_shows_its_peaks() {
        let mut peaks = Peaks::default();
        for round in 0..7_u64 {
            for step in 0..8_u8 {
                peaks.take(0.4 + 0.06 * f32::from(step), round * 8 + u64::from(step));
            }
        }
        assert_eq!(peaks.count(), 6);
        assert!((peaks.mean().unwrap() - 0.82).abs() < 1e-6);
        assert!(peaks.deviation().unwrap() < 1e-3);
        assert_eq!(peaks.last_drop(), Some(48));
    }

    #[test]
    fn small_waves_and_low_ones_are_no_peaks() {
        let mut peaks = Peaks::default();
        for value in [0.5, 0.6, 0.5, 0.6, 0.5] {
            peaks.take(value, 0);
        }
        let mut low = Peaks::default();
        for value in [0.0, 0.25, 0.0, 0.25, 0.0] {
            low.take(value, 0);
        }
        assert_eq!((peaks.count(), low.count()), (0, 0));
        assert_eq!(peaks.mean(), None);
    }
}
