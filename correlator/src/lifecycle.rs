//! The life of an insight: said once when it opens, again only when it got worse, and once more when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::detector::Verdict;
use crate::identity::Scope;
use crate::insight::{Insight, Severity, Status};
use crate::time::Timestamp;

/// An insight is repeated at most this often while it grows, unless it becomes more severe.
const QUIET_TIME: Duration = Duration::from_secs(10);
/// Most insights that are open at once.
const MAX_OPEN: usize = 10_000;

type Key = (Scope, &'static str, String);

/// The open insights.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    open: BTreeMap<Key, Open>,
    refused: u64,
}

#[derive(Debug)]
struct Open {
    said: Insight,
    seen: Timestamp,
    hold: Duration,
}

impl Lifecycle {
    /// Takes a verdict in and gives back what is to be said.
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        id: &'static str,
        hold: Duration,
        verdict: Verdict,
    ) -> Vec<Insight> {
        match verdict {
            Verdict::Quiet => Vec::new(),
            Verdict::NotYet => {
                for ((of, by, _), open) in &mut self.open {
                    if of == scope && *by == id {
                        open.seen = now;
                    }
                }
                Vec::new()
            }
            Verdict::Found(found) => found
                .into_iter()
                .filter_map(|i| self.found(now, scope, hold, i))
                .collect(),
        }
    }

    fn found(&mut self, now: Timestamp, scope: &Scope, hold: Duration, mut insight: Insight) -> Option<Insight> {
        insight.at = now;
        let key = (scope.clone(), insight.id, insight.what.clone());
        if let Some(open) = self.open.get_mut(&key) {
            open.seen = now;
            if !is_news(&open.said, &insight, now) {
                return None;
            }
            insight.status = Status::Updated;
            open.said = insight.clone();
            return Some(insight);
        }
        if self.open.len() >= MAX_OPEN {
            self.refused += 1;
            return None;
        }
        insight.status = Status::Opened;
        self.open.insert(
            key,
            Open {
                said: insight.clone(),
                seen: now,
                hold,
            },
        );
        Some(insight)
    }

    /// Gives back the insights that are over.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<Insight> {
        let over: Vec<Key> = self
            .open
            .iter()
            .filter(|(_, open)| now.since(open.seen) >= open.hold)
            .map(|(key, _)| key.clone())
            .collect();
        over.iter()
            .filter_map(|key| self.open.remove(key))
            .map(|open| resolved(open.said, now))
            .collect()
    }

    /// A container that was known by its id has a name: what was said of it stays the same insight.
    pub(crate) fn rename(&mut self, scope: &Scope, id: &str, name: &str) {
        let renamed: Vec<Key> = self
            .open
            .keys()
            .filter(|(of, _, what)| of == scope && what.starts_with(id))
            .cloned()
            .collect();
        for key in renamed {
            if let Some(open) = self.open.remove(&key) {
                let what = key.2.replacen(id, name, 1);
                self.open.insert((key.0, key.1, what), open);
            }
        }
    }

    /// The open insights, as they were last said.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Insight> {
        self.open.values().map(|open| &open.said)
    }

    /// Where insights are open.
    pub(crate) fn scopes(&self) -> BTreeSet<&Scope> {
        self.open.keys().map(|(scope, _, _)| scope).collect()
    }

    /// How many insights were not said because too many are open.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }
}

fn is_news(said: &Insight, now_said: &Insight, now: Timestamp) -> bool {
    let worse = now_said.severity > said.severity;
    let doubled = now_said.revision >= said.revision.saturating_mul(2);
    worse || (doubled && now.since(said.at) >= QUIET_TIME)
}

fn resolved(mut insight: Insight, now: Timestamp) -> Insight {
    insight.status = Status::Resolved;
    insight.severity = Severity::Info;
    insight.at = now;
    insight.prediction = None;
    insight.remedies.clear();
    insight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Subject;

    const HOLD: Duration = Duration::from_secs(60);

    fn insight(severity: Severity, revision: u64) -> Insight {
        let mut insight = Insight::new("test", Subject::Cluster, severity, "t".into(), "c".into());
        insight.revision = revision;
        insight.what = "id-1".into();
        insight
    }

    fn observe(life: &mut Lifecycle, second: u64, insight: Insight) -> Vec<Status> {
        let now = Timestamp::from_secs(second);
        let said = life.observe(now, &Scope::Cluster, "test", HOLD, Verdict::Found(vec![insight]));
        said.iter().map(|insight| insight.status).collect()
    }

    #[test]
    fn it_is_said_once_and_again_when_it_doubled() {
        let mut life = Lifecycle::default();
        assert_eq!(observe(&mut life, 0, insight(Severity::Warning, 1)), [Status::Opened]);
        assert_eq!(observe(&mut life, 1, insight(Severity::Warning, 1)), []);
        assert_eq!(observe(&mut life, 2, insight(Severity::Warning, 2)), [], "too soon");
        assert_eq!(observe(&mut life, 20, insight(Severity::Warning, 2)), [Status::Updated]);
        assert_eq!(observe(&mut life, 40, insight(Severity::Warning, 3)), []);
        assert_eq!(
            observe(&mut life, 41, insight(Severity::Critical, 3)),
            [Status::Updated]
        );
    }

    #[test]
    fn it_is_over_when_it_stayed_away_for_the_hold_time() {
        let mut life = Lifecycle::default();
        observe(&mut life, 0, insight(Severity::Warning, 1));
        assert!(life.expire(Timestamp::from_secs(59)).is_empty());
        let over: Vec<_> = life.expire(Timestamp::from_secs(60)).iter().map(|i| i.status).collect();
        assert_eq!(over, [Status::Resolved]);
        assert_eq!(life.open().count(), 0);
    }

    #[test]
    fn not_yet_keeps_what_was_said() {
        let mut life = Lifecycle::default();
        observe(&mut life, 0, insight(Severity::Warning, 1));
        life.observe(Timestamp::from_secs(50), &Scope::Cluster, "test", HOLD, Verdict::NotYet);
        assert!(life.expire(Timestamp::from_secs(100)).is_empty());
    }

    #[test]
    fn a_name_learnt_later_makes_no_second_insight() {
        let mut life = Lifecycle::default();
        observe(&mut life, 0, insight(Severity::Warning, 1));
        life.rename(&Scope::Cluster, "id-1", "app");
        let mut named = insight(Severity::Warning, 1);
        named.what = "app".into();
        assert_eq!(observe(&mut life, 1, named), []);
    }
}
