//! What a memory cgroup is charged, of a container or of a cgroup above some.

use super::files::{Files, Place};
use super::memory_limit::limit_v1;
use super::memory_stat::{Split, major_faults_v1, major_faults_v2, split_v1, split_v2};

/// What a memory cgroup is charged, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) usage: u64,
    pub(super) split: Option<Split>,
    /// The lowest limit over the cgroup and those above it, where its own files tell (v1).
    pub(super) lowest: Option<u64>,
    pub(super) major_faults: Option<u64>,
}

/// What a v2 cgroup is charged.
pub(super) fn charge_v2(files: &mut Files, place: Place) -> Option<Charge> {
    // The order matters: the stat may be older than the usage, never newer.
    let stat = files.text(place, "memory.stat").map(str::to_owned);
    let usage = files.number(place, "memory.current")?;
    Some(Charge {
        usage,
        split: stat.as_ref().and_then(|stat| split_v2(stat, usage)),
        lowest: None,
        major_faults: stat.as_ref().and_then(|stat| major_faults_v2(stat)),
    })
}

/// What a v1 cgroup is charged.
pub(super) fn charge_v1(files: &mut Files, place: Place) -> Option<Charge> {
    let stat = files.text(place, "memory.stat").map(str::to_owned);
    let usage = files.number(place, "memory.usage_in_bytes")?;
    let kernel = files.number(place, "memory.kmem.usage_in_bytes");
    Some(Charge {
        usage,
        split: stat.as_ref().and_then(|stat| split_v1(stat, usage, kernel)),
        lowest: stat.as_ref().and_then(|stat| limit_v1(stat)),
        major_faults: stat.as_ref().and_then(|stat| major_faults_v1(stat)),
    })
}
