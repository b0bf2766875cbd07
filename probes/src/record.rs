//! What every record starts with (mirrors `include/record.h`), and the checks before its bytes are believed.

use std::borrow::Cow;
use std::sync::Arc;

use correlator::{Body, Signal};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First two bytes of every record.
pub const MAGIC: u16 = 0x7461;
/// Version of all layouts; raised when one of them changes.
pub const VERSION: u8 = 1;

/// What a record says, and about whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub ktime_ns: u64,
    /// About whom.
    pub task: TaskIds,
    /// What was measured.
    pub signal: Signal,
    /// The measurement.
    pub body: Body,
}

/// A task as the kernel named it when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskIds {
    /// Id of its cgroup in the v2 hierarchy; 0 when unknown, 1 for the root.
    pub unified: u64,
    /// Id of its cgroup in the memory controller's v1 hierarchy; 0 when there is none.
    pub memory: u64,
    /// Process id (thread group id) on the host.
    pub pid: u32,
    /// Command name of the process, at most 15 bytes, lossily decoded.
    pub comm: Arc<str>,
}

/// The start of every record, `struct record_header`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: u16,
    /// Which record this is.
    pub kind: u8,
    /// [`VERSION`].
    pub version: u8,
    /// Bytes of the whole record.
    pub len: u32,
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub ktime_ns: u64,
    /// As in [`TaskIds`].
    pub unified: u64,
    /// As in [`TaskIds`].
    pub memory: u64,
    /// As in [`TaskIds`].
    pub pid: u32,
    /// Process id in its own pid namespace; 0 where the probe does not read it.
    pub ns_pid: u32,
    /// Command name, ends with NUL.
    pub comm: [u8; 16],
}

/// A record of one kind, header included.
pub(crate) trait Record: FromBytes + KnownLayout + Immutable {
    /// The `kind` of its header.
    const KIND: u8;
}

/// Why the bytes of a record were not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum BadRecord {
    /// Shorter than a header, or not as long as its kind or its header says.
    #[error("malformed record: wrong length")]
    Length,
    /// Does not start as records do.
    #[error("malformed record: wrong magic")]
    Magic,
    /// Of a kind that this probe does not send.
    #[error("malformed record: wrong kind")]
    Kind,
    /// Of a version that this build does not read.
    #[error("malformed record: wrong version")]
    Version,
}

impl Header {
    /// Whom the record is about.
    #[must_use]
    pub fn task(&self) -> TaskIds {
        TaskIds {
            unified: self.unified,
            memory: self.memory,
            pid: self.pid,
            comm: text(&self.comm).into(),
        }
    }

    /// A sighting of this record's time and task.
    #[must_use]
    pub fn sighting(&self, signal: Signal, body: Body) -> Sighting {
        Sighting {
            ktime_ns: self.ktime_ns,
            task: self.task(),
            signal,
            body,
        }
    }
}

/// The header of a record, with magic and version checked.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, BadRecord> {
    let (header, _) = Header::read_from_prefix(bytes).map_err(|_| BadRecord::Length)?;
    if header.magic != MAGIC {
        return Err(BadRecord::Magic);
    }
    if header.version != VERSION {
        return Err(BadRecord::Version);
    }
    Ok(header)
}

/// A whole record, with kind and length checked too.
pub(crate) fn read<T: Record>(bytes: &[u8]) -> Result<T, BadRecord> {
    match read_prefix(bytes)? {
        (record, []) => Ok(record),
        _ => Err(BadRecord::Length),
    }
}

/// As [`read`], of a record that goes on after what is the same in all of its kind.
pub(crate) fn read_prefix<T: Record>(bytes: &[u8]) -> Result<(T, &[u8]), BadRecord> {
    let header = header(bytes)?;
    if header.kind != T::KIND {
        return Err(BadRecord::Kind);
    }
    if usize::try_from(header.len) != Ok(bytes.len()) {
        return Err(BadRecord::Length);
    }
    T::read_from_prefix(bytes).map_err(|_| BadRecord::Length)
}

/// The text before the first NUL, lossily decoded.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A good header of a record of type `T`, about pid 7, `worker`.
    pub(crate) fn header_of<T: Record>() -> Header {
        Header {
            magic: MAGIC,
            kind: T::KIND,
            version: VERSION,
            len: u32::try_from(size_of::<T>()).unwrap(),
            ktime_ns: 1_000,
            unified: 42,
            memory: 43,
            pid: 7,
            ns_pid: 1,
            comm: *b"worker\0\0\0\0\0\0\0\0\0\0",
        }
    }

    #[derive(FromBytes, IntoBytes, KnownLayout, Immutable)]
    #[repr(C)]
    struct Number {
        header: Header,
        value: u64,
    }

    impl Record for Number {
        const KIND: u8 = 9;
    }

    fn bytes(change: impl FnOnce(&mut Header)) -> Vec<u8> {
        let mut header = header_of::<Number>();
        change(&mut header);
        Number { header, value: 5 }.as_bytes().to_vec()
    }

    fn refusal(bytes: &[u8]) -> Option<BadRecord> {
        read::<Number>(bytes).err()
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_malformed() {
        for bad in [BadRecord::Length, BadRecord::Magic, BadRecord::Kind, BadRecord::Version] {
            assert!(bad.to_string().starts_with(correlator::fact::MALFORMED));
        }
    }

    #[test]
    fn a_good_record_is_read() {
        assert_eq!(read::<Number>(&bytes(|_| ())).map(|number| number.value), Ok(5));
    }

    #[test]
    fn fault_6_a_record_is_refused_by_length_magic_kind_and_version() {
        assert_eq!(refusal(&bytes(|header| header.magic = 1)), Some(BadRecord::Magic));
        assert_eq!(refusal(&bytes(|header| header.version = 2)), Some(BadRecord::Version));
        assert_eq!(refusal(&bytes(|header| header.kind = 1)), Some(BadRecord::Kind));
        assert_eq!(refusal(&bytes(|header| header.len += 1)), Some(BadRecord::Length));
    }

    #[test]
    fn fault_6_a_record_cut_or_grown_anywhere_is_refused() {
        let good = bytes(|_| ());
        for len in 0..good.len() {
            assert_eq!(refusal(&good[..len]), Some(BadRecord::Length), "{len} bytes");
        }
        let mut long = bytes(|header| header.len += 8);
        long.extend([0; 8]);
        assert_eq!(refusal(&long), Some(BadRecord::Length));
    }

    #[test]
    fn text_ends_at_the_first_nul_and_survives_bytes_that_are_no_text() {
        assert_eq!(text(b"ab\0cd"), "ab");
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(text(b"0123456789abcdef"), "0123456789abcdef");
    }
}
