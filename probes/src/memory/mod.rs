//! OOM kills: the victim, what it kept in memory, and whose limit ran out.
//!
//! Feeds `memory.oom_kill`. Before Linux 6.8 the kernel names the victim by its process id only: command name, resident
//! memory and `own_limit` are then not known, and the cgroup has to be found by the id.

use correlator::{Body, Fact, OomKill, signals};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Header, Record, Sighting, read};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "memory",
    profile: Profile::Minimal,
    watches: "OOM kills",
    object: aya::include_bytes_aligned!("memory.bpf.o"),
    programs: &[Program {
        name: "oom_kill",
        hook: Hook::Tracepoint("mark_victim"),
    }],
    losses: &["ring full"],
    tables: &[],
    sample_len: 0,
    decode,
    reader: None,
};

/// One kill, `struct oom_kill_record`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct OomKillRecord {
    /// When, and the victim.
    pub header: Header,
    /// Anonymous memory of the victim, bytes.
    pub anon: u64,
    /// File-backed memory, bytes.
    pub file: u64,
    /// Shared memory, bytes.
    pub shmem: u64,
    /// Limit of the cgroup that ran out, bytes; 0 when none was at its limit.
    pub limit: u64,
    /// What that cgroup was charged, bytes.
    pub usage: u64,
    /// 1 when that cgroup is the victim's own.
    pub own_limit: u32,
    /// Zero.
    pub unused: u32,
}

impl Record for OomKillRecord {
    const KIND: u8 = 2;
}

fn decode(bytes: &[u8]) -> Result<Sighting, BadRecord> {
    let record: OomKillRecord = read(bytes)?;
    let limited = record.limit > 0;
    let kill = OomKill {
        pid: record.header.pid,
        ns_pid: record.header.ns_pid,
        comm: record.header.task().comm,
        anon: record.anon,
        file: record.file,
        shmem: record.shmem,
        limit: limited.then_some(record.limit),
        usage: limited.then_some(record.usage),
        own_limit: record.own_limit != 0,
    };
    Ok(record.header.sighting(signals::OOM_KILL, Body::Fact(Fact::OomKill(kill))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::header_of;

    fn kill(limit: u64, own_limit: u32) -> OomKill {
        let record = OomKillRecord {
            header: header_of::<OomKillRecord>(),
            anon: 10,
            file: 20,
            shmem: 30,
            limit,
            usage: 90,
            own_limit,
            unused: 0,
        };
        match decode(record.as_bytes()).unwrap().body {
            Body::Fact(Fact::OomKill(kill)) => kill,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_kill_names_the_victim_and_the_limit_that_ran_out() {
        let kill = kill(100, 1);
        assert_eq!((kill.pid, kill.ns_pid, &*kill.comm), (7, 1, "worker"));
        assert_eq!((kill.anon, kill.file, kill.shmem), (10, 20, 30));
        assert_eq!((kill.limit, kill.usage, kill.own_limit), (Some(100), Some(90), true));
    }

    #[test]
    fn a_kill_for_the_whole_node_has_no_limit() {
        let kill = kill(0, 0);
        assert_eq!((kill.limit, kill.usage, kill.own_limit), (None, None, false));
    }
}
