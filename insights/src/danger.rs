//! What is worth saying of a resource that fills up: how likely its limit is met, by when, and how sure that is.

use std::time::Duration;

use correlator::{Calibration, Fill, HORIZONS, Outlook, Prediction, Severity, Timestamp, Tunable};

use crate::forecast::{Curve, TimeToLimit, straight_line};

/// Without a sample for this long nothing is said: the container ended, or is not watched any more. Some things are looked at
/// every ten seconds only.
const FRESH: Duration = Duration::from_secs(25);
/// Log-odds of certainty, beyond which probabilities are not told apart.
const CERTAIN: f64 = 20.0;

/// The longest horizon that someone is woken for: by default 32 minutes.
pub(crate) const fn soon(detector: &'static str) -> Tunable {
    Tunable {
        detector,
        name: "soonSeconds",
        default: 1_920.0,
        bounds: [30.0, 30_720.0],
        meaning: "how soon the limit has to be met for it to be critical",
    }
}

/// A limit that is likely enough to be met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Danger<'a> {
    pub(crate) fill: &'a Fill,
    pub(crate) severity: Severity,
    /// The shortest horizon that is as bad as that, by its place in [`HORIZONS`].
    pub(crate) horizon: usize,
    /// Recalibrated, 0 to 1.
    pub(crate) probability: f64,
    pub(crate) time: Option<TimeToLimit>,
}

impl<'a> Danger<'a> {
    /// What the outlook says now: what is soon is as bad as it says, later on it is a warning at most. `None` when it says nothing
    /// bad, and when the record is not fed any more.
    pub(crate) fn of(fill: &'a Fill, outlook: &Outlook, now: Timestamp, soon: Duration) -> Option<Self> {
        if now.since(fill.last()?.at) >= FRESH {
            return None;
        }
        let worst = |horizons: std::ops::Range<usize>| horizons.filter_map(|horizon| outlook.severity(horizon)).max();
        let later = HORIZONS.partition_point(|horizon| *horizon <= soon);
        let severity =
            worst(0..later).or_else(|| worst(later..HORIZONS.len()).map(|later| later.min(Severity::Warning)))?;
        let horizon = outlook.soonest(severity)?;
        Some(Self {
            fill,
            severity,
            horizon,
            probability: outlook.probability(horizon)?,
            time: TimeToLimit::of(&curve(outlook), straight_line(fill, horizon)),
        })
    }

    /// The horizon.
    pub(crate) fn within(&self) -> Duration {
        HORIZONS[self.horizon]
    }

    /// The same for the output; `event` is what happens when the limit is met.
    pub(crate) fn prediction(&self, event: &'static str, calibration: &Calibration) -> Prediction {
        let confidence = calibration.confidence(self.horizon, self.probability);
        Prediction {
            event,
            probability: self.probability,
            horizon: self.within(),
            time_to_event: self
                .time
                .map(|time| [time.low, time.likely, time.high].map(|time| time.as_secs_f64())),
            confidence: format!("{}; cannot foresee sudden allocations", confidence.says),
        }
    }
}

/// The recalibrated probabilities as a curve over the time ahead.
fn curve(outlook: &Outlook) -> Curve {
    let log_odds = |p: f64| (p / (1.0 - p)).ln().clamp(-CERTAIN, CERTAIN);
    Curve::new(std::array::from_fn(|horizon| {
        outlook.probability(horizon).map(log_odds)
    }))
}
