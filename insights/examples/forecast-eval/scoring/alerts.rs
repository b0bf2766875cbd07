//! Alerts from hits: two hits in a row open one, five misses in a row close it.

/// Hits in a row that open an alert.
const OPENS: usize = 2;
/// Misses in a row that close it.
const CLOSES: usize = 5;

/// One alert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Episode {
    /// When it opened, in seconds.
    pub(crate) from: f64,
    /// When it closed; `None`: it was active at the last instant.
    pub(crate) to: Option<f64>,
}

/// The alerts on one trace, from what was said at each instant (seconds, hit or miss).
pub(crate) fn episodes(said: impl IntoIterator<Item = (f64, bool)>) -> Vec<Episode> {
    let mut found: Vec<Episode> = Vec::new();
    let (mut hits, mut misses) = (0, 0);
    for (at, hit) in said {
        (hits, misses) = if hit { (hits + 1, 0) } else { (0, misses + 1) };
        match found.last_mut().filter(|last| last.to.is_none()) {
            Some(open) if misses >= CLOSES => open.to = Some(at),
            None if hits >= OPENS => found.push(Episode { from: at, to: None }),
            _ => {}
        }
    }
    found
}

/// What the alerts of one rule are worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Worth {
    /// Traces without a kill.
    pub(crate) survivors: usize,
    /// How many of them were alarmed.
    pub(crate) alarmed: usize,
    /// Alerts on them.
    pub(crate) false_episodes: usize,
    /// Traces with a kill.
    pub(crate) kills: usize,
    /// Seconds from the opening of the alert that was active at the kill to the kill, one for each kill detected.
    pub(crate) leads: Vec<f64>,
}

impl Worth {
    /// Counts the alerts on one more trace.
    pub(crate) fn add(&mut self, killed_at: Option<f64>, episodes: &[Episode]) {
        let Some(kill) = killed_at else {
            self.survivors += 1;
            self.alarmed += usize::from(!episodes.is_empty());
            self.false_episodes += episodes.len();
            return;
        };
        self.kills += 1;
        let active = episodes.last().filter(|last| last.to.is_none());
        self.leads.extend(active.map(|episode| kill - episode.from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Vec<Episode> {
        let hits = pattern.bytes().enumerate();
        episodes(hits.map(|(index, said)| (index as f64, said == b'x')))
    }

    #[test]
    fn one_hit_is_no_alert() {
        assert!(of("..x..x.x").is_empty());
        assert_eq!(of("..xx"), [Episode { from: 3.0, to: None }]);
    }

    #[test]
    fn four_misses_do_not_close_it_and_five_do() {
        assert_eq!(of("xx....x."), [Episode { from: 1.0, to: None }]);
        assert_eq!(of("xx.....xx").len(), 2);
        assert_eq!(of("xx.....")[0].to, Some(6.0));
    }

    #[test]
    fn a_kill_is_detected_by_the_alert_that_is_active_then() {
        let mut worth = Worth::default();
        worth.add(Some(10.0), &of("xx......xx"));
        worth.add(Some(10.0), &of("xx........"));
        worth.add(None, &of("xx.....xx."));
        worth.add(None, &of(".........."));
        assert_eq!((worth.kills, worth.leads.as_slice()), (2, [1.0].as_slice()));
        assert_eq!((worth.survivors, worth.alarmed, worth.false_episodes), (2, 1, 2));
    }
}
