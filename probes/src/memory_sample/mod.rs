//! Resident memory of every process, read when asked.
//!
//! Feeds `memory.rss`, summed over a container's processes by the reader. Pages that processes share are counted once for
//! each of them, and from Linux 6.2 on each CPU may hold back a batch of pages: a trend, not a charge.

use correlator::{Body, signals};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Header, Record, Sighting, read};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "memory_sample",
    profile: Profile::Minimal,
    watches: "resident memory of processes",
    object: aya::include_bytes_aligned!("memory_sample.bpf.o"),
    programs: &[Program {
        name: "resident_memory",
        hook: Hook::Tasks,
    }],
    losses: &[],
    tables: &[],
    sample_len: size_of::<ResidentRecord>(),
    decode,
    reader: None,
};

/// One process, `struct resident_record`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct ResidentRecord {
    /// When and who.
    pub header: Header,
    /// Anonymous, file and shared memory, bytes.
    pub resident: u64,
}

impl Record for ResidentRecord {
    const KIND: u8 = 5;
}

fn decode(bytes: &[u8]) -> Result<Sighting, BadRecord> {
    let record: ResidentRecord = read(bytes)?;
    let body = Body::Gauge(record.resident as f64);
    Ok(record.header.sighting(signals::MEMORY_RSS, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::header_of;

    #[test]
    fn a_sample_is_a_gauge_of_the_process() {
        let record = ResidentRecord {
            header: header_of::<ResidentRecord>(),
            resident: 4096,
        };
        let sighting = decode(record.as_bytes()).unwrap();
        assert_eq!((sighting.body, sighting.task.pid), (Body::Gauge(4096.0), 7));
    }
}
