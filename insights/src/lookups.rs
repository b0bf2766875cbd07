//! What a container looked up: the names it was asked to find, out of the candidates that its resolver tried.
//!
//! With fewer dots than `ndots` (five in pods) a name is asked for with each search domain in turn and as it is at last; with
//! more, as it is first (resolv.conf(5)). In a pod the domains are `<namespace>.svc.<domain>`, `svc.<domain>`, `<domain>` and
//! those of the node. A and AAAA records are asked for side by side. A miss means something only where nothing was found.

use std::collections::BTreeSet;
use std::time::Duration;

use correlator::{ContainerView, DnsAnswer, Fact, Peer, Timestamp};

/// The domain of a cluster whose names were not seen.
const CLUSTER_DOMAIN: &str = "cluster.local";
/// How long the candidates of one lookup are asked for at most: two timeouts.
const LONGEST: Duration = Duration::from_secs(10);
/// A lookup of which nothing was heard for this long has ended.
const SETTLED: Duration = Duration::from_secs(2);

/// One lookup.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    /// The name, in lower case, as the application gave it to its resolver.
    pub(crate) name: String,
    /// The candidates that do not exist, in the order they were asked for.
    pub(crate) missing: Vec<String>,
    /// When the first and the last answer came.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Who was asked.
    pub(crate) resolver: Peer,
    /// Something was found, also without addresses.
    is_found: bool,
    /// Something got no proper answer, so nothing is known of the name.
    is_unclear: bool,
    asked: BTreeSet<(String, String)>,
}

/// The domains that pods search.
#[derive(Debug, Clone)]
pub(crate) struct Domains {
    /// `cluster.local`.
    pub(crate) cluster: String,
    /// `<namespace>.svc.<domain>`, `svc.<domain>`, `<domain>`.
    search: [String; 3],
}

impl Domains {
    /// Those of a container, as its own lookups tell the cluster's domain; also its namespace, while the API server has not.
    pub(crate) fn of(container: &ContainerView<'_>) -> Self {
        let known = container.identity.namespace.as_deref();
        let told = answers(container).find_map(|(_, answer)| {
            let name = answer.name.to_ascii_lowercase();
            let (before, cluster) = name.rsplit_once(".svc.")?;
            let (_, namespace) = before.rsplit_once('.')?;
            known
                .is_none_or(|known| known == namespace)
                .then(|| (namespace.to_owned(), cluster.to_owned()))
        });
        let (namespace, cluster) = told.unwrap_or_else(|| ("default".to_owned(), CLUSTER_DOMAIN.to_owned()));
        Self::new(known.unwrap_or(&namespace), &cluster)
    }

    pub(crate) fn new(namespace: &str, cluster: &str) -> Self {
        let search = [
            format!("{namespace}.svc.{cluster}"),
            format!("svc.{cluster}"),
            cluster.to_owned(),
        ];
        Self {
            cluster: cluster.to_owned(),
            search,
        }
    }

    /// What a candidate with the first search domain was made of.
    fn base<'a>(&self, candidate: &'a str) -> Option<&'a str> {
        candidate
            .strip_suffix(&self.search[0])?
            .strip_suffix('.')
            .filter(|base| !base.is_empty())
    }

    /// Whether a name is one of the cluster.
    pub(crate) fn has(&self, name: &str) -> bool {
        name.strip_suffix(&self.cluster).is_some_and(|rest| rest.ends_with('.'))
    }
}

