//! How many insights were said, by the worst severity that each reached.

use std::collections::BTreeMap;

use correlator::{Insight, Scope, Severity, Status};

type Key = (&'static str, String, Scope);

/// Counts insights. Remembers those that are open, of which the engine allows 10,000.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<Severity, u64>,
    open: BTreeMap<Key, Severity>,
}

impl Tally {
    /// An insight was said.
    pub(crate) fn count(&mut self, insight: &Insight) {
        let key = (insight.id, insight.what.clone(), insight.subject.scope());
        if insight.status == Status::Resolved {
            self.open.remove(&key);
            return;
        }
        let before = self.open.get(&key).copied();
        let worst = before.map_or(insight.severity, |before| before.max(insight.severity));
        if before == Some(worst) {
            return;
        }
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count -= 1;
        }
        *self.counts.entry(worst).or_default() += 1;
        self.open.insert(key, worst);
    }

    /// The worst that was said.
    pub(crate) fn worst(&self) -> Option<Severity> {
        let mut said = self.counts.iter().rev().filter(|(_, count)| **count > 0);
        said.next().map(|(severity, _)| *severity)
    }

    /// `3 (1 critical, 2 info)`, or `0`.
    pub(crate) fn text(&self) -> String {
        let said = self.counts.iter().rev().filter(|(_, count)| **count > 0);
        let parts: Vec<String> = said
            .map(|(severity, count)| format!("{count} {}", severity.label()))
            .collect();
        let all: u64 = self.counts.values().sum();
        if parts.is_empty() {
            all.to_string()
        } else {
            format!("{all} ({})", parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use correlator::Subject;

    use super::*;

    fn said(status: Status, severity: Severity, what: &str) -> Insight {
        let mut insight = Insight::new("oom-trend", Subject::Cluster, severity, String::new(), String::new());
        (insight.status, insight.what) = (status, what.to_owned());
        insight
    }

    #[test]
    fn an_insight_counts_once_at_the_worst_it_reached() {
        let mut tally = Tally::default();
        assert_eq!((tally.text(), tally.worst()), ("0".to_owned(), None));
        tally.count(&said(Status::Opened, Severity::Info, "a"));
        tally.count(&said(Status::Opened, Severity::Info, "b"));
        tally.count(&said(Status::Updated, Severity::Critical, "a"));
        tally.count(&said(Status::Updated, Severity::Warning, "a"));
        assert_eq!(tally.text(), "2 (1 critical, 1 info)");
        tally.count(&said(Status::Resolved, Severity::Critical, "a"));
        tally.count(&said(Status::Opened, Severity::Warning, "a"));
        assert_eq!(tally.text(), "3 (1 critical, 1 warning, 1 info)");
        assert_eq!(tally.worst(), Some(Severity::Critical));
    }
}
