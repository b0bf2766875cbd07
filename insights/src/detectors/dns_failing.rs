//! # A DNS server answers a container that it cannot or will not answer
//!
//! **Why it matters.** The name may well exist, but the application is told that nobody could find out. It gives up or tries
//! again, and fails for a reason that its own log rarely names.
//!
//! **How it is seen.** The response codes of the answers to the container's queries: `SERVFAIL`, `REFUSED`, `FORMERR`, `NOTIMP`
//! and `NOTAUTH` (RFC 1035, 4.1.1; RFC 8914 says what may be behind them). The servers that were asked, the names that failed
//! and the other pods tell one broken server, one broken domain and one broken pod apart.
//!
//! **Thresholds.** Five such answers within a minute, and a share of them that has risen against what was learned of this
//! container over days: a binomial CUSUM over windows of ten seconds whose null is lifted for bursts, alarmed from
//! S > ln(8,640 / 0.1) = 11.4 on, which is at most 0.1 false alarms a pod-day where windows are independent. A container of which
//! two minutes and one hundred answers are not known yet is judged by a fixed share, 5 %; what is above it is never
//! learned as usual. Warning; critical from 5 % of the answers of a minute on, when that is five times what is usual. When
//! at least three other pods fail at the same time this waits up to 20 s for `dns-down`.
//!
//! **What to do.** `SERVFAIL` is most often the DNS server's own upstream: read its log. `REFUSED` means that this server does
//! not serve that client or that domain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use correlator::{
    ContainerView, Culprit, DnsAnswer, Insight, Outcome, Peer, Rate, RateKind, Severity, Source, Timestamp, Tunable,
    Verdict, Window,
};

use crate::dns::{self, LATELY, Tally};
use crate::lookups::{self, Domains};
use crate::peers;
use crate::phrase::{count, escape, percent};
use crate::risen;
use crate::rule::Rule;

const LEAST: Tunable = Tunable {
    detector: "dns-failing",
    name: "leastFailures",
    default: 5.0,
    bounds: [1.0, 1e6],
    meaning: "answers with an error within a minute that are enough",
};
const CRITICAL_SHARE: Tunable = Tunable {
    detector: "dns-failing",
    name: "criticalRatio",
    default: 0.05,
    bounds: [0.001, 1.0],
    meaning: "part of a minute's answers with an error from which on it is critical, when that is five times what is usual",
};
/// Characters of a name that are shown.
const NAME: usize = 120;

const FALSE_ALARMS: Tunable = risen::false_alarms("dns-failing");

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/dns", "k8s/pods", "k8s/services"],
    hold: Duration::from_secs(90),
    tunables: &[LEAST, CRITICAL_SHARE, FALSE_ALARMS],
    ..Rule::new("dns-failing", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let tally = Tally::lately(container, window.now());
    if tally.broken < window.tuned(&LEAST) {
        return None;
    }
    let share = tally.broken / tally.answered;
    let rate = container.rates?.of(RateKind::DnsFailed, window.now())?;
    if !risen::is_too_much(window, &FALSE_ALARMS, &rate, RateKind::DnsFailed, share) {
        return None;
    }
    let severity = risen::severity(&rate, share, window.tuned(&CRITICAL_SHARE));
    let answers: Vec<_> = broken(container, window.now()).collect();
    let began = answers.first().map_or(window.now(), |(at, _)| *at);
    if dns::waits_for_all(window, began) {
        return None;
    }
    Some(insight(window, container, (severity, share, rate), &answers, tally))
}

