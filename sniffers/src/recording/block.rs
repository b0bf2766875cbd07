//! The block that is being filled, and how it becomes bytes and text again.

use std::io;
use std::time::Duration;

use correlator::Timestamp;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

use super::frame::{BlockHeader, VERSION, text_limit};
use super::line::{Line, print};

/// Most events in a block.
const EVENTS: u32 = 256;
/// Most time in a block, by its ticks.
const SPAN: Duration = Duration::from_secs(1);
/// Text at which a block is full whatever it holds, bytes.
const FULL: usize = 1 << 20;

/// Lines that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Block {
    text: Vec<u8>,
    records: u64,
    lost: u64,
    events: u32,
    times: Option<(Timestamp, Timestamp)>,
    first_tick: Option<Timestamp>,
    is_spent: bool,
}

impl Block {
    /// Adds a line. False when it cannot be written at all, see [`print`].
    pub(super) fn push(&mut self, line: &Line<'_>) -> bool {
        if !print(line, &mut self.text) {
            return false;
        }
        match line {
            Line::Header(header) => self.stretch(header.started),
            Line::Event(event) => {
                self.events += 1;
                self.stretch(event.at);
            }
            Line::Tick(at) => {
                self.stretch(*at);
                let first = *self.first_tick.get_or_insert(*at);
                self.is_spent |= at.since(first) >= SPAN;
            }
            Line::Lost(count) => self.lost += count,
        }
        self.records += u64::from(matches!(line, Line::Event(_) | Line::Tick(_)));
        true
    }

    fn stretch(&mut self, at: Timestamp) {
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
    }

    /// Whether it is time to write it.
    pub(super) fn is_full(&self) -> bool {
        self.is_spent || self.events >= EVENTS || self.text.len() >= FULL
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Events and ticks in it.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// How many lost events and ticks its lines speak of.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Empties it, keeping its memory.
    pub(super) fn clear(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        *self = Self {
            text,
            ..Self::default()
        };
    }

    /// The bytes of the block: header and payload.
    pub(super) fn pack(&self, sequence: u64) -> io::Result<Vec<u8>> {
        let payload = compress(&self.text)?;
        let (first, last) = self.times.unwrap_or_default();
        let header = BlockHeader {
            version: VERSION,
            flags: 0,
            sequence,
            first,
            last,
            events: self.events,
            payload_len: u32::try_from(payload.len()).map_err(io::Error::other)?,
            payload_crc: crc32fast::hash(&payload),
        };
        Ok([&header.to_bytes()[..], &payload].concat())
    }
}

/// One independent zstd frame with content size and content checksum, at zstd's own default level.
pub(super) fn compress(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
    compressor.compress(text)
}

/// Why a payload was not unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It says it would unpack to more than is allowed.
    TooLarge,
    /// It is not a whole zstd frame with a size and a checksum that hold.
    Damaged,
}

/// The text of a payload, which must be a zstd frame that says its size. The size is checked before anything
/// is unpacked, and no more than it is ever unpacked.
pub(super) fn unpack(payload: &[u8]) -> Result<Vec<u8>, Refusal> {
    let Ok(Some(size)) = zstd_safe::get_frame_content_size(payload) else {
        return Err(Refusal::Damaged);
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > text_limit(payload.len()) {
        return Err(Refusal::TooLarge);
    }
    let text = Decompressor::new().and_then(|mut zstd| zstd.decompress(payload, size));
    text.ok().filter(|text| text.len() == size).ok_or(Refusal::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(millis: u64) -> Line<'static> {
        Line::Tick(Timestamp::from_nanos(millis * 1_000_000))
    }

    #[test]
    fn a_block_is_full_after_a_second_of_ticks() {
        let mut block = Block::default();
        for millis in (5_000..6_000).step_by(100) {
            block.push(&tick(millis));
        }
        assert!(!block.is_full());
        block.push(&tick(6_000));
        assert!(block.is_full());
        block.clear();
        assert!(block.is_empty() && !block.is_full());
    }

    #[test]
    fn a_block_that_is_packed_unpacks_to_its_lines() {
        let mut block = Block::default();
        block.push(&tick(2));
        block.push(&tick(1));
        let bytes = block.pack(9).unwrap();
        let header = BlockHeader::parse(&bytes).unwrap();
        assert_eq!((header.sequence, header.events), (9, 0));
        assert_eq!(
            (header.first.as_nanos(), header.last.as_nanos()),
            (1_000_000, 2_000_000)
        );
        assert_eq!(
            unpack(&bytes[56..]).unwrap(),
            b"{\"tick\":2000000}\n{\"tick\":1000000}\n"
        );
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let bomb = compress(&vec![b'a'; 8 << 20]).unwrap();
        assert!(bomb.len() < 2_000);
        assert_eq!(unpack(&bomb), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_payload_is_one_frame_and_says_its_size() {
        let frame = compress(b"{}\n").unwrap();
        assert_eq!(unpack(&[&frame[..], &frame].concat()), Err(Refusal::Damaged));
        let unsized_frame = zstd::encode_all(&b"{}\n"[..], 3).unwrap();
        assert_eq!(unpack(&unsized_frame), Err(Refusal::Damaged));
        assert_eq!(unpack(b""), Err(Refusal::Damaged));
    }
}
