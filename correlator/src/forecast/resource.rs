//! The resources that fill up towards a limit, and the signals that tell of them.

use crate::event::{Signal, signals};

/// A resource that is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Memory of a container that reclaim cannot free, bytes.
    Memory,
    /// Processes and threads of a container.
    Processes,
    /// Open files of a container's process.
    Files,
    /// A pod's volume, bytes; there is one of each name.
    Volume,
    /// Files (inodes) in a pod's volume; there is one of each name.
    VolumeInodes,
    /// Memory of a node, bytes: its limit is where the kubelet begins to evict pods.
    NodeMemory,
    /// The file system of a node's kubelet, bytes: its limit is where the kubelet begins to evict pods.
    NodeDisk,
    /// Files (inodes) in it.
    NodeDiskInodes,
    /// Connections that a node keeps track of.
    Conntrack,
}

/// What a signal says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is used and cannot be given back. It comes last in a round and makes a sample.
    Used,
    /// What is left of all there is, instead of what is used. It comes last too.
    Available,
    /// The lowest limit, or all there is.
    Limit,
    /// What must stay available: the limit is so much lower.
    Reserve,
    /// What is left over all limits that hold.
    Headroom,
    /// What could be given back.
    Cache,
    /// The part of that which is in use.
    ActiveCache,
    /// How often the limit was hit.
    Hits,
}

/// Which signal tells what of which resource.
static PARTS: [(Signal, Resource, Part); 26] = [
    (signals::MEMORY_UNRECLAIMABLE, Resource::Memory, Part::Used),
    (signals::MEMORY_LIMIT, Resource::Memory, Part::Limit),
    (signals::MEMORY_HEADROOM, Resource::Memory, Part::Headroom),
    (signals::MEMORY_CACHE, Resource::Memory, Part::Cache),
    (signals::MEMORY_ACTIVE_CACHE, Resource::Memory, Part::ActiveCache),
    (signals::MEMORY_LIMIT_HITS, Resource::Memory, Part::Hits),
    (signals::PIDS_CURRENT, Resource::Processes, Part::Used),
    (signals::PIDS_MAX, Resource::Processes, Part::Limit),
    (signals::PIDS_HEADROOM, Resource::Processes, Part::Headroom),
    (signals::FILES_OPEN, Resource::Files, Part::Used),
    (signals::FILES_LIMIT, Resource::Files, Part::Limit),
    (signals::VOLUME_USED_BYTES, Resource::Volume, Part::Used),
    (signals::VOLUME_SIZE_BYTES, Resource::Volume, Part::Limit),
    (signals::VOLUME_USED_INODES, Resource::VolumeInodes, Part::Used),
    (signals::VOLUME_SIZE_INODES, Resource::VolumeInodes, Part::Limit),
    (signals::NODE_MEMORY_AVAILABLE, Resource::NodeMemory, Part::Available),
    (signals::NODE_MEMORY_TOTAL, Resource::NodeMemory, Part::Limit),
    (signals::NODE_MEMORY_EVICTION, Resource::NodeMemory, Part::Reserve),
    (signals::NODE_DISK_AVAILABLE_BYTES, Resource::NodeDisk, Part::Available),
    (signals::NODE_DISK_SIZE_BYTES, Resource::NodeDisk, Part::Limit),
    (signals::NODE_DISK_EVICTION_BYTES, Resource::NodeDisk, Part::Reserve),
    (
        signals::NODE_DISK_AVAILABLE_INODES,
        Resource::NodeDiskInodes,
        Part::Available,
    ),
    (signals::NODE_DISK_SIZE_INODES, Resource::NodeDiskInodes, Part::Limit),
    (
        signals::NODE_DISK_EVICTION_INODES,
        Resource::NodeDiskInodes,
        Part::Reserve,
    ),
    (signals::NODE_CONNTRACK_ENTRIES, Resource::Conntrack, Part::Used),
    (signals::NODE_CONNTRACK_MAX, Resource::Conntrack, Part::Limit),
];

impl Resource {
    /// What a signal tells of which resource, and the name after its colon, empty where there is none.
    pub(crate) fn of(signal: &Signal) -> Option<(Self, Part, &str)> {
        let (base, name) = signal.name().split_once(':').unwrap_or((signal.name(), ""));
        let part = PARTS.iter().find(|(known, ..)| known.name() == base);
        part.map(|(_, resource, part)| (*resource, *part, name))
    }

    /// Below this share of its limit a resource is not forecast. Memory always is, because how it grew from the start
    /// tells most; of the others most use next to nothing.
    pub(crate) const fn least_share(self) -> f64 {
        match self {
            Self::Memory | Self::NodeMemory => 0.0,
            _ => 0.25,
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
            Self::Files => "files",
            Self::Volume => "volume",
            Self::VolumeInodes => "volume-inodes",
            Self::NodeMemory => "node-memory",
            Self::NodeDisk => "node-disk",
            Self::NodeDiskInodes => "node-disk-inodes",
            Self::Conntrack => "conntrack",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_told_by_the_name_after_the_colon() {
        let of = |name: &str| Resource::of(&Signal::named(name.to_owned())).map(|(resource, part, _)| (resource, part));
        assert_eq!(of("volume.used_bytes:data"), Some((Resource::Volume, Part::Used)));
        assert_eq!(
            of("node.memory_available"),
            Some((Resource::NodeMemory, Part::Available))
        );
        assert_eq!(of("volume.used_bytesx:data"), None);
        let signal = Signal::named("volume.used_bytes:data:0".to_owned());
        assert_eq!(Resource::of(&signal).map(|(.., name)| name), Some("data:0"));
    }
}
