//! What of it is not watched, said when it begins and when it is over.

use std::collections::BTreeSet;

use correlator::Gap;

use super::Seen;
use crate::clock;
use crate::sniffer::Context;

const DISK: &str = "node/disk";
const REMOTE: &str = "node/remote-volumes";
const FILES: &str = "node/open-files";
const BOUNDS: &str = "node";

/// What was said.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    open: BTreeSet<&'static str>,
    too_many: (usize, usize),
}

impl Gaps {
    /// Says what changed.
    pub(super) fn tell(&mut self, cx: &Context, seen: Seen) {
        let disk = seen.out_of_sight.then(|| {
            (
                "disk space of the node and of volumes",
                "the node has mounts below /var/lib/kubelet/pods, and none is in sight".to_owned(),
                "in a pod, mount the host's /var/lib/kubelet at its place, with mountPropagation HostToContainer",
            )
        });
        let remote = (seen.remote > 0).then(|| {
            (
                "space of volumes on file systems of servers",
                format!(
                    "{} are mounted, and a server that does not answer would hold up every reading",
                    seen.remote
                ),
                "watch the server's own figures, or kubelet_volume_stats_available_bytes of the kubelet",
            )
        });
        let files = (seen.refused > 0).then(|| {
            (
                "open files of some containers",
                format!("those of {} processes may not be counted", seen.refused),
                "run as root with CAP_DAC_READ_SEARCH, or on Linux 6.2 or later",
            )
        });
        self.turn(cx, DISK, disk);
        self.turn(cx, REMOTE, remote);
        self.turn(cx, FILES, files);
        let bounds = [
            (
                &mut self.too_many.0,
                seen.too_many_volumes,
                "more volumes than are watched",
            ),
            (
                &mut self.too_many.1,
                seen.too_many_processes,
                "more processes than are looked at for open files",
            ),
        ];
        for (before, now, reason) in bounds {
            if now > *before {
                cx.events.lost(clock::now(), BOUNDS, reason, (now - *before) as u64);
            }
            *before = now;
        }
    }

    fn turn(&mut self, cx: &Context, source: &'static str, gap: Option<(&str, String, &str)>) {
        match gap {
            Some((what, why, fix)) => {
                if self.open.insert(source) {
                    let gap = Gap {
                        source: source.into(),
                        what: what.into(),
                        why: why.into(),
                        fix: fix.into(),
                    };
                    cx.events.blind(clock::now(), gap);
                }
            }
            None => {
                if self.open.remove(source) {
                    cx.events.sighted(clock::now(), source);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use correlator::{Body, Fact};
    use pidmap::{PidMap, Roots};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::sniffer::EventSender;

    /// What is said of these rounds, one word a fact.
    fn said(rounds: &[Seen]) -> Vec<String> {
        let (events, mut receiver) = EventSender::bounded(100);
        let roots = Roots {
            proc: "/nonexistent".into(),
            cgroup: "/nonexistent".into(),
        };
        let pods = Arc::new(PidMap::new(roots, 0));
        let stop = CancellationToken::new();
        let cx = Context { events, pods, stop };
        let mut gaps = Gaps::default();
        for seen in rounds {
            gaps.tell(&cx, *seen);
        }
        let mut said = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            said.push(match event.body {
                Body::Fact(Fact::Blind(gap)) => format!("blind {}", gap.source),
                Body::Fact(Fact::Sighted { source }) => format!("sighted {source}"),
                Body::Fact(Fact::Lost { count, .. }) => format!("lost {count}"),
                other => format!("{other:?}"),
            });
        }
        said
    }

    #[test]
    fn a_gap_is_said_once_and_when_it_is_over() {
        let refused = |refused| Seen {
            refused,
            ..Seen::default()
        };
        let expected = ["blind node/open-files", "sighted node/open-files"];
        assert_eq!(
            said(&[refused(0), refused(3), refused(4), refused(0), refused(0)]),
            expected
        );
    }

    #[test]
    fn what_is_beyond_the_bounds_is_counted_when_it_becomes_more() {
        let over = |too_many_processes| Seen {
            too_many_processes,
            ..Seen::default()
        };
        assert_eq!(said(&[over(5), over(5), over(7), over(0)]), ["lost 5", "lost 2"]);
    }

    #[test]
    fn each_source_has_a_gap_of_its_own() {
        let all = Seen {
            out_of_sight: true,
            remote: 2,
            refused: 1,
            ..Seen::default()
        };
        assert_eq!(
            said(&[all]),
            ["blind node/disk", "blind node/remote-volumes", "blind node/open-files"]
        );
    }
}
