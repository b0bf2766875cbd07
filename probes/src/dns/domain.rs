//! What queries are about, in few words: the Service that was found, or the registered domain of the name.

use std::collections::BTreeMap;

use correlator::{Body, signals};

use super::name::Name;
use super::tally::{Owner, owner};
use crate::record::{Sighting, TaskIds};

/// Owners whose domains are counted within one second; what comes on top is counted as lost.
const OWNERS_MAX: usize = 1024;
/// Domains of an owner told apart within one second; what comes on top is under [`OTHER`].
const DOMAINS_MAX: usize = 32;
/// For what has no domain, and for what is beyond the bound.
const OTHER: &str = "~other";

/// `service.namespace.svc` where that was `found`, else the domain that somebody registered by the public suffix list.
/// `None` for names that are not made of letters, digits, `-` and `_`.
///
/// Which domain the cluster has is not known, so it is taken to be what follows `svc`, if that is none that can be
/// registered in public. Resolvers try each search domain of a container (`ndots`), so most names there do not exist, and
/// nothing tells such a candidate from a Service but the answer. The name of a pod of a Service is the Service's.
fn domain(name: &Name, found: bool) -> Option<String> {
    let text = plain(name)?;
    // What goes before these two labels is an address.
    if let Some(rest) = text.strip_suffix(".arpa") {
        return Some(format!("{}.arpa", rest.rsplit('.').next().unwrap_or(rest)));
    }
    let service = found.then(|| service(&text)).flatten();
    service.or_else(|| Some(psl::domain_str(&text).unwrap_or(&text).to_owned()))
}

