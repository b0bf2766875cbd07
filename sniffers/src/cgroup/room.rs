//! How much is left to a container until a limit is met, its own or one of a cgroup above it. What is above is read once
//! a round for all that is below.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::charge::{Charge, charge_v1, charge_v2};
use super::files::{Files, Place};
use super::memory_limit::{limit_v2, limited_v1};

/// The lowest limit of a cgroup and of those above it, and the least that is left until one is met. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) limit: Option<u64>,
    /// Least of each limit less what is used of it and cannot be given back.
    pub(super) left: Option<u64>,
    /// Swap that may still be used (v2).
    pub(super) swap: Option<u64>,
    /// Memory and swap together that may still be used (v1).
    pub(super) both: Option<u64>,
}

impl Room {
    /// This room inside another.
    pub(super) fn within(self, above: Self) -> Self {
        Self {
            limit: least(self.limit, above.limit),
            left: least(self.left, above.left),
            swap: least(self.swap, above.swap),
            both: least(self.both, above.both),
        }
    }

    /// What is left of memory, with the swap that may be used of what the machine has free (`None`: it has none at all).
    pub(super) fn headroom(&self, swap_free: Option<u64>) -> Option<u64> {
        let Some(free) = swap_free else { return self.left };
        let swap = self.swap.map_or(free, |allowed| allowed.min(free));
        least(Some(self.left?.saturating_add(swap)), self.both)
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// What is known of the cgroups above containers. Made anew every round.
#[derive(Debug, Default)]
pub(super) struct Above {
    /// Free swap of the machine, bytes; `None` when it has no swap.
    pub(super) swap_free: Option<u64>,
    memory: HashMap<PathBuf, Room>,
    processes: HashMap<PathBuf, Room>,
    /// Outlives the round.
    pub(super) files: Files,
}

impl Above {
    /// A round on a machine with this much free swap, `None` for a machine that has no swap.
    pub(super) fn new(swap_free: Option<u64>, files: Files) -> Self {
        Self {
            swap_free,
            files,
            ..Self::default()
        }
    }

    /// Room of memory above a v2 cgroup.
    pub(super) fn memory_v2(&mut self, directory: &Path, tree: &Path) -> Room {
        let (files, has_swap) = (&mut self.files, self.swap_free.is_some());
        above(&mut self.memory, directory, tree, &mut |level| {
            level_v2(files, level, has_swap)
        })
    }

    /// Room of memory above a v1 cgroup.
    pub(super) fn memory_v1(&mut self, directory: &Path, tree: &Path) -> Room {
        let (files, has_swap) = (&mut self.files, self.swap_free.is_some());
        above(&mut self.memory, directory, tree, &mut |level| {
            level_v1(files, level, has_swap)
        })
    }

    /// Room of processes above a cgroup, of either version.
    pub(super) fn processes(&mut self, directory: &Path, tree: &Path) -> Room {
        let files = &mut self.files;
        above(&mut self.processes, directory, tree, &mut |level| {
            let level = files.place(level);
            let limit = files.number(level, "pids.max");
            let current = limit.and_then(|_| files.number(level, "pids.current"));
            processes(limit, current)
        })
    }
}

/// The room of the directories above this one, up to the root of their tree.
fn above(
    known: &mut HashMap<PathBuf, Room>,
    directory: &Path,
    tree: &Path,
    level: &mut impl FnMut(&Path) -> Room,
) -> Room {
    let Some(parent) = directory.parent().filter(|parent| parent.starts_with(tree)) else {
        return Room::default();
    };
    if let Some(room) = known.get(parent) {
        return *room;
    }
    let room = level(parent).within(above(known, parent, tree, level));
    known.insert(parent.to_owned(), room);
    room
}

/// Only a cgroup that has a limit is asked what it uses.
fn level_v2(files: &mut Files, directory: &Path, has_swap: bool) -> Room {
    let place = files.place(directory);
    let limit = files.text(place, "memory.max").and_then(limit_v2);
    let charge = limit.and_then(|_| charge_v2(files, place));
    memory_v2(files, place, limit, charge, has_swap)
}

fn level_v1(files: &mut Files, directory: &Path, has_swap: bool) -> Room {
    let place = files.place(directory);
    let limit = limit_of_v1(files, place);
    let charge = limit.and_then(|_| charge_v1(files, place));
    memory_v1(files, place, limit, charge.as_ref(), has_swap)
}

/// A v1 cgroup's own limit.
pub(super) fn limit_of_v1(files: &mut Files, place: Place) -> Option<u64> {
    files.number(place, "memory.limit_in_bytes").and_then(limited_v1)
}

/// The room of a v2 cgroup alone.
pub(super) fn memory_v2(
    files: &mut Files,
    place: Place,
    limit: Option<u64>,
    charge: Option<Charge>,
    has_swap: bool,
) -> Room {
    let mut read = |file| files.number(place, file);
    let mut swap = || Some(read("memory.swap.max")?.saturating_sub(read("memory.swap.current")?));
    Room {
        limit,
        left: left(limit, charge.as_ref()),
        swap: if has_swap { swap() } else { None },
        both: None,
    }
}

/// The room of a v1 cgroup alone. Where swap is not accounted there are no files of both together.
pub(super) fn memory_v1(
    files: &mut Files,
    place: Place,
    limit: Option<u64>,
    charge: Option<&Charge>,
    has_swap: bool,
) -> Room {
    let mut read = |file| files.number(place, file);
    let mut both = || {
        let limit = limited_v1(read("memory.memsw.limit_in_bytes")?)?;
        let usage = read("memory.memsw.usage_in_bytes")?;
        Some(limit.saturating_sub(usage.saturating_sub(charge?.split?.cache)))
    };
    Room {
        limit,
        left: left(limit, charge),
        swap: None,
        both: if has_swap { both() } else { None },
    }
}

/// The room of processes of a cgroup alone.
pub(super) fn processes(limit: Option<u64>, current: Option<u64>) -> Room {
    let left = limit.and_then(|limit| Some(limit.saturating_sub(current?)));
    Room {
        limit,
        left,
        ..Room::default()
    }
}

/// Bounds the room of a v1 cgroup by what its own `memory.stat` says of the cgroups above it: without
/// `memory.use_hierarchy` (before Linux 5.11) their limits do not hold, and some of them may not be in sight.
pub(super) fn by_hierarchy(own: Room, above: Room, charge: &Charge) -> Room {
    let Some(lowest) = charge.lowest else { return own };
    let hold = above.limit.is_none_or(|limit| limit >= lowest);
    let room = if hold { own.within(above) } else { own };
    let unseen = Room {
        limit: Some(lowest),
        left: left(Some(lowest), Some(charge)),
        ..Room::default()
    };
    if room.limit == Some(lowest) {
        room
    } else {
        room.within(unseen)
    }
}

fn left(limit: Option<u64>, charge: Option<&Charge>) -> Option<u64> {
    Some(limit?.saturating_sub(charge?.split?.unreclaimable))
}

#[cfg(test)]
mod tests {
    use super::super::memory_stat::Split;
    use super::*;

    fn room(limit: u64, left: u64) -> Room {
        Room {
            limit: Some(limit),
            left: Some(left),
            ..Room::default()
        }
    }

    fn charge(unreclaimable: u64, lowest: Option<u64>) -> Charge {
        let split = Split {
            unreclaimable,
            cache: 0,
            active: 0,
            inactive: 0,
        };
        Charge {
            usage: unreclaimable,
            split: Some(split),
            lowest,
            major_faults: None,
        }
    }

    #[test]
    fn the_least_that_is_left_counts_even_under_a_higher_limit() {
        let both = room(100, 60).within(room(1000, 20));
        assert_eq!((both.limit, both.headroom(None)), (Some(100), Some(20)));
        assert_eq!(room(100, 60).within(Room::default()), room(100, 60));
        assert_eq!(Room::default().headroom(Some(500)), None);
    }

    #[test]
    fn swap_adds_what_is_allowed_of_what_is_free() {
        let allowed = |swap| Room { swap, ..room(100, 60) };
        assert_eq!(allowed(Some(30)).headroom(Some(500)), Some(90));
        assert_eq!(allowed(Some(30)).headroom(Some(10)), Some(70));
        assert_eq!(allowed(Some(0)).headroom(Some(500)), Some(60));
        assert_eq!(allowed(None).headroom(Some(500)), Some(560));
        assert_eq!(allowed(Some(30)).headroom(None), Some(60), "a machine without swap");
        let both = Room {
            both: Some(75),
            ..room(100, 60)
        };
        assert_eq!(both.headroom(Some(500)), Some(75));
    }

    #[test]
    fn a_v1_limit_above_that_does_not_hold_is_left_out_and_one_out_of_sight_counts() {
        let own = room(100, 90);
        let without_hierarchy = by_hierarchy(own, room(50, 5), &charge(10, Some(100)));
        assert_eq!(without_hierarchy.left, Some(90));
        let out_of_sight = by_hierarchy(own, Room::default(), &charge(10, Some(40)));
        assert_eq!((out_of_sight.limit, out_of_sight.left), (Some(40), Some(30)));
        let holds = by_hierarchy(own, room(100, 5), &charge(10, Some(100)));
        assert_eq!(holds.left, Some(5));
    }

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    const STAT_V2: &str = "active_file 100\ninactive_file 200\nslab_reclaimable 50\n";

    #[test]
    fn a_pod_that_may_not_swap_keeps_its_containers_from_it() {
        let cgroups = tree(&[
            ("pods/memory.max", "9000\n"),
            ("pods/memory.stat", STAT_V2),
            ("pods/memory.current", "8350\n"),
            ("pods/memory.swap.max", "max\n"),
            ("pods/pod/memory.max", "2000\n"),
            ("pods/pod/memory.stat", STAT_V2),
            ("pods/pod/memory.current", "1100\n"),
            ("pods/pod/memory.swap.max", "300\n"),
            ("pods/pod/memory.swap.current", "60\n"),
        ]);
        let container = cgroups.path().join("pods/pod/c");
        let room = Above::new(Some(500), Files::default()).memory_v2(&container, cgroups.path());
        assert_eq!((room.limit, room.left, room.swap), (Some(2000), Some(1000), Some(240)));
        assert_eq!(
            Above::new(None, Files::default())
                .memory_v2(&container, cgroups.path())
                .swap,
            None
        );
    }

    #[test]
    fn v1_bounds_memory_and_swap_together() {
        let cgroups = tree(&[
            ("pod/memory.limit_in_bytes", "2000\n"),
            ("pod/memory.stat", "total_active_file 100\ntotal_inactive_file 200\n"),
            ("pod/memory.usage_in_bytes", "1100\n"),
            ("pod/memory.memsw.limit_in_bytes", "2500\n"),
            ("pod/memory.memsw.usage_in_bytes", "1500\n"),
        ]);
        let room = Above::new(Some(5000), Files::default()).memory_v1(&cgroups.path().join("pod/c"), cgroups.path());
        assert_eq!((room.left, room.both), (Some(1200), Some(1300)));
        assert_eq!(room.headroom(Some(5000)), Some(1300));
        assert_eq!(room.headroom(Some(70)), Some(1270));
    }

    #[test]
    fn what_is_above_is_read_once_a_round() {
        let cgroups = tree(&[("pod/pids.max", "50\n"), ("pod/pids.current", "9\n")]);
        let mut round = Above::default();
        let left = |round: &mut Above, id| {
            round
                .processes(&cgroups.path().join("pod").join(id), cgroups.path())
                .left
        };
        assert_eq!(left(&mut round, "a"), Some(41));
        std::fs::write(cgroups.path().join("pod/pids.current"), "20\n").unwrap();
        assert_eq!(left(&mut round, "b"), Some(41));
        assert_eq!(left(&mut Above::default(), "b"), Some(30));
    }
}
