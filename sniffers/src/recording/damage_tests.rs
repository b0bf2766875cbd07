//! Damaged, foreign, joined and hostile recordings: what is whole is read, what is not is reported, nothing is made up.

use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;

use super::block::compress;
use super::frame::{BlockHeader, HEADER_LEN, MAX_PAYLOAD, VERSION};
use super::sample::{block_starts, header, incident, played, recorded};
use super::scan::Scan;
use super::*;

/// Whole blocks, losses and trailing bytes that a scan of these bytes finds, without unpacking.
fn scanned(bytes: &[u8]) -> (u64, Vec<LostBlock>, u64) {
    let mut scan = Scan::new(bytes);
    let mut blocks = 0;
    while let Some((header, payload)) = scan.next_frame().unwrap() {
        let len = payload.len();
        scan.accept(&header, len);
        blocks += 1;
    }
    (blocks, scan.lost, scan.trailing)
}

/// A block of this text with a header that holds, changed by `change`.
fn block(text: &[u8], change: impl FnOnce(&mut BlockHeader, &mut Vec<u8>)) -> Vec<u8> {
    let mut payload = compress(text).unwrap();
    let mut header = BlockHeader {
        version: VERSION,
        flags: 0,
        sequence: 0,
        first: correlator::Timestamp::default(),
        last: correlator::Timestamp::default(),
        events: 0,
        payload_len: 0,
        payload_crc: 0,
    };
    change(&mut header, &mut payload);
    header.payload_crc = crc32fast::hash(&payload);
    if header.payload_len == 0 {
        header.payload_len = u32::try_from(payload.len()).unwrap();
    }
    [&header.to_bytes()[..], &payload].concat()
}

#[test]
fn a_cut_anywhere_loses_at_most_the_last_block_and_says_where() {
    let bytes = recorded(&incident(2_000));
    let starts = block_starts(&bytes);
    assert_eq!((starts.len() > 8, starts.last()), (true, Some(&bytes.len())));
    for cut in 1..bytes.len() {
        let whole = starts.partition_point(|start| *start <= cut) - 1;
        let (blocks, lost, trailing) = scanned(&bytes[..cut]);
        assert_eq!(blocks, whole as u64, "cut at {cut}");
        let torn = cut - starts[whole];
        assert_eq!(trailing, torn as u64, "cut at {cut}");
        let expected = LostBlock {
            offset: starts[whole] as u64,
            blocks: 1,
            reason: Reason::Cut,
        };
        assert_eq!(lost, if torn == 0 { vec![] } else { vec![expected] }, "cut at {cut}");
    }
}

#[test]
fn what_is_before_a_cut_is_read_record_for_record() {
    let records = incident(2_000);
    let bytes = recorded(&records);
    let starts = block_starts(&bytes);
    let mut kept_before = 0;
    for start in &starts[1..] {
        for cut in [start - 1, *start, start + 1, start + 60] {
            let (kept, losses) = played(&bytes[..cut.min(bytes.len())]).unwrap();
            assert_eq!(kept, records[..kept.len()]);
            assert!(kept.len() >= kept_before && losses.lost_blocks <= 1);
            kept_before = kept.len();
        }
    }
    assert_eq!(kept_before, records.len());
}

#[test]
fn a_flipped_bit_loses_exactly_one_block_and_says_which() {
    let records = incident(600);
    let bytes = recorded(&records);
    let starts = block_starts(&bytes);
    let whole: Vec<_> = starts
        .windows(2)
        .map(|ends| played(&bytes[ends[0]..ends[1]]).unwrap().0)
        .collect();
    assert!(whole.len() >= 4);
    // All bytes of the headers and every 31st of the payloads; the small recording below has all bits flipped.
    let is_header = |byte: usize| starts.iter().any(|start| (*start..start + HEADER_LEN).contains(&byte));
    for byte in (0..bytes.len()).filter(|byte| is_header(*byte) || byte % 31 == 0) {
        let bit = byte % 8;
        let mut bad = bytes.clone();
        bad[byte] ^= 1 << bit;
        let hit = starts.partition_point(|start| *start <= byte) - 1;
        let (read, losses) = played(&bad).unwrap();
        let expected: Vec<_> = (0..whole.len())
            .filter(|n| *n != hit)
            .flat_map(|n| whole[n].clone())
            .collect();
        assert_eq!(read, expected, "byte {byte} bit {bit}");
        let lost: Vec<_> = losses.blocks.iter().map(|lost| (lost.offset, lost.blocks)).collect();
        assert_eq!(lost, [(starts[hit] as u64, 1)], "byte {byte} bit {bit}");
        assert_eq!(
            losses.unknown_records + losses.unreadable_records + losses.unrecorded,
            0
        );
    }
}

#[test]
fn every_flipped_bit_of_a_small_recording_is_noticed() {
    let bytes = recorded(&incident(12));
    let clean = played(&bytes).unwrap().0;
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let (read, losses) = played(&bad).unwrap();
        assert_eq!(losses.lost_blocks, 1, "bit {bit}");
        assert!(read.is_empty() || read == clean, "bit {bit}");
    }
}

#[test]
fn joined_recordings_are_read_one_after_the_other_even_when_the_first_was_cut() {
    let records = incident(700);
    let bytes = recorded(&records);
    let joined = [&bytes[..], &bytes].concat();
    let (read, losses) = played(&joined).unwrap();
    assert_eq!(read, [&records[..], &records].concat());
    assert!(losses.is_none());

    let last = block_starts(&bytes).into_iter().rev().nth(1).unwrap();
    for cut in [last + 1, last + HEADER_LEN, last + HEADER_LEN + 9, bytes.len() - 1] {
        let (read, losses) = played(&[&bytes[..cut], &bytes].concat()).unwrap();
        assert_eq!(read[read.len() - records.len()..], records);
        let offsets: Vec<_> = losses.blocks.iter().map(|lost| lost.offset).collect();
        assert_eq!((offsets, losses.trailing_bytes), (vec![last as u64], 0), "cut at {cut}");
    }
}

