//! The header of a block: a zstd skippable frame (RFC 8878, section 3.1.2) of 48 bytes that says what follows. All
//! numbers are little-endian.

use correlator::Timestamp;

/// Bytes of the skippable frame: magic and size, then 48 bytes of ours.
pub(super) const HEADER_LEN: usize = 56;
/// The block format this code writes, and the newest it reads.
pub(super) const VERSION: u16 = 1;
/// Longest payload that is read, bytes. Written blocks stay below `block::FULL + line::LONGEST`.
pub(super) const MAX_PAYLOAD: usize = 16 << 20;
/// Most text a payload may unpack to, bytes.
pub(super) const MAX_TEXT: usize = 64 << 20;
/// A payload of ours cannot unpack to more than this many times its size once it is larger than `SMALL_TEXT`.
const MAX_RATIO: usize = 1_000;
/// Text this small is unpacked whatever its ratio; every block that is written unpacks to less.
pub(super) const SMALL_TEXT: usize = 4 << 20;

/// How every block starts: magic 0x184D2A5A, content size 48, our tag. JSON text cannot hold it, since it escapes 0x18.
pub(super) const START: [u8; 12] = *b"\x5a\x2a\x4d\x18\x30\0\0\0TAPB";

/// What a block says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    /// Block format.
    pub(super) version: u16,
    /// None are defined; written as zero, not looked at.
    pub(super) flags: u16,
    /// Counts the blocks of a segment from zero.
    pub(super) sequence: u64,
    /// Earliest time in the block.
    pub(super) first: Timestamp,
    /// Latest time in the block.
    pub(super) last: Timestamp,
    /// Events in the block, ticks not counted.
    pub(super) events: u32,
    /// Bytes of the zstd frame that follows.
    pub(super) payload_len: u32,
    /// CRC32 of those bytes.
    pub(super) payload_crc: u32,
}

impl BlockHeader {
    /// The skippable frame. Its last four bytes are the CRC32 of the 52 before.
    pub(super) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..12].copy_from_slice(&START);
        bytes[12..14].copy_from_slice(&self.version.to_le_bytes());
        bytes[14..16].copy_from_slice(&self.flags.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.as_nanos().to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last.as_nanos().to_le_bytes());
        bytes[40..44].copy_from_slice(&self.events.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..52]);
        bytes[52..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header that `bytes` start with; `None` unless there is a whole one whose checksum holds.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (bytes, _) = bytes.split_first_chunk::<HEADER_LEN>()?;
        if !bytes.starts_with(&START) || u32_at(bytes, 52) != crc32fast::hash(&bytes[..52]) {
            return None;
        }
        Some(Self {
            version: u16::from_le_bytes([bytes[12], bytes[13]]),
            flags: u16::from_le_bytes([bytes[14], bytes[15]]),
            sequence: u64_at(bytes, 16),
            first: Timestamp::from_nanos(u64_at(bytes, 24)),
            last: Timestamp::from_nanos(u64_at(bytes, 32)),
            events: u32_at(bytes, 40),
            payload_len: u32_at(bytes, 44),
            payload_crc: u32_at(bytes, 48),
        })
    }

    /// The payload's length as a size in memory.
    pub(super) fn payload_size(&self) -> usize {
        usize::try_from(self.payload_len).unwrap_or(usize::MAX)
    }
}

/// Whether a file that starts so was meant to be a recording: the magic or the tag is whole, or it was cut inside them.
pub(super) fn starts_a_recording(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(START.len())];
    START.starts_with(head) || bytes.starts_with(&START[..4]) || bytes.get(8..12) == Some(&START[8..])
}

/// The largest text that a payload of this many bytes is allowed to unpack to.
pub(super) fn text_limit(payload: usize) -> usize {
    payload.saturating_mul(MAX_RATIO).clamp(SMALL_TEXT, MAX_TEXT)
}

fn u32_at(bytes: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8; HEADER_LEN], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BlockHeader {
        BlockHeader {
            version: VERSION,
            flags: 0,
            sequence: 7,
            first: Timestamp::from_secs(100),
            last: Timestamp::from_secs(101),
            events: 256,
            payload_len: 9_000,
            payload_crc: 0xdead_beef,
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert_eq!(BlockHeader::parse(&header().to_bytes()), Some(header()));
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let good = header().to_bytes();
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BlockHeader::parse(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_header_cut_short_is_none() {
        let good = header().to_bytes();
        assert!((0..good.len()).all(|len| BlockHeader::parse(&good[..len]).is_none()));
    }

    #[test]
    fn small_payloads_may_unpack_far_and_no_payload_without_bound() {
        assert_eq!(text_limit(100), SMALL_TEXT);
        assert_eq!(text_limit(10_000), 10_000_000);
        assert_eq!(text_limit(MAX_PAYLOAD), MAX_TEXT);
    }
}