fn broken<'a>(
    container: &ContainerView<'a>,
    now: Timestamp,
) -> impl Iterator<Item = (Timestamp, &'a DnsAnswer)> + use<'a> {
    let is_broken = |answer: &DnsAnswer| {
        answer
            .rcode
            .as_deref()
            .is_some_and(|rcode| !matches!(rcode, "NOERROR" | "NXDOMAIN"))
    };
    lookups::answers(container).filter(move |(at, answer)| now.since(*at) < LATELY && is_broken(answer))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    (severity, share, rate): (Severity, f64, Rate),
    answers: &[(Timestamp, &DnsAnswer)],
    tally: Tally,
) -> Insight {
    let (now, subject, code) = (window.now(), container.subject(), commonest(answers));
    let title = format!("{} of the DNS answers to {subject} are {code}", percent(share));
    let zone = zone(answers, &Domains::of(container));
    let cause = cause(window, container, answers, zone.as_deref());
    let mut insight = Insight::new("dns-failing", subject, severity, title, cause);
    container.key().clone_into(&mut insight.what);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    let number = tally.broken as usize;
    insight.revision = number as u64;
    let first = answers.first().map_or(now, |(at, _)| *at);
    let says = format!(
        "{number} of {:.0} answers within a minute said {code} or the like",
        tally.answered
    );
    insight = insight.because(first, Source::Kernel, says);
    insight = insight.because(rate.since, Source::Kernel, risen::says(&rate, "answers"));
    if let Some((at, answer)) = answers.last() {
        let (name, code) = (escape(&answer.name, NAME), answer.rcode.as_deref().unwrap_or_default());
        let says = format!("{} for {name} from {}: {code}", answer.qtype, answer.resolver);
        insight = insight.because(*at, Source::Kernel, says);
    }
    let others = dns::pods_that_fail(window, None).len().saturating_sub(1);
    if others > 0 {
        insight = insight.because(
            now,
            Source::Tapio,
            format!("the queries of {} fail too", count(others, "other pod")),
        );
    }
    insight.suspects = match zone {
        Some(zone) => vec![Culprit::Name(zone.into())],
        None => dns::suspects(container),
    };
    insight.remedies.extend(dns::look(window.world()));
    insight
}

fn commonest<'a>(answers: &[(Timestamp, &'a DnsAnswer)]) -> &'a str {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for code in answers.iter().filter_map(|(_, answer)| answer.rcode.as_deref()) {
        *codes.entry(code).or_default() += 1;
    }
    codes
        .into_iter()
        .max_by_key(|(_, number)| *number)
        .map_or("failures", |(code, _)| code)
}

/// The domain outside the cluster that all names that failed belong to.
fn zone(answers: &[(Timestamp, &DnsAnswer)], domains: &Domains) -> Option<String> {
    let of = |answer: &DnsAnswer| {
        let name = answer.name.to_ascii_lowercase();
        let mut labels = name.rsplit('.');
        let top = labels.next()?;
        let zone = format!("{}.{top}", labels.next()?);
        (!domains.has(&name)).then_some(zone)
    };
    let zones: BTreeSet<Option<String>> = answers.iter().map(|(_, answer)| of(answer)).collect();
    zones.into_iter().reduce(|_, _| None)?
}

fn cause(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    answers: &[(Timestamp, &DnsAnswer)],
    zone: Option<&str>,
) -> String {
    let servers: BTreeSet<&Peer> = answers.iter().map(|(_, answer)| &answer.resolver).collect();
    let names: Vec<String> = servers
        .iter()
        .map(|server| dns::server(window.world(), server, window.now()))
        .collect();
    let (names, answer) = (
        names.join(" and "),
        if servers.len() == 1 { "answers" } else { "answer" },
    );
    if let Some(zone) = zone {
        let zone = escape(zone, NAME);
        return format!(
            "{names} {answer} so for names under {zone} only, so the servers of {zone} are broken or not reached"
        );
    }
    let spans = container.runs.iter().filter_map(|run| run.history.spans(&dns::QUERY));
    let is_well = |server: &&Peer, at: Timestamp| !servers.contains(server) && window.now().since(at) < LATELY;
    let well: BTreeSet<&Peer> = spans
        .flat_map(|spans| &spans.answered)
        .filter(|(server, at)| is_well(server, **at))
        .map(|(server, _)| server)
        .collect();
    if let Some(other) = well.first() {
        let other = peers::name(window.world(), other, window.now());
        return format!("only {names} {answer} so; {other} answers well");
    }
    let denied = dns::failed(container, window.now(), |outcome| outcome == Outcome::Denied);
    if !denied.is_empty() {
        return format!("{names} does not serve this client or these names (REFUSED or NOTAUTH)");
    }
    format!("{names} could not find the answers out; most often it does not reach its own upstream server")
}
