//! # Tapio does not see everything it was asked to watch
//!
//! **Why it matters.** Silence about something that nobody watches is not good news. Other insights that may have missed
//! something name the same gap under `blind`.
//!
//! **How it is seen.** Every source says when it cannot start, when it stops, and how many events it lost.
//!
//! **Thresholds.** A source that is blind for two seconds, or any lost event. Info.
//!
//! **What to do.** What the insight says: usually a capability, an RBAC rule or a larger buffer.

use std::time::Duration;

use correlator::{Gap, Insight, Scope, Severity, Source, Subject, Timestamp, Tunable, Verdict, Window};

use crate::phrase::count;
use crate::rule::Rule;

const PATIENCE: Tunable = Tunable {
    detector: "blind-spot",
    name: "patienceSeconds",
    default: 2.0,
    bounds: [0.0, 3600.0],
    meaning: "how long a source may be blind, as when it is started again",
};

pub(crate) const RULE: Rule = Rule {
    hold: Duration::from_secs(5),
    tunables: &[PATIENCE],
    ..Rule::new("blind-spot", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if *window.scope() != Scope::Cluster {
        return Verdict::Quiet;
    }
    let lasting = window
        .world()
        .gaps()
        .filter(|(since, _)| window.now().since(*since) >= window.tuned_time(&PATIENCE));
    let gaps = lasting.map(|(since, gap)| blind(*since, gap));
    let losses = window
        .world()
        .losses()
        .map(|((source, reason), loss)| lost(source, reason, loss.count, loss.last));
    Verdict::of(gaps.chain(losses).collect())
}

fn blind(since: Timestamp, gap: &Gap) -> Insight {
    let title = format!("{} cannot be watched", gap.what);
    let mut insight = Insight::new(
        "blind-spot",
        Subject::Cluster,
        Severity::Info,
        title,
        gap.why.to_string(),
    );
    insight.what = gap.source.to_string();
    let says = format!("{} is blind; to mend it: {}", gap.source, gap.fix);
    insight.because(since, Source::Tapio, says)
}

fn lost(source: &str, reason: &str, events: u64, last: Timestamp) -> Insight {
    let number = count(usize::try_from(events).unwrap_or(usize::MAX), "event");
    let title = format!("{number} of {source} lost");
    let mut insight = Insight::new("blind-spot", Subject::Cluster, Severity::Info, title, reason.to_owned());
    insight.what = format!("{source} {reason}");
    insight.revision = events;
    insight.because(last, Source::Tapio, format!("{source} lost {number}: {reason}"))
}
