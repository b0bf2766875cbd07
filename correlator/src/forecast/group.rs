//! Horizons of one order of magnitude, which are calibrated together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::HORIZONS;

/// Which recalibration holds for a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Up to two minutes.
    Short,
    /// Up to half an hour.
    Middle,
    /// Beyond.
    Long,
}

impl Group {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Short, Self::Middle, Self::Long];

    /// The group of a horizon, by its place in [`HORIZONS`]; what is beyond the last counts as the longest.
    pub fn of(horizon: usize) -> Self {
        match HORIZONS.get(horizon) {
            Some(length) if *length <= Duration::from_secs(120) => Self::Short,
            Some(length) if *length <= Duration::from_secs(1_800) => Self::Middle,
            _ => Self::Long,
        }
    }

    /// Its place in [`Group::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Short => 0,
            Self::Middle => 1,
            Self::Long => 2,
        }
    }

    /// The label value of this group.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Short => "2m",
            Self::Middle => "30m",
            Self::Long => "longer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_horizon_has_its_group() {
        let counts = Group::ALL.map(|group| (0..HORIZONS.len()).filter(|k| Group::of(*k) == group).count());
        assert_eq!(counts, [5, 3, 5]);
        assert_eq!(
            (Group::of(4), Group::of(5), Group::of(99)),
            (Group::Short, Group::Middle, Group::Long)
        );
    }
}
