//! One recorded trace of a memory cgroup: the rows of its CSV, what its JSON says of it, and what there was to forecast.

/// What was read from the cgroup at one time. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// Seconds since the start of the container.
    pub(crate) at: f64,
    /// All that is charged to the cgroup, page cache included.
    pub(crate) usage: f64,
    /// Kubernetes' working set: `usage` without the inactive page cache.
    pub(crate) working_set: f64,
    /// What the kernel cannot give back under pressure.
    pub(crate) unreclaimable: f64,
    /// Page cache on the file lists.
    pub(crate) cache: f64,
    /// The part of `cache` on the active list.
    pub(crate) active_cache: f64,
    /// The limit in force.
    pub(crate) limit: f64,
    /// How often the limit was hit so far.
    pub(crate) limit_hits: f64,
}

/// A trace with at least two rows, their times rising, all of them before the kill.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// What kind of program was recorded.
    pub(crate) family: String,
    /// When the kernel killed it, in seconds since the start. `None`: never.
    pub(crate) killed_at: Option<f64>,
    /// How long the recording was meant to be, in seconds.
    pub(crate) planned_s: f64,
    /// The samples.
    pub(crate) rows: Vec<Row>,
}

impl Trace {
    /// Time of the last row, in seconds.
    pub(crate) fn last_at(&self) -> f64 {
        self.rows.last().map_or(0.0, |row| row.at)
    }

    /// Until when it is known whether there was a kill, in seconds: the planned end, also of a trace that a kill cut
    /// short, so that dying and surviving traces are judged by the same rule.
    pub(crate) fn known_until(&self) -> f64 {
        match self.killed_at {
            Some(_) => self.planned_s,
            None => self.planned_s.max(self.last_at()),
        }
    }

    /// Whether the kernel kills it in `(at, at + horizon]`, both in seconds.
    pub(crate) fn dies_within(&self, at: f64, horizon: f64) -> bool {
        self.killed_at.is_some_and(|kill| at < kill && kill <= at + horizon)
    }

    /// The trace as a sampler that reads `rate` times a second would have seen it. A hit of the limit between two
    /// readings is not lost: the count rises with the next one.
    #[must_use]
    pub(crate) fn thinned(mut self, rate: f64) -> Self {
        let mut due = f64::NEG_INFINITY;
        self.rows.retain(|row| {
            let keeps = row.at >= due - 1e-6;
            if keeps {
                due = row.at + 1.0 / rate;
            }
            keeps
        });
        self
    }

    /// The last row that is not after `at`.
    pub(crate) fn row_at(&self, at: f64) -> usize {
        self.rows.partition_point(|row| row.at <= at + 1e-9).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::trace;

    #[test]
    fn a_kill_at_the_end_of_the_horizon_counts_and_one_now_does_not() {
        let trace = trace(Some(10.0), |_| 0.5);
        assert!(trace.dies_within(2.5, 7.5));
        assert!(!trace.dies_within(2.4, 7.5));
        assert!(!trace.dies_within(10.0, 7.5));
    }

    #[test]
    fn a_survivor_is_known_for_as_long_as_it_was_watched() {
        let mut survivor = trace(None, |_| 0.5);
        survivor.planned_s = 5.0;
        assert!(survivor.known_until() > 19.0);
        let killed = trace(Some(10.0), |_| 0.5);
        assert!((killed.known_until() - killed.planned_s).abs() < 1e-9);
    }

    #[test]
    fn a_slower_sampler_sees_fewer_rows_and_no_fewer_hits() {
        let mut fast = trace(None, |_| 0.5);
        fast.rows[3].limit_hits = 1.0;
        for row in &mut fast.rows[3..] {
            row.limit_hits = 1.0;
        }
        let slow = fast.clone().thinned(2.0);
        let apart: Vec<f64> = slow.rows.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        assert!(apart.iter().all(|step| (step - 0.5).abs() < 1e-6), "{apart:?}");
        assert!(slow.rows[1].limit_hits > slow.rows[0].limit_hits);
    }

    #[test]
    fn the_row_at_a_time_is_the_last_one_before_it() {
        let trace = trace(None, |_| 0.5);
        assert_eq!(trace.row_at(0.0), 0);
        assert_eq!(trace.row_at(0.95), 9);
        assert_eq!(trace.row_at(1e9), trace.rows.len() - 1);
    }
}