#[test]
fn a_stretch_of_zeros_counts_the_blocks_under_it() {
    let records = incident(2_000);
    let mut bytes = recorded(&records);
    let starts = block_starts(&bytes);
    bytes[starts[3] + 5..starts[6] - 5].fill(0);
    let (_, losses) = played(&bytes).unwrap();
    let expected = LostBlock {
        offset: starts[3] as u64,
        blocks: 3,
        reason: Reason::Header,
    };
    assert_eq!((losses.blocks, losses.lost_blocks), (vec![expected], 3));
}

#[test]
fn blocks_that_were_cut_out_are_missed() {
    let bytes = recorded(&incident(2_000));
    let starts = block_starts(&bytes);
    let (_, losses) = played(&[&bytes[..starts[2]], &bytes[starts[4]..]].concat()).unwrap();
    let expected = LostBlock {
        offset: starts[2] as u64,
        blocks: 2,
        reason: Reason::Missing,
    };
    assert_eq!(losses.blocks, [expected]);
}

#[test]
fn a_newer_major_version_is_refused_by_name() {
    let newer = block(br#"{"header":{"schema":"tapio.record/2"}}"#, |_, _| {});
    let error = played(&newer).unwrap_err();
    assert!(matches!(&error, RecordingError::Newer { found, .. } if found == "tapio.record/2"));
    assert_eq!(
        error.to_string(),
        "tape is in format tapio.record/2, this tapio reads up to tapio.record/1; replay it with a newer tapio"
    );
    let newer = block(b"{}\n", |header, _| header.version = 2);
    assert!(matches!(played(&newer), Err(RecordingError::Newer { found, .. }) if found == "block version 2"));
    let joined = [recorded(&incident(10)), newer].concat();
    assert!(matches!(played(&joined), Err(RecordingError::Newer { .. })));
}

#[test]
fn what_is_no_recording_is_refused() {
    let plain_zstd = compress(b"{\"tick\":1}\n").unwrap();
    for bytes in [&b"hello"[..], &[0; 4096], b"{\"header\":{}}", b"\x1f\x8b", &plain_zstd] {
        assert!(
            matches!(played(bytes), Err(RecordingError::Foreign { .. })),
            "{}",
            bytes.escape_ascii()
        );
    }
    assert!(matches!(played(b""), Err(RecordingError::Empty { .. })));
    assert!(matches!(
        Reader::new(std::io::repeat(0), Path::new("zero")),
        Err(RecordingError::Foreign { .. })
    ));
}

#[test]
fn a_bomb_and_a_giant_are_passed_over() {
    let bomb = block(&vec![b'a'; 16 << 20], |_, _| {});
    let giant = block(b"{}\n", |header, _| {
        header.payload_len = u32::try_from(MAX_PAYLOAD).unwrap() + 1;
    });
    let records = incident(10);
    for bad in [bomb, giant] {
        let (read, losses) = played(&[&bad[..], &recorded(&records)].concat()).unwrap();
        assert_eq!(read, records);
        let expected = LostBlock {
            offset: 0,
            blocks: 1,
            reason: Reason::TooLarge,
        };
        assert_eq!(losses.blocks, [expected]);
    }
}

#[test]
fn unknown_and_unreadable_records_are_skipped_and_counted() {
    let text = b"{\"pods\":[1]}\n{\"tick\":7}\n{\"event\":{\"at\":1}}\nnonsense\n{\"lost\":4}\n{\"tick\":8}";
    let (read, losses) = played(&block(text, |_, _| {})).unwrap();
    let ticks = [7, 8].map(|nanos| Record::Tick(correlator::Timestamp::from_nanos(nanos)));
    assert_eq!(read, ticks);
    assert_eq!(
        (losses.unknown_records, losses.unreadable_records, losses.unrecorded),
        (1, 2, 4)
    );
}

#[test]
fn a_disk_that_fails_while_reading_is_an_error_and_the_end() {
    struct Failing(Cursor<Vec<u8>>);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("EIO")),
                n => Ok(n),
            }
        }
    }
    let bytes = Cursor::new(recorded(&incident(10)));
    let mut reader = Reader::new(Failing(bytes), Path::new("tape")).unwrap();
    let results: Vec<_> = (&mut reader).collect();
    assert!(matches!(results.last(), Some(Err(RecordingError::Read { .. }))));
    assert!(reader.next().is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(mut noise in proptest::collection::vec(any::<u8>(), 0..600), at in 0_usize..3_000) {
        let _ = played(&noise);
        let mut bytes = recorded(&incident(30));
        let at = at % bytes.len();
        let tail = bytes.split_off(at);
        bytes.append(&mut noise);
        bytes.extend_from_slice(&tail);
        let clean = incident(30);
        if let Ok((read, _)) = played(&bytes) {
            prop_assert!(read.is_empty() || read == clean);
        }
    }

    #[test]
    fn a_block_of_any_text_is_read_without_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = block(&text, |_, _| {});
        prop_assert!(played(&bytes).is_ok_and(|(read, losses)| read.is_empty() && losses.lost_blocks == 0));
    }
}

#[test]
fn the_header_comes_first() {
    let bytes = recorded(&incident(3));
    let mut reader = Reader::new(&bytes[..], Path::new("tape")).unwrap();
    let expected = Header {
        schema: SCHEMA.into(),
        ..header()
    };
    assert_eq!(reader.next().unwrap().unwrap(), Record::Header(expected));
}
