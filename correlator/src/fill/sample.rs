//! One sample of a resource, as it is given and as fractions of the capacity.

use crate::time::Timestamp;

/// One sample of a resource that fills up towards a limit (memory: bytes; processes, files, entries: pieces).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub at: Timestamp,
    /// What is used and cannot be given back.
    pub used: f64,
    /// The least that is left over the resource's own limit and those around it; at or below zero the limit is met.
    pub headroom: f64,
    /// The nominal lowest limit: when it changes, the resource was resized.
    pub limit: f64,
    /// Memory that can be reclaimed, bytes; zero for other resources.
    pub cache: f64,
    /// The part of `cache` that is in use, bytes.
    pub active_cache: f64,
    /// The limit was hit since the sample before.
    pub hits: bool,
}

/// A sample in fractions of the capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Fractions {
    /// What cannot be given back, 0 to 1.
    pub used: f32,
    /// What can be reclaimed, 0 to 1.
    pub cache: f32,
    /// The part of that which is in use, 0 to 1.
    pub active_cache: f32,
}

impl Fractions {
    /// `None` when a number is not sound.
    pub(super) fn of(sample: &Sample) -> Option<Self> {
        let capacity = sample.used + sample.headroom.max(0.0);
        let numbers = [sample.used, sample.cache, sample.active_cache];
        let sound = numbers.iter().all(|number| number.is_finite() && *number >= 0.0)
            && sample.headroom.is_finite()
            && [capacity, sample.limit]
                .iter()
                .all(|number| number.is_finite() && *number > 0.0);
        sound.then(|| {
            let [used, cache, active_cache] = numbers.map(|number| share(number, capacity));
            Self {
                used,
                cache,
                active_cache,
            }
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction keeps seven digits")]
fn share(part: f64, capacity: f64) -> f32 {
    (part / capacity).min(1.0) as f32
}
