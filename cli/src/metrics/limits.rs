//! How many series there may be, and for how long, unless the configuration says otherwise.

use std::time::Duration;

/// Most series of one metric, and of one pod.
pub(crate) const MAX_OF_METRIC: usize = 10_000;
pub(crate) const MAX_OF_POD: usize = 1_000;
/// A container of which nothing was heard for so long has ended, and leaves.
pub(crate) const IDLE: Duration = Duration::from_secs(300);

/// How many series there may be, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of one metric.
    pub(crate) of_metric: usize,
    /// Of one pod.
    pub(crate) of_pod: usize,
    /// Of a container of which nothing was heard.
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            of_metric: MAX_OF_METRIC,
            of_pod: MAX_OF_POD,
            idle: IDLE,
        }
    }
}
