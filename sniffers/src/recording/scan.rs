//! Finds the blocks of a recording, passes over damage and says what was lost.

use std::fmt;
use std::io::{self, Read};

use super::block::{Refusal, unpack};
use super::frame::{BlockHeader, HEADER_LEN, MAX_PAYLOAD, VERSION, starts_a_recording};
use super::window::Window;

/// Most losses that are listed one by one; all are counted.
const LISTED: usize = 1_000;
/// How far a file is searched for its first block, bytes: one whole segment. Nothing endless is searched for ever.
const FIRST_BLOCK_WITHIN: u64 = 64 << 20;
/// Payloads that do not hold are searched for blocks inside them until this many bytes were; then they are passed over
/// as long as they say they are. Keeps the time to read a hostile file proportional to its size.
const SEARCHED_TWICE: u64 = 1 << 30;

/// Blocks that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostBlock {
    /// Where the damage begins, bytes from the start of the file.
    pub offset: u64,
    /// How many blocks, by the numbers of those around; at least 1.
    pub blocks: u64,
    /// Why.
    pub reason: Reason,
}

/// Why a block could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// What stands there is no block, or its header is damaged.
    Header,
    /// The payload's checksums do not hold.
    Payload,
    /// The file ends, or another begins, before the block does.
    Cut,
    /// The payload is larger than any that tapio writes.
    TooLarge,
    /// Blocks are missing before this one, by its number.
    Missing,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "no block header",
            Self::Payload => "checksum mismatch",
            Self::Cut => "cut off",
            Self::TooLarge => "too large",
            Self::Missing => "missing before here",
        })
    }
}

/// Why scanning cannot go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The stream failed.
    Io(io::Error),
    /// The file is no recording.
    Foreign,
    /// The file has no bytes.
    Empty,
    /// A block of a format that is not known.
    Newer(u16),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Goes from block to block.
#[derive(Debug)]
pub(super) struct Scan<R> {
    window: Window<R>,
    /// The number the next block should have.
    expected: u64,
    /// Losses since the last good block.
    recent: u64,
    has_block: bool,
    searched_twice: u64,
    /// The first losses, at most 1,000.
    pub(super) lost: Vec<LostBlock>,
    /// Blocks lost in all, listed or not.
    pub(super) lost_blocks: u64,
    /// Bytes at the end that are no whole block.
    pub(super) trailing: u64,
}

impl<R: Read> Scan<R> {
    /// A scan from the start of a stream.
    pub(super) fn new(stream: R) -> Self {
        Self {
            window: Window::new(stream),
            expected: 0,
            recent: 0,
            has_block: false,
            searched_twice: 0,
            lost: Vec::new(),
            lost_blocks: 0,
            trailing: 0,
        }
    }

    /// Bytes passed so far.
    pub(super) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The text of the next block that holds, `None` at the end.
    pub(super) fn next_text(&mut self) -> Result<Option<Vec<u8>>, Halt> {
        while let Some((header, payload)) = self.next_frame()? {
            let text = unpack(payload);
            let len = payload.len();
            match text {
                Ok(text) => {
                    self.accept(&header, len);
                    return Ok(Some(text));
                }
                Err(Refusal::TooLarge) => self.skip_damage(Reason::TooLarge)?,
                Err(Refusal::Damaged) => self.skip_damage(Reason::Payload)?,
            }
        }
        Ok(None)
    }

    /// The next block whose checksums hold. The position stays on it.
    pub(super) fn next_frame(&mut self) -> Result<Option<(BlockHeader, &[u8])>, Halt> {
        let header = loop {
            match self.check()? {
                Check::End => return Ok(None),
                Check::Bad(reason) => self.skip_damage(reason)?,
                Check::Good(header) => break header,
            }
        };
        let payload = self.window.bytes().get(HEADER_LEN..HEADER_LEN + header.payload_size());
        Ok(payload.map(|payload| (header, payload)))
    }

    fn check(&mut self) -> Result<Check, Halt> {
        let start = self.window.fill(HEADER_LEN)?;
        if start.is_empty() {
            return if self.offset() == 0 {
                Err(Halt::Empty)
            } else {
                Ok(Check::End)
            };
        }
        let Some(header) = BlockHeader::parse(start) else {
            let is_cut = start.len() < HEADER_LEN && starts_a_recording(start);
            return Ok(Check::Bad(if is_cut { Reason::Cut } else { Reason::Header }));
        };
        if header.version > VERSION {
            return Err(Halt::Newer(header.version));
        }
        if header.payload_size() > MAX_PAYLOAD {
            return Ok(Check::Bad(Reason::TooLarge));
        }
        let block = self.window.fill(HEADER_LEN + header.payload_size())?;
        let payload = &block[HEADER_LEN..];
        Ok(if payload.len() < header.payload_size() {
            Check::Bad(Reason::Cut)
        } else if crc32fast::hash(payload) == header.payload_crc {
            Check::Good(header)
        } else {
            Check::Bad(Reason::Payload)
        })
    }

    /// Moves past a good block and compares its number with the one expected. A number that is lower starts another
    /// segment.
    pub(super) fn accept(&mut self, header: &BlockHeader, payload: usize) {
        let missing = header
            .sequence
            .saturating_sub(self.expected)
            .saturating_sub(self.recent);
        if missing > 0 && self.recent > 0 {
            self.widen_last(missing);
        } else if missing > 0 {
            self.lose(self.offset(), missing, Reason::Missing);
        }
        self.window.pass(HEADER_LEN + payload);
        self.expected = header.sequence.saturating_add(1);
        self.recent = 0;
        self.has_block = true;
    }

    fn lose(&mut self, offset: u64, blocks: u64, reason: Reason) {
        self.lost_blocks = self.lost_blocks.saturating_add(blocks);
        self.recent += 1;
        if self.lost.len() < LISTED {
            self.lost.push(LostBlock { offset, blocks, reason });
        }
    }

    /// One stretch of damage can hide many blocks.
    fn widen_last(&mut self, missing: u64) {
        self.lost_blocks = self.lost_blocks.saturating_add(missing);
        if self.lost.len() < LISTED
            && let Some(last) = self.lost.last_mut()
        {
            last.blocks = last.blocks.saturating_add(missing);
        }
    }

    /// Reports the damage at the position and moves on to the next header, wherever that is: bytes may be missing or too
    /// many, so the length in a header is not trusted when the payload does not hold.
    fn skip_damage(&mut self, reason: Reason) -> Result<(), Halt> {
        let from = self.offset();
        let is_first = !self.has_block && from == 0;
        let is_ours = starts_a_recording(self.window.fill(HEADER_LEN)?);
        let is_foreign = is_first && !is_ours;
        let step = self.step();
        self.window.pass(step);
        let limit = if is_foreign { FIRST_BLOCK_WITHIN } else { u64::MAX };
        let found = self.window.seek_header(limit)?;
        if is_foreign && !found {
            return Err(Halt::Foreign);
        }
        self.lose(from, 1, reason);
        if !found {
            self.trailing = self.offset() - from;
        }
        Ok(())
    }

    fn step(&mut self) -> usize {
        let bytes = self.window.bytes();
        let block = BlockHeader::parse(bytes).map_or(1, |header| HEADER_LEN + header.payload_size());
        let block = block.min(bytes.len());
        self.searched_twice = self.searched_twice.saturating_add(block as u64);
        if self.searched_twice > SEARCHED_TWICE { block } else { 1 }
    }
}

enum Check {
    Good(BlockHeader),
    Bad(Reason),
    End,
}
