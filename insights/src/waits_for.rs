//! What a container waits for, as the kernel saw it: the last connect that failed, or a name that does not exist.

use std::time::Duration;

use correlator::{ContainerView, Culprit, DnsAnswer, Fact, Failure, Outcome, Peer, Remedy, Timestamp, World, signals};

use crate::peers;
use crate::phrase::escape;
use crate::suspects;

/// What failed longer ago than this is not waited for now.
const FRESH: Duration = Duration::from_secs(60);

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait<'a> {
    /// A connect that fails.
    Peer(&'a Failure, &'a Peer),
    /// A name that does not exist.
    Name(&'a DnsAnswer),
}

/// What the container last asked for in vain, within a minute.
pub(crate) fn newest<'a>(now: Timestamp, container: &ContainerView<'a>) -> Option<(Timestamp, Wait<'a>)> {
    let connect = container
        .failures(&signals::TCP_CONNECT)
        .into_iter()
        .rev()
        .find_map(|failure| {
            let peer = failure.peer.as_ref().filter(|_| failure.outcome != Outcome::Aborted)?;
            Some((failure.at, Wait::Peer(failure, peer)))
        });
    let name = missing_name(now, container).map(|(at, answer)| (at, Wait::Name(answer)));
    let newest = connect.into_iter().chain(name).max_by_key(|(at, _)| *at)?;
    (now.since(newest.0) < FRESH).then_some(newest)
}

/// The newest name that was answered NXDOMAIN and is not one step of a walk through search suffixes (resolv.conf(5)): of
/// such a walk only the bare name counts, and only when it failed as well.
fn missing_name<'a>(now: Timestamp, container: &ContainerView<'a>) -> Option<(Timestamp, &'a DnsAnswer)> {
    let missing: Vec<(Timestamp, &DnsAnswer)> = container
        .facts()
        .filter_map(|(at, fact)| match fact {
            Fact::Dns(answer) if answer.rcode.as_deref() == Some("NXDOMAIN") && now.since(*at) < FRESH => {
                Some((*at, &**answer))
            }
            _ => None,
        })
        .collect();
    let is_whole = |name: &str| {
        let others = missing
            .iter()
            .map(|(_, other)| &*other.name)
            .filter(|other| *other != name);
        let mut related = others.filter(|other| first_label(other) == first_label(name));
        related.all(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    missing.iter().rev().find(|(_, answer)| is_whole(&answer.name)).copied()
}

fn first_label(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

impl Wait<'_> {
    /// `its connect to shop/db-1 (10.0.0.9:5432) failed (refused)`.
    pub(crate) fn says(&self, world: &World) -> String {
        match self {
            Self::Peer(failure, peer) => {
                format!(
                    "its connect to {} failed ({})",
                    peers::name(world, peer, failure.at),
                    failure.outcome.label()
                )
            }
            Self::Name(answer) => format!("the name {} that it asks for does not exist", escape(&answer.name, 200)),
        }
    }

    /// What may be at the root of it.
    pub(crate) fn suspects(&self, world: &World) -> Vec<Culprit> {
        match self {
            Self::Peer(failure, peer) => suspects::peer(world, peer, failure.at),
            Self::Name(answer) => vec![Culprit::Name(answer.name.clone()), Culprit::Dns],
        }
    }

    /// How to look at it.
    pub(crate) fn look(&self, world: &World) -> Option<Remedy> {
        match self {
            Self::Peer(failure, peer) => peers::look(world, peer, failure.at, "it waits for what stands there"),
            Self::Name(_) => None,
        }
    }
}