/// The name in small letters.
fn plain(name: &Name) -> Option<String> {
    let mut text = String::with_capacity(name.wire().len().max(1));
    for label in name.labels() {
        if !text.is_empty() {
            text.push('.');
        }
        for byte in label {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(byte.to_ascii_lowercase().into()),
                _ => return None,
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    Some(text)
}

fn service(text: &str) -> Option<String> {
    let (before, zone) = text.rsplit_once(".svc.")?;
    let is_public = psl::suffix(zone.as_bytes()).is_none_or(|suffix| suffix.is_known());
    let mut labels = before.rsplit('.');
    let (namespace, service) = (labels.next()?, labels.next()?);
    (!is_public).then(|| format!("{service}.{namespace}.svc"))
}

/// The queries that ended within the current second, by owner and domain.
#[derive(Debug, Default)]
pub(super) struct Domains {
    counts: BTreeMap<Owner, (TaskIds, BTreeMap<String, u64>)>,
    /// What found no room.
    lost: u64,
}

impl Domains {
    /// Counts a query that was answered or timed out; `found` when the answer said that there is such a name.
    pub(super) fn count(&mut self, task: &TaskIds, name: Option<&Name>, found: bool) {
        let key = owner(task);
        if self.counts.len() >= OWNERS_MAX && !self.counts.contains_key(&key) {
            self.lost += 1;
            return;
        }
        let (_, domains) = self.counts.entry(key).or_insert_with(|| (task.clone(), BTreeMap::new()));
        let domain = name
            .and_then(|name| domain(name, found))
            .filter(|domain| domains.len() < DOMAINS_MAX || domains.contains_key(domain))
            .unwrap_or_else(|| OTHER.to_owned());
        *domains.entry(domain).or_default() += 1;
    }

    /// Hands over the counts, ordered by owner and domain, and begins the next second.
    pub(super) fn tell(&mut self, ktime_ns: u64, see: &mut dyn FnMut(Sighting)) {
        for (task, domains) in std::mem::take(&mut self.counts).into_values() {
            for (domain, count) in domains {
                see(Sighting {
                    ktime_ns,
                    task: task.clone(),
                    signal: signals::DNS_QUERIES_BY_DOMAIN.labelled(&domain),
                    body: Body::Count(count),
                });
            }
        }
    }

    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        let wire = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
        Name::from_wire(&text.split('.').flat_map(wire).collect::<Vec<u8>>())
    }

    fn found(text: &str) -> Option<String> {
        domain(&name(text), true)
    }

    fn missing(text: &str) -> Option<String> {
        domain(&name(text), false)
    }

    #[test]
    fn a_name_counts_for_the_domain_that_somebody_registered() {
        for (asked, registered) in [
            ("api.eu.example.com", "example.com"),
            ("WWW.Example.CO.uk", "example.co.uk"),
            ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com"),
            ("co.uk", "co.uk"),
            ("_sip._tcp.example.org", "example.org"),
            ("db-1.eu-central-1.compute.internal", "compute.internal"),
            ("redis", "redis"),
        ] {
            assert_eq!(found(asked).as_deref(), Some(registered));
            assert_eq!(missing(asked).as_deref(), Some(registered));
        }
        assert_eq!(domain(&Name::ROOT, true).as_deref(), Some("."));
    }

    #[test]
    fn a_service_that_was_found_counts_by_its_name_and_so_do_its_pods() {
        for asked in [
            "web.shop.svc.cluster.local",
            "web-0.web.shop.svc.cluster.local",
            "_http._tcp.web.shop.svc.k8s.internal",
        ] {
            assert_eq!(found(asked).as_deref(), Some("web.shop.svc"));
        }
        // A namespace or Service that is called like a public domain is one all the same.
        assert_eq!(found("api.dev.svc.cluster.local").as_deref(), Some("api.dev.svc"));
        assert_eq!(found("media.eu.svc.ms").as_deref(), Some("svc.ms"));
    }

    #[test]
    fn a_candidate_of_a_search_is_not_taken_for_a_service() {
        for asked in [
            "github.com.shop.svc.cluster.local",
            "github.com.svc.cluster.local",
            "github.com.cluster.local",
            "redsi.shop.svc.cluster.local",
        ] {
            assert_eq!(missing(asked).as_deref(), Some("cluster.local"));
        }
        assert_eq!(found("shop.svc.cluster.local").as_deref(), Some("cluster.local"));
    }

    #[test]
    fn no_address_and_no_odd_byte_gets_into_a_domain() {
        assert_eq!(found("9.0.0.10.in-addr.arpa").as_deref(), Some("in-addr.arpa"));
        assert_eq!(found("1.0.0.0.ip6.arpa").as_deref(), Some("ip6.arpa"));
        for odd in ["a:b.com", "a b.com", "\u{1b}[2J.com", "a\\.com"] {
            assert_eq!(found(odd), None, "{odd:?}");
        }
    }

    fn task(unified: u64) -> TaskIds {
        TaskIds {
            unified,
            memory: 0,
            pid: 1,
            comm: "dig".into(),
        }
    }

    fn told(domains: &mut Domains) -> Vec<(u64, String, u64)> {
        let mut told = Vec::new();
        domains.tell(9, &mut |sighting| match sighting.body {
            Body::Count(count) => told.push((sighting.task.unified, sighting.signal.name().to_owned(), count)),
            other => panic!("{other:?}"),
        });
        told
    }

    #[test]
    fn domains_are_counted_by_owner_and_begin_anew_every_second() {
        let mut domains = Domains::default();
        for asked in ["a.example.com", "b.example.com", "x:y.com"] {
            domains.count(&task(5), Some(&name(asked)), true);
        }
        domains.count(&task(5), None, true);
        domains.count(&task(6), Some(&name("example.com")), false);
        let signal = |domain| format!("dns.queries_by_domain:{domain}");
        let expected = [
            (5, signal("example.com"), 2),
            (5, signal("~other"), 2),
            (6, signal("example.com"), 1),
        ];
        assert_eq!(told(&mut domains), expected);
        assert_eq!(told(&mut domains), []);
    }

    #[test]
    fn fault_34_there_is_an_end_to_the_domains_of_an_owner_and_to_the_owners() {
        let mut domains = Domains::default();
        for number in 0..100 {
            domains.count(&task(5), Some(&name(&format!("d{number}.com"))), true);
        }
        for unified in 0..u64::try_from(OWNERS_MAX).unwrap() + 2 {
            domains.count(&task(100 + unified), Some(&name("example.com")), true);
        }
        let told = told(&mut domains);
        assert_eq!(told.len(), DOMAINS_MAX + 1 + OWNERS_MAX - 1);
        let other = told.iter().find(|(_, signal, _)| signal.ends_with(OTHER)).unwrap();
        assert_eq!(other.2, 100 - DOMAINS_MAX as u64);
        assert_eq!((domains.take_lost(), domains.take_lost()), (3, 0));
    }
}
