//! # A container asks many times for each name it finds
//!
//! **Why it matters.** With `ndots:5`, the default of pods, every name with fewer than five dots is first tried with each
//! search domain: three to five queries that find nothing, for A and for AAAA, before the one that does. Lookups take that
//! much longer and the DNS server has that much more to do.
//!
//! **How it is seen.** The answers to the container's queries, joined to lookups: those that found their name in the end, and the
//! candidates that did not exist before.
//!
//! **Thresholds.** Within a minute, five answers a second that a name does not exist, and three of them or more for each one
//! that does; and at least three of four misses that are known by name belong to lookups that found something. Info; warning
//! from fifty a second on.
//!
//! **What to do.** Write the name with a dot at its end, or set `ndots:2` for the pod.

use correlator::{ContainerView, Insight, Remedy, Risk, Severity, Signal, Source, Tunable, Verdict, Window};

use crate::dns::{self, LATELY};
use crate::kubectl::on_object;
use crate::lookups::{self, Domains, Lookup};
use crate::phrase::{count, escape};
use crate::rates;
use crate::rule::Rule;

const LEAST_A_SECOND: Tunable = Tunable {
    detector: "dns-search-amplification",
    name: "leastPerSecond",
    default: 5.0,
    bounds: [0.1, 1e6],
    meaning: "answers that a name does not exist that are enough",
};
const WARNING_A_SECOND: Tunable = Tunable {
    detector: "dns-search-amplification",
    name: "warningPerSecond",
    default: 50.0,
    bounds: [0.1, 1e6],
    meaning: "answers that a name does not exist from which on it is a warning",
};
const RATIO: Tunable = Tunable {
    detector: "dns-search-amplification",
    name: "leastMissesPerAnswer",
    default: 3.0,
    bounds: [0.5, 100.0],
    meaning: "answers that a name does not exist for each one that it does",
};
/// Lookups known by name, and the share of all misses that they have.
const LEAST_LOOKUPS: usize = 5;
const SHARE: f64 = 0.75;
/// Names that are shown, and characters of each.
const SHOWN: usize = 3;
const NAME: usize = 120;

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/dns"],
    tunables: &[LEAST_A_SECOND, WARNING_A_SECOND, RATIO],
    ..Rule::new("dns-search-amplification", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let now = window.now();
    let rise = |signal: &Signal| rates::between(container, signal, now.minus(LATELY), now);
    let (missing, good) = (rise(&dns::MISSING), rise(&dns::GOOD));
    let a_second = missing / LATELY.as_secs_f64();
    if a_second < window.tuned(&LEAST_A_SECOND) || missing < window.tuned(&RATIO) * good || good <= 0.0 {
        return None;
    }
    let lookups = lookups::of(container, &Domains::of(container));
    let searched: Vec<&Lookup> = lookups
        .iter()
        .filter(|lookup| lookup.is_found() && !lookup.missing.is_empty())
        .collect();
    let wasted: usize = searched.iter().map(|lookup| lookup.missing.len()).sum();
    let known: usize = lookups.iter().map(|lookup| lookup.missing.len()).sum();
    let is_by_search = searched.len() >= LEAST_LOOKUPS && wasted as f64 >= SHARE * known as f64;
    is_by_search.then(|| insight(window, container, (missing, good, a_second), &searched))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    (missing, good, a_second): (f64, f64, f64),
    searched: &[&Lookup],
) -> Insight {
    let (now, subject) = (window.now(), container.subject());
    let severity = if a_second >= window.tuned(&WARNING_A_SECOND) {
        Severity::Warning
    } else {
        Severity::Info
    };
    let title = format!(
        "{subject} makes {:.1} DNS queries in vain for each one that finds its name",
        missing / good
    );
    let cause = "its names have fewer dots than ndots (five in pods), so each is tried with every search domain first";
    let mut insight = Insight::new("dns-search-amplification", subject, severity, title, cause.to_owned());
    container.key().clone_into(&mut insight.what);
    let says = format!("{missing:.0} answers within a minute that a name does not exist, {good:.0} that it does");
    insight = insight.because(now, Source::Kernel, says);
    let mut names: Vec<&str> = searched.iter().rev().map(|lookup| &*lookup.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.iter().take(SHOWN) {
        let Some(lookup) = searched.iter().rev().find(|lookup| lookup.name == *name) else {
            continue;
        };
        let in_vain = count(lookup.missing.len(), "candidate");
        let says = format!("{} was found after {in_vain} that did not exist", escape(name, NAME));
        insight = insight.because(lookup.last, Source::Kernel, says);
    }
    insight.evidence.sort_by_key(|evidence| evidence.at);
    insight.remedies.extend(fewer_dots(container));
    insight
}

/// Sets `ndots:2` in the template of what made the pod.
fn fewer_dots(container: &ContainerView<'_>) -> Option<Remedy> {
    let owner = dns::rolled_out(&container.identity)?;
    let options = r#"{"spec":{"template":{"spec":{"dnsConfig":{"options":[{"name":"ndots","value":"2"}]}}}}}"#;
    let command = on_object(&["patch"], &owner)?.arg(format!("--patch={options}"));
    Some(Remedy {
        title: format!("Set ndots:2 in {owner}"),
        why: "names with two dots or more are then asked for as they are, first".to_owned(),
        risk: Risk::Low,
        impact: format!("{owner} replaces its pods one by one"),
        needs: Some("that other options of its dnsConfig, if it has any, are given along with this one".to_owned()),
        commands: vec![command.to_string()],
        undo: on_object(&["rollout", "undo"], &owner).map(|command| command.to_string()),
        verify: "answers of NXDOMAIN become rare, and names of Services are still found".to_owned(),
    })
}
