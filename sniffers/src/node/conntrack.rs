//! How full the table of tracked connections is, in the node's own network namespace. Pods whose namespace tracks
//! connections too have tables of their own, bounded by the same maximum.

use std::fs;
use std::path::Path;

use correlator::{Subject, signals};

use super::Said;

/// Says it where the kernel tracks connections.
pub(super) fn read(proc: &Path, node: &Subject, said: &mut Said) {
    let text = |path: &str| fs::read_to_string(proc.join(path)).ok();
    // The namespace of the first process is the node's, also when this process is in another.
    let entries = text("1/net/stat/nf_conntrack").and_then(|text| entries(&text));
    let most = text("sys/net/netfilter/nf_conntrack_max").and_then(|text| text.trim().parse().ok());
    let (Some(entries), Some(most)) = (entries, most.filter(|most| *most > 0)) else {
        return;
    };
    said.gauge(node, signals::NODE_CONNTRACK_MAX, most);
    said.gauge(node, signals::NODE_CONNTRACK_ENTRIES, entries);
}

/// The first column of the first line, hexadecimal: each processor's line repeats the sum (`ct_cpu_seq_show` in
/// `net/netfilter/nf_conntrack_standalone.c`).
fn entries(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let is_first = lines.next()?.split_ascii_whitespace().next() == Some("entries");
    let first = lines.next()?.split_ascii_whitespace().next()?;
    is_first.then(|| u64::from_str_radix(first, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use correlator::{Body, Timestamp};

    use super::*;

    const STAT: &str = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop\n\
        0000012c  00000000 00000000 00000000\n0000012c  00000001 00000000 00000000\n";

    fn said(max: Option<&str>, stat: Option<&str>) -> Vec<(String, Body)> {
        let proc = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("sys/net/netfilter/nf_conntrack_max", max),
            ("1/net/stat/nf_conntrack", stat),
        ] {
            let path = proc.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if let Some(text) = text {
                fs::write(path, text).unwrap();
            }
        }
        let mut said = Said::new(Timestamp::from_secs(1));
        read(proc.path(), &Subject::Node("node-a".into()), &mut said);
        let named = said
            .events
            .into_iter()
            .map(|event| (event.signal.to_string(), event.body));
        named.collect()
    }

    #[test]
    fn the_entries_of_all_processors_are_counted_once() {
        let expected = [
            ("node.conntrack_max".to_owned(), Body::Gauge(262_144.0)),
            ("node.conntrack_entries".to_owned(), Body::Gauge(300.0)),
        ];
        assert_eq!(said(Some("262144\n"), Some(STAT)), expected);
    }

    #[test]
    fn a_kernel_that_tracks_nothing_or_without_bound_says_nothing() {
        assert_eq!(said(Some("262144\n"), None), []);
        assert_eq!(said(None, Some(STAT)), []);
        assert_eq!(said(Some("0\n"), Some(STAT)), []);
        assert_eq!(said(Some("9\n"), Some("junk\n0000012c\n")), []);
        assert_eq!(said(Some("9\n"), Some("entries\nxyz\n")), []);
    }
}
