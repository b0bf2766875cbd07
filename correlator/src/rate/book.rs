//! The rates of the containers of a pod, by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rates;
use crate::event::{Body, Event};

/// Most containers of a pod whose rates are kept; the one that was heard of longest ago makes room.
const MAX_CONTAINERS: usize = 64;

/// Rates by the name of the container, or by its id while it has no name.
#[derive(Debug, Clone, Default)]
pub(crate) struct RateBook(BTreeMap<Arc<str>, Rates>);

impl RateBook {
    /// Counts an event of the container with this id.
    pub(crate) fn count<'a>(&mut self, event: &Event, id: &'a Arc<str>, name: impl FnOnce() -> Option<&'a Arc<str>>) {
        let signal = event.signal.name();
        let is_counted = matches!(event.body, Body::Count(_) | Body::Span { .. })
            && ["dns.", "tcp.", "net."].iter().any(|part| signal.starts_with(part));
        if !is_counted {
            return;
        }
        let name = name().unwrap_or(id);
        let early = if name == id { None } else { self.0.remove(id) };
        self.make_room(name);
        let rates = self.0.entry(name.clone()).or_default();
        if let Some(early) = early {
            rates.absorb(early);
        }
        rates.take(event);
    }

    /// The rates of a container, if any.
    pub(crate) fn of(&self, name: &str, id: Option<&str>) -> Option<&Rates> {
        self.0.get(name).or_else(|| self.0.get(id?))
    }

    fn make_room(&mut self, name: &Arc<str>) {
        if self.0.len() < MAX_CONTAINERS || self.0.contains_key(name) {
            return;
        }
        let stalest = self.0.iter().min_by_key(|(_, rates)| rates.heard());
        if let Some(stalest) = stalest.map(|(name, _)| name.clone()) {
            self.0.remove(&stalest);
        }
    }
}
