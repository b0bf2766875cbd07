//! # A node's connection tracking table is nearly full
//!
//! **Why it matters.** When it is full the kernel drops the first packet of every new connection, for all pods of the node at once;
//! it looks like a broken network, and only the node's kernel log says why.
//!
//! **How it is seen.** The entries of the table in the node's own network namespace (`/proc/net/stat/nf_conntrack`) against
//! `net.netfilter.nf_conntrack_max`.
//!
//! **Thresholds.** A warning at 90 % of the limit, critical at 98 %, at two readings ten seconds apart.
//!
//! **What to do.** Find who opens so many connections; raise the limit on the node if the load is real.

use correlator::{Insight, Series, Severity, Source, Tunable, Verdict, Window, signals};

use crate::phrase::percent;
use crate::remedies;
use crate::rule::Rule;

const NEARLY: Tunable = Tunable {
    detector: "conntrack-full",
    name: "fullRatio",
    default: 0.9,
    bounds: [0.1, 1.0],
    meaning: "part of the table in use that is too much",
};
const FULL: Tunable = Tunable {
    detector: "conntrack-full",
    name: "criticalFullRatio",
    default: 0.98,
    bounds: [0.1, 1.0],
    meaning: "part of the table in use from which on it is critical",
};
const READINGS: usize = 2;

pub(crate) const RULE: Rule = Rule {
    needs: &["node"],
    tunables: &[NEARLY, FULL],
    ..Rule::new("conntrack-full", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::of(on_node(window).into_iter().collect())
}

fn on_node(window: &Window<'_>) -> Option<Insight> {
    let last = |signal| window.own().series(signal).and_then(Series::last);
    let most = last(&signals::NODE_CONNTRACK_MAX).filter(|most| most.last > 0.0)?.last;
    let entries = window.own().series(&signals::NODE_CONNTRACK_ENTRIES)?;
    let share = |bucket: &correlator::Bucket| bucket.last / most;
    let nearly = window.tuned(&NEARLY);
    let lasting = entries
        .buckets()
        .rev()
        .take_while(|bucket| share(bucket) >= nearly)
        .count();
    let now = entries.last().filter(|_| lasting >= READINGS)?;
    let severity = if share(&now) >= window.tuned(&FULL) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let subject = window.subject();
    let title = format!(
        "the connection tracking table of {subject} is {} full",
        percent(share(&now))
    );
    let cause = format!(
        "{:.0} of {most:.0} connections are tracked; beyond that the kernel drops the first packet of every new one, for all pods of the node",
        now.last
    );
    let mut insight = Insight::new("conntrack-full", subject, severity, title, cause);
    for bucket in entries.buckets().rev().take(READINGS) {
        insight = insight.because(
            bucket.at,
            Source::Kernel,
            format!("{:.0} of {most:.0} entries", bucket.last),
        );
    }
    insight.evidence.reverse();
    let node = match window.scope() {
        correlator::Scope::Node(node) => Some(&**node),
        _ => None,
    };
    insight.remedies.extend(remedies::look_at_node(node));
    Some(insight)
}
