//! How full file systems are: the one that the kubelet keeps its files on, and those of volumes.

use std::path::Path;

use correlator::{Subject, signals};
use nix::sys::statvfs::statvfs;

use super::eviction::share;
use super::{Eviction, Said};

/// Space and files of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) bytes: Filling,
    /// `None` where files are not bounded by themselves (btrfs, ZFS).
    pub(super) inodes: Option<Filling>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filling {
    pub(super) used: u64,
    /// Left to users: without what is kept for root.
    pub(super) available: u64,
    /// All there is, with what is kept for root.
    pub(super) size: u64,
}

impl Space {
    /// Of the file system that this path is on; `None` when it cannot be asked.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let told = statvfs(path).ok()?;
        let (block, size) = (told.fragment_size(), told.blocks());
        let bytes = Filling {
            used: size.saturating_sub(told.blocks_free()).saturating_mul(block),
            available: told.blocks_available().saturating_mul(block),
            size: size.saturating_mul(block),
        };
        let inodes = Filling {
            used: told.files().saturating_sub(told.files_free()),
            available: told.files_available(),
            size: told.files(),
        };
        Some(Self {
            bytes,
            inodes: (inodes.size > 0).then_some(inodes),
        })
    }
}

/// Says how full the kubelet's file system is, where there is a kubelet.
pub(super) fn read(kubelet: &Path, node: &Subject, eviction: Eviction, said: &mut Said) {
    let Some(space) = Space::of(kubelet) else { return };
    let threshold = share(space.bytes.size, eviction.disk_percent);
    said.gauge(node, signals::NODE_DISK_SIZE_BYTES, space.bytes.size);
    said.gauge(node, signals::NODE_DISK_EVICTION_BYTES, threshold);
    said.gauge(node, signals::NODE_DISK_AVAILABLE_BYTES, space.bytes.available);
    let Some(inodes) = space.inodes else { return };
    let threshold = share(inodes.size, eviction.inodes_percent);
    said.gauge(node, signals::NODE_DISK_SIZE_INODES, inodes.size);
    said.gauge(node, signals::NODE_DISK_EVICTION_INODES, threshold);
    said.gauge(node, signals::NODE_DISK_AVAILABLE_INODES, inodes.available);
}
