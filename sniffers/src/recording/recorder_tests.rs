//! Recordings through real files, the stock tools and failing disks.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use correlator::Event;
use fixtures::events::secs;

use super::line::{Line, print};
use super::sample::{Tape, block_starts, header, incident, plain, played, put};
use super::*;

fn record_to(path: &Path, records: &[Record]) -> Written {
    let mut recorder = Recorder::create(path, header()).unwrap();
    for record in records {
        put(&mut recorder, record).unwrap();
    }
    recorder.finish().unwrap()
}

fn text_of(records: &[Record]) -> String {
    let mut text = Vec::new();
    let header = Header {
        schema: SCHEMA.into(),
        ..header()
    };
    print(&Line::Header(&header), &mut text);
    for record in records {
        let line = match record {
            Record::Header(header) => Line::Header(header),
            Record::Event(event) => Line::Event(event),
            Record::Tick(at) => Line::Tick(*at),
        };
        print(&line, &mut text);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_file_reads_back_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tapio.zst");
    let records = incident(1_000);
    let written = record_to(&path, &records);
    let mut reader = Reader::open(&path).unwrap();
    let read: Vec<_> = (&mut reader).map(Result::unwrap).collect();
    assert!(matches!(&read[0], Record::Header(header) if header.node == "node-a" && header.schema == SCHEMA));
    assert_eq!(read[1..], records);
    assert!(reader.losses().is_none());
    let file = std::fs::metadata(&path).unwrap();
    assert_eq!(
        (written.bytes, written.records, written.lost),
        (file.len(), records.len() as u64, 0)
    );
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn recording_what_was_read_gives_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    record_to(&first, &incident(700));
    let read: Vec<_> = Reader::open(&first).unwrap().map(Result::unwrap).collect();
    record_to(&second, &read);
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
}

#[test]
fn the_stock_zstd_prints_the_lines_of_one_file_and_of_two_joined() {
    let folder = tempfile::tempdir().unwrap();
    let [path, joined] = ["a.zst", "b.zst"].map(|name| folder.path().join(name));
    let records = incident(500);
    record_to(&path, &records);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&joined, [&bytes[..], &bytes].concat()).unwrap();
    for (path, copies) in [(path, 1), (joined, 2)] {
        let Ok(output) = Command::new("zstd").arg("-dc").arg(path).output() else {
            fixtures::skipped(
                "the_stock_zstd_prints_the_lines_of_one_file_and_of_two_joined",
                "no zstd here",
            );
            return;
        };
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap() == text_of(&records).repeat(copies));
    }
}

#[test]
fn a_block_holds_at_most_256_events() {
    let tape = Tape::default();
    let mut recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
    for _ in 0..600 {
        recorder.event(&plain(secs(1))).unwrap();
    }
    assert_eq!(recorder.written().records, 512);
    assert_eq!(recorder.finish().unwrap().blocks, 4);
    assert_eq!(block_starts(&tape.state().bytes).len(), 5);
}

#[test]
fn a_file_that_is_there_is_refused_by_name_and_left_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Recorder::create(file.path(), header()).unwrap_err();
    assert!(matches!(error, RecordingError::Exists { .. }));
    assert!(error.to_string().contains(&file.path().display().to_string()));
    assert_eq!(std::fs::metadata(file.path()).unwrap().len(), 0);
    let nowhere = file.path().join("below/a");
    assert!(matches!(
        Recorder::create(&nowhere, header()),
        Err(RecordingError::Create { .. })
    ));
}

#[test]
fn what_the_disk_refuses_is_said_once_counted_and_recording_resumes() {
    let tape = Tape::default();
    let mut recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
    let mut errors = Vec::new();
    for second in 0..20 {
        // Full in seconds 5 to 9, after thirty bytes of the block; syncs fail in seconds 10 to 14.
        tape.state().room = (5..10).contains(&second).then_some(30);
        tape.state().is_sync_broken = (10..15).contains(&second);
        for _ in 0..256 {
            errors.extend(recorder.event(&plain(secs(second))).err());
        }
    }
    let written = recorder.finish().unwrap();
    assert_eq!((written.records, written.lost), (10 * 256, 10 * 256));
    assert!(matches!(&errors[..], [RecordingError::Stopped { .. }]));
    let (read, losses) = played(&tape.state().bytes).unwrap();
    assert_eq!(
        (read.len() as u64, losses.unrecorded, losses.lost_blocks),
        (10 * 256, 10 * 256, 0)
    );
}

#[test]
fn a_torn_block_that_cannot_be_cut_away_costs_no_other() {
    let tape = Tape::default();
    let mut recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
    tape.state().is_stuck = true;
    for room in [None, Some(80), None] {
        tape.state().room = room;
        let wrote: Vec<_> = (0..256).map(|_| recorder.event(&plain(secs(1)))).collect();
        assert_eq!(wrote.iter().any(Result::is_err), room.is_some());
    }
    recorder.finish().unwrap();
    let (read, losses) = played(&tape.state().bytes).unwrap();
    assert_eq!((read.len(), losses.unrecorded, losses.lost_blocks), (512, 256, 1));
}

#[test]
fn a_full_device_stops_the_recording_with_a_reason() {
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let error = Recorder::start(full, Path::new("/dev/full"), header()).unwrap_err();
    let RecordingError::Stopped { source, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn an_event_that_json_cannot_say_is_missed_in_its_place() {
    let tape = Tape::default();
    let mut recorder = Recorder::start(tape.clone(), Path::new("tape"), header()).unwrap();
    let strange = Event {
        body: correlator::Body::Gauge(f64::NAN),
        ..plain(secs(1))
    };
    recorder.event(&strange).unwrap();
    recorder.event(&plain(secs(2))).unwrap();
    assert_eq!(recorder.finish().unwrap().lost, 1);
    let (read, losses) = played(&tape.state().bytes).unwrap();
    assert_eq!((read.len(), losses.unrecorded), (1, 1));
}
