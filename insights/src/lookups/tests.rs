//! Searches as glibc and musl make them, in a pod of the namespace `front`.

use correlator::Transport;

use super::*;

const SEARCH: [&str; 4] = [
    "front.svc.cluster.local",
    "svc.cluster.local",
    "cluster.local",
    "corp.example",
];

fn at(millis: u64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000_000 + millis * 1_000_000)
}

fn answer(millis: u64, name: &str, qtype: &str, rcode: Option<&str>) -> (Timestamp, DnsAnswer) {
    let answer = DnsAnswer {
        name: name.into(),
        qtype: qtype.into(),
        rcode: rcode.map(Into::into),
        took: Duration::from_millis(1),
        resolver: Peer {
            address: [10, 96, 0, 10].into(),
            port: 53,
        },
        transport: Transport::Udp,
    };
    (at(millis), answer)
}

/// A search for A and AAAA with all four domains and at last as it is; that one gets the code.
fn search(millis: u64, name: &str, last: Option<&str>) -> Vec<(Timestamp, DnsAnswer)> {
    let mut all: Vec<_> = SEARCH
        .iter()
        .zip(0..)
        .flat_map(|(domain, step)| both(millis + step, &format!("{name}.{domain}"), Some("NXDOMAIN")))
        .collect();
    all.extend(both(millis + 4, name, last));
    all
}

fn both(millis: u64, name: &str, rcode: Option<&str>) -> Vec<(Timestamp, DnsAnswer)> {
    ["A", "AAAA"].map(|qtype| answer(millis, name, qtype, rcode)).into()
}

fn lookups(answers: &[(Timestamp, DnsAnswer)]) -> Vec<Lookup> {
    group(
        answers.iter().map(|(at, answer)| (*at, answer)),
        &Domains::new("front", "cluster.local"),
    )
}

/// The names that are missing a minute later, and how many candidates of each were tried.
fn missed(answers: &[(Timestamp, DnsAnswer)]) -> Vec<(String, usize)> {
    let lookups = lookups(answers);
    missing(&lookups, at(60_000))
        .map(|lookup| (lookup.name.clone(), lookup.missing.len()))
        .collect()
}

#[test]
fn a_search_that_finds_nothing_is_one_miss_of_the_name_that_was_given() {
    assert_eq!(
        missed(&search(0, "cart.shpo", Some("NXDOMAIN"))),
        [("cart.shpo".to_owned(), 5)]
    );
    let cluster = search(0, "cart.shpo.svc.cluster.local", Some("NXDOMAIN"));
    assert_eq!(missed(&cluster), [("cart.shpo.svc.cluster.local".to_owned(), 5)]);
}

#[test]
fn a_search_that_is_answered_in_the_end_misses_nothing() {
    assert!(missed(&search(0, "api.example.com", Some("NOERROR"))).is_empty());
    let mut first_only = both(0, "db.front.svc.cluster.local", Some("NXDOMAIN"));
    first_only.extend(both(1, "db.svc.cluster.local", Some("NXDOMAIN")));
    first_only.extend(both(2, "db.cluster.local", Some("NXDOMAIN")));
    first_only.extend(both(3, "db.corp.example", Some("NOERROR")));
    assert!(missed(&first_only).is_empty());
    assert_eq!(lookups(&first_only)[0].missing.len(), 3);
}

#[test]
fn a_miss_for_aaaa_beside_an_answer_for_a_is_none() {
    let found = answer(1, "db.front.svc.cluster.local", "A", Some("NOERROR"));
    let not = answer(0, "db.front.svc.cluster.local", "AAAA", Some("NXDOMAIN"));
    assert!(missed(&[not.clone(), found.clone()]).is_empty());
    assert!(missed(&[found, not]).is_empty());
}

#[test]
fn each_attempt_is_a_lookup_of_its_own() {
    let mut answers = search(0, "cart", Some("NXDOMAIN"));
    answers.extend(search(1_000, "cart", Some("NXDOMAIN")));
    answers.extend(search(30_000, "cart", Some("NXDOMAIN")));
    assert_eq!(missed(&answers).len(), 3);
}

#[test]
fn a_name_with_a_dot_at_its_end_is_asked_for_as_it_is() {
    let absolute = both(0, "cart.front.svc.cluster.local", Some("NXDOMAIN"));
    assert_eq!(missed(&absolute), [("cart.front.svc.cluster.local".to_owned(), 1)]);
    assert_eq!(
        missed(&both(0, "Db.Example", Some("NXDOMAIN"))),
        [("db.example".to_owned(), 1)]
    );
}

#[test]
fn a_name_with_many_dots_is_asked_for_as_it_is_first_and_then_searched() {
    let mut answers = both(0, "a.b.c.d.e.example", Some("NXDOMAIN"));
    for (domain, step) in SEARCH.iter().zip(1..) {
        answers.extend(both(step, &format!("a.b.c.d.e.example.{domain}"), Some("NXDOMAIN")));
    }
    assert_eq!(missed(&answers), [("a.b.c.d.e.example".to_owned(), 5)]);
}

#[test]
fn what_got_no_proper_answer_is_not_called_missing() {
    assert!(missed(&search(0, "cart", Some("SERVFAIL"))).is_empty());
    assert!(missed(&search(0, "cart", None)).is_empty());
}

#[test]
fn a_search_that_goes_on_is_waited_for() {
    let lookups = lookups(&both(0, "api.example.com.front.svc.cluster.local", Some("NXDOMAIN")));
    assert_eq!(missing(&lookups, at(1_500)).count(), 0);
    assert_eq!(missing(&lookups, at(2_500)).count(), 1);
}

#[test]
fn an_answer_that_was_told_for_another_attempt_within_the_second_counts_for_both() {
    let mut answers = search(950, "api.example.com", Some("NOERROR"));
    answers.extend(both(1_060, "api.example.com.front.svc.cluster.local", Some("NXDOMAIN")));
    let mut all = answers.clone();
    all.extend(both(1_061, "api.example.com.svc.cluster.local", Some("NXDOMAIN")));
    assert!(missed(&all).is_empty());
    assert!(missed(&answers[..answers.len() - 2]).is_empty());
}

#[test]
fn lookups_of_two_names_at_once_are_kept_apart() {
    let mut answers = search(0, "cart", Some("NXDOMAIN"));
    answers.extend(search(0, "pay", Some("NOERROR")));
    answers.sort_by_key(|(at, _)| *at);
    assert_eq!(missed(&answers), [("cart".to_owned(), 5)]);
}

#[test]
fn names_of_services_and_pointers_are_not_looked_up_for_addresses() {
    assert!(missed(&[answer(0, "_grpc._tcp.cart", "SRV", Some("NXDOMAIN"))]).is_empty());
    assert!(missed(&[answer(0, "9.0.0.10.in-addr.arpa", "PTR", Some("NXDOMAIN"))]).is_empty());
}
