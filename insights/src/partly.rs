//! Peers to which connects fail: all of them, or a part that has become larger than it used to be.

use std::collections::BTreeMap;
use std::time::Duration;

use correlator::{ContainerView, Failure, Insight, Peer, Rate, Source, Timestamp, Window, signals};

use crate::destination::{self, Destination, behind};
use crate::phrase::{count, percent};
use crate::{peers, risen};

/// Failed connects are counted within a minute, the last of them lately.
const MINUTE: Duration = Duration::from_secs(60);
const LATELY: Duration = Duration::from_secs(20);

/// A way in which connects fail, and how it is told.
pub(crate) struct Failing<'f> {
    pub(crate) is_it: &'f dyn Fn(&Failure) -> bool,
    /// When a peer last answered.
    pub(crate) last_answer: fn(&ContainerView<'_>, &Peer) -> Option<Timestamp>,
    /// At least so many failures since then, the newest of them lately, are all of a peer's connects.
    pub(crate) lately: Duration,
    pub(crate) least: f64,
    /// At least so many within a minute, and more than what was usual explains but for so many false alarms a day, are a part of
    /// them.
    pub(crate) least_partly: f64,
    pub(crate) false_alarms: f64,
    /// What becomes of a part of them: `refused`.
    pub(crate) fate: &'static str,
    pub(crate) insight: fn(&Window<'_>, &ContainerView<'_>, &Peer, &[&Failure]) -> Insight,
}

impl Failing<'_> {
    /// One insight for each peer of which all connects fail so, or more than used to.
    pub(crate) fn in_container(&self, window: &Window<'_>, container: &ContainerView<'_>) -> Vec<Insight> {
        let told = failing_peers(container, self.is_it)
            .into_iter()
            .filter_map(|(peer, failures)| {
                let answered = (self.last_answer)(container, peer);
                let insight = || (self.insight)(window, container, peer, &failures);
                if is_in_vain(&failures, answered, window.now(), self.lately, self.least) {
                    return Some(insight());
                }
                let rate = self.risen(container, peer, &failures, window.now())?;
                Some(told(insight(), window, container, (peer, &rate), self.fate))
            });
        told.collect()
    }

    /// The rate of failed connects to a peer that answers others, when it has risen.
    fn risen(&self, container: &ContainerView<'_>, peer: &Peer, failures: &[&Failure], now: Timestamp) -> Option<Rate> {
        let rate = container.rates?.connects(peer, now)?;
        let within = |reach: Duration| failures.iter().filter(|failure| now.since(failure.at) < reach).count();
        let spans = container
            .runs
            .iter()
            .filter_map(|run| run.history.spans(&signals::TCP_CONNECT));
        let answers = spans
            .filter_map(|spans| spans.answered.get(peer))
            .any(|at| now.since(*at) < MINUTE);
        let are_many = within(MINUTE) as f64 >= self.least_partly && within(LATELY) > 0;
        (rate.is_risen(self.false_alarms) && answers && are_many).then_some(rate)
    }
}

/// The connects that failed in this way, by peer.
fn failing_peers<'a>(
    container: &ContainerView<'a>,
    is_it: impl Fn(&Failure) -> bool,
) -> BTreeMap<&'a Peer, Vec<&'a Failure>> {
    let mut by_peer: BTreeMap<&Peer, Vec<&Failure>> = BTreeMap::new();
    for failure in container.failures(&signals::TCP_CONNECT) {
        if let (true, Some(peer)) = (is_it(failure), &failure.peer) {
            by_peer.entry(peer).or_default().push(failure);
        }
    }
    by_peer
}

/// Whether at least so many connects failed since the peer last answered, the newest of them lately.
fn is_in_vain(
    failures: &[&Failure],
    answered: Option<Timestamp>,
    now: Timestamp,
    lately: Duration,
    least: f64,
) -> bool {
    let newest = failures.iter().map(|failure| failure.at).max().unwrap_or_default();
    let in_vain = failures
        .iter()
        .filter(|failure| answered.is_none_or(|at| failure.at >= at));
    now.since(newest) < lately && in_vain.count() as f64 >= least
}

/// An insight about a peer, told as one about a part of the connects to it.
fn told(
    mut insight: Insight,
    window: &Window<'_>,
    container: &ContainerView<'_>,
    (peer, rate): (&Peer, &Rate),
    fate: &str,
) -> Insight {
    let (world, now) = (window.world(), window.now());
    let name = peers::name(world, peer, now);
    let (share, subject) = (percent(rate.now), container.subject());
    insight.title = format!("{share} of the connects of {subject} to {name} are {fate}");
    insight.cause = match behind(world, peer.address, now) {
        Destination::Service(service, _) => format!(
            "of the {} behind {service} some answer and some do not",
            count(destination::ready(world, service).count(), "ready endpoint")
        ),
        _ => "it answers others: it is overloaded, restarts again and again, or packets are lost on the way".to_owned(),
    };
    insight.because(rate.since, Source::Kernel, risen::says(rate, "connects"))
}
