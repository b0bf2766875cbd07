//! A peer of which some connects fail and others succeed: told when more fail than used to.

use std::time::Duration;

use correlator::{ContainerView, Failure, Insight, Peer, Rate, Source, Timestamp, Window, signals};

use crate::destination::{self, Destination, behind};
use crate::phrase::{count, percent};
use crate::{peers, risen};

/// Failed connects within a minute, the last of them lately.
const LEAST: usize = 5;
const MINUTE: Duration = Duration::from_secs(60);
const LATELY: Duration = Duration::from_secs(20);

/// The rate of failed connects to a peer that answers others, when it has risen.
pub(crate) fn risen(container: &ContainerView<'_>, peer: &Peer, failures: &[&Failure], now: Timestamp) -> Option<Rate> {
    let rate = container.rates?.connects(peer, now)?;
    let within = |reach: Duration| failures.iter().filter(|failure| now.since(failure.at) < reach).count();
    let spans = container
        .runs
        .iter()
        .filter_map(|run| run.history.spans(&signals::TCP_CONNECT));
    let answers = spans
        .filter_map(|spans| spans.answered.get(peer))
        .any(|at| now.since(*at) < MINUTE);
    (rate.is_risen && answers && within(MINUTE) >= LEAST && within(LATELY) > 0).then_some(rate)
}

/// An insight about a peer, told as one about a part of the connects to it.
pub(crate) fn told(
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
