//! Turns what a run sees into what is served: the metrics, and whether the first sync is done.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use correlator::{Body, Engine, Event, Fact, Insight, Timestamp};
use sniffers::Health;

use super::board::Board;
use crate::metrics::Metrics;
use crate::output::Writer;

/// Shows the metrics of a run to those who ask over HTTP.
#[derive(Debug)]
pub(crate) struct Exporter {
    board: Arc<Board>,
    metrics: Rc<RefCell<Metrics>>,
    first_sync: Option<FirstSync>,
}

/// What there is to wait for before everything that can be seen is seen.
#[derive(Debug)]
struct FirstSync {
    health: Health,
    /// What each sniffer said last.
    sniffers: BTreeMap<&'static str, Said>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Nothing,
    Watches,
    Blind(Arc<str>),
}

impl Exporter {
    /// Serves on `board` what these sniffers see.
    pub(crate) fn new(
        board: Arc<Board>,
        metrics: Rc<RefCell<Metrics>>,
        health: Health,
        sniffers: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let first_sync = FirstSync {
            health,
            sniffers: sniffers.into_iter().map(|name| (name, Said::Nothing)).collect(),
        };
        Self {
            board,
            metrics,
            first_sync: Some(first_sync),
        }
    }
}

impl Writer for Exporter {
    fn event(&mut self, event: &Event) {
        if let (Some(sync), Body::Fact(fact)) = (&mut self.first_sync, &event.body) {
            sync.hear(fact);
        }
    }

    fn insight(&mut self, _insight: &Insight) -> io::Result<()> {
        Ok(())
    }

    fn tick(&mut self, engine: &Engine, now: Timestamp, _took: Duration) {
        if let Some(sync) = &self.first_sync {
            let waits_for = sync.waits_for();
            if waits_for.is_none() {
                self.first_sync = None;
            }
            self.board.wait_for(waits_for);
        }
        self.board
            .round(|format| self.metrics.borrow_mut().render(engine, format, Some(now)));
    }
}

impl FirstSync {
    fn hear(&mut self, fact: &Fact) {
        let (source, said) = match fact {
            Fact::Blind(gap) => (&gap.source, Said::Blind(gap.why.clone())),
            Fact::Sighted { source } => (source, Said::Watches),
            _ => return,
        };
        if let Some(last) = self.sniffers.get_mut(&**source) {
            *last = said;
        }
    }

    /// What is not there yet. The kernel's sniffers have done what they can once they said what they see; the API server
    /// must have been listed, unless another instance watches it.
    fn waits_for(&self) -> Option<String> {
        for (name, said) in &self.sniffers {
            match said {
                Said::Nothing => return Some(format!("{name} to start")),
                Said::Blind(why) if *name == "k8s" && !self.health.state().stands_by => {
                    return Some(format!("{name}: {why}"));
                }
                Said::Blind(_) | Said::Watches => {}
            }
        }
        if self.sniffers.get("k8s") != Some(&Said::Watches) {
            return None;
        }
        let state = self.health.state();
        let lists: Vec<&str> = state.listing.iter().map(String::as_str).collect();
        if !state.lists_begun {
            return Some("the API server's lists".to_owned());
        }
        (!lists.is_empty()).then(|| format!("the first list of {}", lists.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use correlator::Gap;

    use super::*;

    fn sync() -> FirstSync {
        FirstSync {
            health: Health::default(),
            sniffers: BTreeMap::from([("ebpf", Said::Nothing), ("k8s", Said::Nothing)]),
        }
    }

    fn blind(source: &str) -> Fact {
        Fact::Blind(Gap {
            source: source.into(),
            what: "".into(),
            why: "no route".into(),
            fix: "".into(),
        })
    }

    fn sighted(source: &str) -> Fact {
        Fact::Sighted { source: source.into() }
    }

    #[test]
    fn a_kernel_that_cannot_be_watched_is_not_waited_for_but_the_api_server_is() {
        let mut sync = sync();
        assert_eq!(sync.waits_for().unwrap(), "ebpf to start");
        sync.hear(&blind("ebpf"));
        sync.hear(&sighted("k8s/pods"));
        assert_eq!(sync.waits_for().unwrap(), "k8s to start");
        sync.hear(&blind("k8s"));
        assert_eq!(sync.waits_for().unwrap(), "k8s: no route");
        sync.hear(&sighted("k8s"));
        assert_eq!(sync.waits_for().unwrap(), "the API server's lists");
    }
}
