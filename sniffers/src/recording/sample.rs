//! What the tests of recordings are made of: an incident to record, a medium that can fail, and readings of the result.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use correlator::{Event, Subject, Timestamp, signals};
use fixtures::events::{ended, exit, exited, gauge, killed, mib, millis, oom_kill, pod, pod_state, refused, secs};

use super::*;

/// The header all samples have.
pub(super) fn header() -> Header {
    Header {
        tapio: "0.1.0".into(),
        node: "node-a".into(),
        boot_id: "4c1d".into(),
        started: secs(0),
        kernel: "6.18.0".into(),
        ..Header::default()
    }
}

/// `events` events of a leaking container, twenty a tenth of a second, with the ticks between them.
pub(super) fn incident(events: usize) -> Vec<Record> {
    let cart = pod("shop", "cart-1")
        .owner("Deployment", "cart")
        .container("app")
        .memory_limit(mib(512));
    let app = cart.subject();
    let mut records = Vec::new();
    for n in 0..events {
        let at = millis(n as u64 * 5);
        let used = 1e8 + n as f64 * 4_321.123_456_7;
        let event = match n % 50 {
            10 => refused(at, &app, "10.0.0.9:5432"),
            20 => pod_state(at, &cart.clone().last(ended(at, 137)).restarts(1)),
            30 => oom_kill(at, &app, killed(mib(512))),
            31 => exit(at, &app, exited(1)),
            _ => gauge(at, &app, signals::MEMORY_USAGE, used),
        };
        records.push(Record::Event(Box::new(event)));
        if n % 20 == 19 {
            records.push(Record::Tick(at));
        }
    }
    records
}

/// Records these; gives the bytes of the file.
pub(super) fn recorded(records: &[Record]) -> Vec<u8> {
    let tape = Tape::default();
    let mut recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
    for record in records {
        put(&mut recorder, record).unwrap();
    }
    recorder.finish().unwrap();
    std::mem::take(&mut tape.state().bytes)
}

/// Records one.
pub(super) fn put<M: Medium>(recorder: &mut Recorder<M>, record: &Record) -> Result<(), RecordingError> {
    match record {
        Record::Header(_) => Ok(()),
        Record::Event(event) => recorder.event(event),
        Record::Tick(at) => recorder.tick(*at),
    }
}

/// Reads everything, without headers.
pub(super) fn played(bytes: &[u8]) -> Result<(Vec<Record>, Losses), RecordingError> {
    let mut reader = Reader::new(bytes, Path::new("tape"))?;
    let records: Result<Vec<_>, _> = (&mut reader).collect();
    let records = records?
        .into_iter()
        .filter(|record| !matches!(record, Record::Header(_)))
        .collect();
    Ok((records, reader.losses()))
}

/// Where the blocks of an undamaged recording begin, and where it ends.
pub(super) fn block_starts(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    while let Some(header) = super::frame::BlockHeader::parse(&bytes[starts[starts.len() - 1]..]) {
        starts.push(starts[starts.len() - 1] + super::frame::HEADER_LEN + header.payload_size());
    }
    starts
}

/// An event about the cluster's clock, of no meaning.
pub(super) fn plain(at: Timestamp) -> Event {
    gauge(at, &Subject::Cluster, signals::CPU_USAGE, 0.5)
}

/// A medium in memory that can be told to fail.
#[derive(Debug, Default, Clone)]
pub(super) struct Tape(Arc<Mutex<TapeState>>);

/// What is on the tape, and how it fails.
#[derive(Debug, Default)]
pub(super) struct TapeState {
    /// What was written.
    pub(super) bytes: Vec<u8>,
    /// Writes fail, after this many more bytes.
    pub(super) room: Option<usize>,
    /// Syncs fail.
    pub(super) is_sync_broken: bool,
    /// Cutting fails.
    pub(super) is_stuck: bool,
}

impl Tape {
    /// Holding it stops the writer.
    pub(super) fn state(&self) -> MutexGuard<'_, TapeState> {
        self.0.lock().unwrap()
    }
}

impl Medium for Tape {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let room = state.room.unwrap_or(bytes.len()).min(bytes.len());
        state.bytes.extend_from_slice(&bytes[..room]);
        if room < bytes.len() {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.state().is_sync_broken {
            Err(io::Error::other("EIO"))
        } else {
            Ok(())
        }
    }

    fn cut_to(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.is_stuck {
            return Err(io::Error::other("EIO"));
        }
        state.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }
}
