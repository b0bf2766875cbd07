//! What a probe is: an object, the programs in it, and how its records are read.

use std::fmt;

use aya::Ebpf;
use aya::programs::ProgramError;

use crate::error::LoadError;
use crate::record::{BadRecord, Sighting};
use crate::table::Table;

/// A description of one probe; each folder of `src/` holds one.
#[derive(Debug)]
pub struct Probe {
    /// Name of the folder, and of the source in gaps: `ebpf/<name>`.
    pub name: &'static str,
    /// The smallest profile that has it.
    pub profile: Profile,
    /// What goes unseen without it, in words: `TCP connects`.
    pub watches: &'static str,
    /// The compiled object, aligned as the loader needs it.
    pub object: &'static [u8],
    /// The programs in the object.
    pub programs: &'static [Program],
    /// What the slots of the object's `lost` map count, in order; at most four.
    pub losses: &'static [&'static str],
    /// The tables its programs count in.
    pub tables: &'static [Table],
    /// Size of a record, for programs that write them one after the other to an iterator's reader.
    pub sample_len: usize,
    /// Reads one record.
    pub decode: fn(&[u8]) -> Result<Sighting, BadRecord>,
    /// Reads its records instead of `decode`, where they have to do with one another.
    pub reader: Option<OpenReader>,
}

/// Makes the reader of an object whose programs are loaded.
pub type OpenReader = fn(&mut Ebpf) -> Result<Box<dyn Reader>, LoadError>;

/// Reads the records of a probe and remembers some of them.
pub trait Reader: Send {
    /// Reads one record and hands over what it tells.
    fn read(&mut self, record: &[u8], see: &mut dyn FnMut(Sighting)) -> Result<(), BadRecord>;

    /// Hands over what is due at this time, nanoseconds of `CLOCK_MONOTONIC`; called about once a second.
    fn tick(&mut self, ktime_ns: u64, see: &mut dyn FnMut(Sighting));

    /// What was lost since this was last asked, by reason; zeros are passed over.
    fn take_losses(&mut self) -> Vec<(&'static str, u64)>;
}

/// How much is watched: each profile has the probes of those below it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// What kills containers: OOM kills, exits, memory.
    Minimal,
    /// And what makes them slow or unreachable: TCP, DNS, the run queue.
    Standard,
    /// And what they do all the time: system calls, packets, files. Costs something on every one of them.
    Comprehensive,
}

/// One program of a probe.
#[derive(Debug)]
pub struct Program {
    /// Name of the function in the object.
    pub name: &'static str,
    /// Where it attaches.
    pub hook: Hook,
}

/// Where a program attaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// A BTF tracepoint (Linux 5.5), by its name without the subsystem.
    Tracepoint(&'static str),
    /// The iterator over all tasks (Linux 5.8); it runs when it is read.
    Tasks,
    /// The packets of all sockets, at the root of the cgroup2 hierarchy (Linux 4.10). The program must return 1: else the
    /// packet is dropped.
    CgroupSkb(Direction),
    /// The calls that name an address, at the same root (Linux 4.17), by the name in the section: `connect4`, `sendmsg6`.
    /// The program must return 1: else the call fails.
    CgroupSockAddr(&'static str),
    /// The iterator over the open files of all processes (Linux 5.8); it runs when it is read and writes nothing.
    Files,
}

/// Which packets a program at [`Hook::CgroupSkb`] sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that a socket receives.
    Ingress,
    /// Those that a socket sends, before they are cut into fragments.
    Egress,
}

impl Program {
    /// The kernel refused it.
    pub(crate) fn refused(&self, source: ProgramError) -> LoadError {
        if let ProgramError::LoadError { verifier_log, .. } = &source {
            tracing::debug!(program = self.name, %verifier_log, "The kernel refused a program.");
        }
        LoadError::Load {
            program: self.name,
            hook: self.hook.to_string(),
            source: source.into(),
        }
    }

    /// It is in the kernel, but its hook did not take it.
    pub(crate) fn unattached(&self, source: ProgramError) -> LoadError {
        LoadError::Attach {
            program: self.name,
            hook: self.hook.to_string(),
            source: source.into(),
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tracepoint(name) => write!(f, "tp_btf/{name}"),
            Self::Tasks => f.write_str("iter/task"),
            Self::CgroupSkb(Direction::Ingress) => f.write_str("cgroup_skb/ingress"),
            Self::CgroupSkb(Direction::Egress) => f.write_str("cgroup_skb/egress"),
            Self::CgroupSockAddr(call) => write!(f, "cgroup/{call}"),
            Self::Files => f.write_str("iter/task_file"),
        }
    }
}
