//! The names of DNS record types and response codes (IANA, "Domain Name System Parameters"), and what a code comes to.

use std::borrow::Cow;

use correlator::Outcome;

/// The label of a type: its name, or `other` for those that are rare, so that there is an end to the labels.
#[must_use]
pub fn type_label(kind: u16) -> &'static str {
    match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        52 => "TLSA",
        64 => "SVCB",
        65 => "HTTPS",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        257 => "CAA",
        _ => "other",
    }
}

/// The name of a type; `TYPE<number>` for those without one here (RFC 3597).
#[must_use]
pub fn type_name(kind: u16) -> Cow<'static, str> {
    match type_label(kind) {
        "other" => format!("TYPE{kind}").into(),
        label => label.into(),
    }
}

/// The label of a response code: its name, or `other`.
#[must_use]
pub fn rcode_label(rcode: u16) -> &'static str {
    match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        16 => "BADVERS",
        23 => "BADCOOKIE",
        _ => "other",
    }
}

/// The name of a response code; `RCODE<number>` for those without one here.
#[must_use]
pub fn rcode_name(rcode: u16) -> Cow<'static, str> {
    match rcode_label(rcode) {
        "other" => format!("RCODE{rcode}").into(),
        label => label.into(),
    }
}

/// How a query ended that got this code. Every failure but "no such name" and "not for you" is one of the server.
#[must_use]
pub fn outcome(rcode: u16) -> Outcome {
    match rcode {
        0 => Outcome::Ok,
        3 => Outcome::NameMissing,
        5 | 9 => Outcome::Denied,
        _ => Outcome::ServerFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_called_by_their_names_and_unknown_ones_by_their_number() {
        assert_eq!((type_name(28), type_name(65_280)), ("AAAA".into(), "TYPE65280".into()));
        assert_eq!((rcode_name(3), rcode_name(3000)), ("NXDOMAIN".into(), "RCODE3000".into()));
    }

    #[test]
    fn there_is_an_end_to_the_labels() {
        let labels = |label: fn(u16) -> &'static str| {
            let all: std::collections::BTreeSet<_> = (0..=u16::MAX).map(label).collect();
            all.len()
        };
        assert!(labels(type_label) < 32 && labels(rcode_label) < 16);
    }

    #[test]
    fn a_code_says_whose_fault_it_is() {
        let outcomes = [0, 2, 3, 5, 1].map(outcome);
        let wanted = [
            Outcome::Ok,
            Outcome::ServerFailed,
            Outcome::NameMissing,
            Outcome::Denied,
            Outcome::ServerFailed,
        ];
        assert_eq!(outcomes, wanted);
    }
}
