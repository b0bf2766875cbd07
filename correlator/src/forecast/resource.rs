//! The resources that fill up towards a limit, and the signals that tell of them.

use crate::event::{Signal, signals};

/// A resource that is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Memory that reclaim cannot free, bytes.
    Memory,
    /// Processes and threads.
    Processes,
}

/// What a signal says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is used and cannot be given back. It comes last in a round and makes a sample.
    Used,
    /// The lowest limit.
    Limit,
    /// What is left over all limits that hold.
    Headroom,
    /// What could be given back.
    Cache,
    /// The part of that which is in use.
    ActiveCache,
    /// How often the limit was hit.
    Hits,
}

const MEMORY_HEADROOM: Signal = Signal::new("memory.headroom");
const MEMORY_ACTIVE_CACHE: Signal = Signal::new("memory.active_cache");
const MEMORY_LIMIT_HITS: Signal = Signal::new("memory.limit_hits");
const PIDS_CURRENT: Signal = Signal::new("pids.current");
const PIDS_MAX: Signal = Signal::new("pids.max");

/// Which signal tells what of which resource.
static PARTS: [(Signal, Resource, Part); 8] = [
    (signals::MEMORY_UNRECLAIMABLE, Resource::Memory, Part::Used),
    (signals::MEMORY_LIMIT, Resource::Memory, Part::Limit),
    (MEMORY_HEADROOM, Resource::Memory, Part::Headroom),
    (signals::MEMORY_CACHE, Resource::Memory, Part::Cache),
    (MEMORY_ACTIVE_CACHE, Resource::Memory, Part::ActiveCache),
    (MEMORY_LIMIT_HITS, Resource::Memory, Part::Hits),
    (PIDS_CURRENT, Resource::Processes, Part::Used),
    (PIDS_MAX, Resource::Processes, Part::Limit),
];

impl Resource {
    /// What a signal tells of which resource, if of any.
    pub(crate) fn of(signal: &Signal) -> Option<(Self, Part)> {
        let part = PARTS.iter().find(|(name, ..)| name == signal);
        part.map(|(_, resource, part)| (*resource, *part))
    }

    /// Below this share of its limit a resource is not forecast. Memory always is, because how it grew from the start
    /// tells most; of the others most containers use next to nothing.
    pub(crate) const fn least_share(self) -> f64 {
        match self {
            Self::Memory => 0.0,
            Self::Processes => 0.25,
        }
    }

    /// Whether meeting the limit ends in an OOM kill, so that forecasts of it can be held against kills.
    pub(crate) const fn ends_in_oom(self) -> bool {
        matches!(self, Self::Memory)
    }

    /// The label value of this resource.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
        }
    }
}