/// The answers that were told of a container, oldest first.
pub(crate) fn answers<'a>(container: &ContainerView<'a>) -> impl Iterator<Item = (Timestamp, &'a DnsAnswer)> + use<'a> {
    let facts: Vec<_> = container.facts().collect();
    facts.into_iter().filter_map(|(at, fact)| match fact {
        Fact::Dns(answer) => Some((*at, &**answer)),
        _ => None,
    })
}

/// The lookups of addresses by a container, oldest first.
pub(crate) fn of(container: &ContainerView<'_>, domains: &Domains) -> Vec<Lookup> {
    group(answers(container), domains)
}

/// The lookups that found nothing, though every candidate was answered: those of names that do not exist.
pub(crate) fn missing(lookups: &[Lookup], now: Timestamp) -> impl Iterator<Item = &Lookup> {
    let is_near =
        |one: &Lookup, other: &Lookup| one.first.since(other.last) < LONGEST && other.first.since(one.last) < LONGEST;
    lookups.iter().filter(move |lookup| {
        let elsewhere = |other: &Lookup| other.is_found && other.name == lookup.name && is_near(lookup, other);
        let is_missing = !lookup.is_found && !lookup.is_unclear && now.since(lookup.last) >= SETTLED;
        is_missing && !lookups.iter().any(elsewhere)
    })
}

fn group<'a>(answers: impl Iterator<Item = (Timestamp, &'a DnsAnswer)>, domains: &Domains) -> Vec<Lookup> {
    let mut lookups: Vec<Lookup> = Vec::new();
    for (at, answer) in answers.filter(|(_, answer)| matches!(&*answer.qtype, "A" | "AAAA")) {
        let name = answer.name.to_ascii_lowercase();
        let begun = lookups
            .iter_mut()
            .rev()
            .take_while(|lookup| at.since(lookup.first) < LONGEST);
        let mut open = begun.filter(|lookup| lookup.may_go_on_with(&name, answer, domains));
        match open.next() {
            Some(lookup) => lookup.add(at, &name, answer),
            None => lookups.push(Lookup::begin(at, &name, answer, domains)),
        }
    }
    for lookup in &mut lookups {
        lookup.settle();
    }
    lookups
}

impl Lookup {
    /// Whether something was found, also a name without addresses.
    pub(crate) fn is_found(&self) -> bool {
        self.is_found
    }

    fn begin(at: Timestamp, candidate: &str, answer: &DnsAnswer, domains: &Domains) -> Self {
        let mut lookup = Self {
            name: domains.base(candidate).unwrap_or(candidate).to_owned(),
            missing: Vec::new(),
            first: at,
            last: at,
            resolver: answer.resolver.clone(),
            is_found: false,
            is_unclear: false,
            asked: BTreeSet::new(),
        };
        lookup.add(at, candidate, answer);
        lookup
    }

    /// Whether this candidate may be the next one of the lookup: it was not asked for, and is the name as it is or with a
    /// search domain. Those of the node are not known; they come after the cluster's.
    fn may_go_on_with(&self, candidate: &str, answer: &DnsAnswer, domains: &Domains) -> bool {
        let Some(rest) = candidate.strip_prefix(&self.name) else {
            return false;
        };
        let with = |domain: &String| self.missing.contains(&format!("{}.{domain}", self.name));
        let is_candidate = match rest.strip_prefix('.') {
            None => rest.is_empty(),
            Some(domain) => domains.search.iter().any(|one| one == domain) || with(&domains.search[2]),
        };
        is_candidate && !self.asked.contains(&(candidate.to_owned(), answer.qtype.to_string()))
    }

    fn add(&mut self, at: Timestamp, candidate: &str, answer: &DnsAnswer) {
        self.last = self.last.max(at);
        self.asked.insert((candidate.to_owned(), answer.qtype.to_string()));
        match answer.rcode.as_deref() {
            Some("NOERROR") => self.is_found = true,
            Some("NXDOMAIN") if !self.missing.iter().any(|name| name == candidate) => {
                self.missing.push(candidate.to_owned());
            }
            Some("NXDOMAIN") => {}
            _ => self.is_unclear = true,
        }
    }

    /// A single candidate was the name itself, given with a dot at its end or to a resolver that does not search.
    fn settle(&mut self) {
        if let ([only], false) = (&self.missing[..], self.is_found) {
            self.name.clone_from(only);
        }
    }
}

#[cfg(test)]
mod tests;
