//! Programs that start and processes that end.
//!
//! Feeds `process.exec` and `process.exit`.

use std::time::Duration;

use correlator::{Body, Exec, Exit, Fact, signals};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::probe::{Hook, Probe, Profile, Program};
use crate::record::{BadRecord, Header, Record, Sighting, header, read, text};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "process",
    profile: Profile::Minimal,
    watches: "program starts, exit codes and deadly signals",
    object: aya::include_bytes_aligned!("process.bpf.o"),
    programs: &[
        Program {
            name: "process_exec",
            hook: Hook::Tracepoint("sched_process_exec"),
        },
        Program {
            name: "process_exit",
            hook: Hook::Tracepoint("sched_process_exit"),
        },
    ],
    losses: &[
        "ring full at an exec",
        "ring full at an exit",
        "exec left out: ring nearly full",
    ],
    tables: &[],
    sample_len: 0,
    decode,
    reader: None,
};

/// One program that started, `struct exec_record`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct ExecRecord {
    /// When and who; the command name is already the new one.
    pub header: Header,
    /// The file, ends with NUL.
    pub file: [u8; 128],
}

/// One process that ended, `struct exit_record`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct ExitRecord {
    /// When and who.
    pub header: Header,
    /// From fork to end, nanoseconds.
    pub lived_ns: u64,
    /// Exit code.
    pub code: u8,
    /// The signal that ended it.
    pub signal: u8,
    /// Zero.
    pub unused: [u8; 6],
}

impl Record for ExecRecord {
    const KIND: u8 = 3;
}

impl Record for ExitRecord {
    const KIND: u8 = 4;
}

fn decode(bytes: &[u8]) -> Result<Sighting, BadRecord> {
    match header(bytes)?.kind {
        ExecRecord::KIND => decode_exec(bytes),
        ExitRecord::KIND => decode_exit(bytes),
        _ => Err(BadRecord::Kind),
    }
}

fn decode_exec(bytes: &[u8]) -> Result<Sighting, BadRecord> {
    let record: ExecRecord = read(bytes)?;
    let exec = Exec {
        pid: record.header.pid,
        ns_pid: record.header.ns_pid,
        file: text(&record.file).into(),
    };
    Ok(record.header.sighting(signals::PROCESS_EXEC, Body::Fact(Fact::Exec(exec))))
}

fn decode_exit(bytes: &[u8]) -> Result<Sighting, BadRecord> {
    let record: ExitRecord = read(bytes)?;
    let exit = Exit {
        pid: record.header.pid,
        ns_pid: record.header.ns_pid,
        comm: record.header.task().comm,
        code: record.code,
        signal: record.signal,
        lived: Duration::from_nanos(record.lived_ns),
    };
    Ok(record.header.sighting(signals::PROCESS_EXIT, Body::Fact(Fact::Exit(exit))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::header_of;

    #[test]
    fn an_exec_carries_the_file() {
        let mut file = [0; 128];
        file[..8].copy_from_slice(b"/bin/tru");
        let header = header_of::<ExecRecord>();
        let sighting = decode(ExecRecord { header, file }.as_bytes()).unwrap();
        let exec = Exec { pid: 7, ns_pid: 1, file: "/bin/tru".into() };
        assert_eq!(sighting.body, Body::Fact(Fact::Exec(exec)));
    }

    #[test]
    fn an_exit_carries_code_signal_and_lifetime() {
        let record = ExitRecord {
            header: header_of::<ExitRecord>(),
            lived_ns: 2_000,
            code: 0,
            signal: 9,
            unused: [0; 6],
        };
        let Body::Fact(Fact::Exit(exit)) = decode(record.as_bytes()).unwrap().body else {
            panic!("not an exit");
        };
        assert_eq!((exit.code, exit.signal, exit.lived), (0, 9, Duration::from_micros(2)));
    }

    #[test]
    fn a_record_of_another_probe_is_refused() {
        let mut header = header_of::<ExitRecord>();
        header.kind = 1;
        assert_eq!(decode(header.as_bytes()), Err(BadRecord::Kind));
    }
}
