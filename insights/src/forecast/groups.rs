//! Which part of what was seen speaks for the limit being met, and which against it.

use super::Model;
use super::names::{FEATURES, NAMES};

/// Features that are understood together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// How full the resource is, and how full it ever was.
    Level,
    /// How it grows: slopes, acceleration, and when they lead to the limit.
    Trend,
    /// How much it jumps about.
    Noise,
    /// What it did before: peaks survived, growth within past horizons, age.
    History,
    /// What could be reclaimed, and how often the limit was hit.
    Reclaim,
}

/// What one group of features adds to the log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The features.
    pub group: Group,
    /// Log-odds with them less log-odds without; positive speaks for the limit being met.
    pub log_odds: f64,
}

impl Group {
    /// All groups, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::Level, Self::Trend, Self::Noise, Self::History, Self::Reclaim];

    /// What the group is, in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Level => "how full it is",
            Self::Trend => "how it grows",
            Self::Noise => "how much it jumps about",
            Self::History => "what it did before",
            Self::Reclaim => "what can be reclaimed",
        }
    }

    fn holds(self, name: &str) -> bool {
        Self::of(name) == self
    }

    fn of(name: &str) -> Self {
        match name {
            "u" | "d" | "M" | "u_M" | "dmax_q" | "dmax_h" => Self::Level,
            "sd_q" | "sd_h" | "dif_q" | "dif_h" => Self::Noise,
            "us" | "F" | "A" | "hit" | "hitE" => Self::Reclaim,
            "npk" | "mpk" | "sdpk" | "zpk" | "upk" | "lage" | "tsd" | "ninc" | "mxI" | "mI" | "fge" | "gapI" => {
                Self::History
            }
            _ => Self::Trend,
        }
    }
}

/// What each group adds, by leaving it out: the strongest first.
#[must_use]
pub fn shares(model: &Model, features: &[f32; FEATURES]) -> [Share; 5] {
    let whole = model.score(features);
    let mut shares = Group::ALL.map(|group| Share {
        group,
        log_odds: whole - model.score(&without(features, group)),
    });
    shares.sort_by(|a, b| b.log_odds.total_cmp(&a.log_odds));
    shares
}

fn without(features: &[f32; FEATURES], group: Group) -> [f32; FEATURES] {
    let mut left = *features;
    for (value, name) in left.iter_mut().zip(NAMES) {
        if group.holds(name) {
            *value = f32::NAN;
        }
    }
    left
}
