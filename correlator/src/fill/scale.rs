//! The time scales: bucket widths and bucket numbers of the levels, in whole nanoseconds.

use super::HORIZON_COUNT;

/// Bucket width of the finest level: 7.5 s / 64, in nanoseconds.
pub(super) const FINEST_NANOS: u64 = 117_187_500;
/// The longest horizon, in nanoseconds: after a longer silence nothing of a record is worth keeping.
pub(super) const LONGEST: u64 = 64 * (FINEST_NANOS << (HORIZON_COUNT - 1));

/// Bucket width of a level, nanoseconds.
pub(super) fn width_nanos(level: usize) -> u64 {
    FINEST_NANOS << level
}

/// The number of the bucket of `level` that is open `elapsed` nanoseconds after the first sample.
pub(super) fn tick(elapsed: u64, level: usize) -> u64 {
    (elapsed / FINEST_NANOS) >> level
}
