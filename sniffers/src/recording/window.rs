//! A window that slides over a file: enough of it in memory to see one block, never more.

use std::io::{self, Read};

use super::frame::{BlockHeader, HEADER_LEN, START};

/// Least that is read at once, bytes.
const CHUNK: usize = 64 << 10;

/// The bytes of a stream from a moving position on.
#[derive(Debug)]
pub(super) struct Window<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Bytes at the start of `buffer` that are behind the position.
    passed: usize,
    /// Offset in the stream of the position.
    offset: u64,
    is_at_end: bool,
}

impl<R: Read> Window<R> {
    /// A window at the start of a stream.
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            passed: 0,
            offset: 0,
            is_at_end: false,
        }
    }

    /// Where it stands in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes from the position on that are in memory.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.passed..).unwrap_or_default()
    }

    /// Reads until `len` bytes are in memory or the stream ends, and gives those, `len` at most.
    pub(super) fn fill(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.bytes().len() < len && !self.is_at_end {
            self.read_some(len - self.bytes().len())?;
        }
        let bytes = self.bytes();
        Ok(&bytes[..bytes.len().min(len)])
    }

    fn read_some(&mut self, wanted: usize) -> io::Result<()> {
        if self.passed > self.buffer.len() / 2 {
            self.buffer.drain(..self.passed);
            self.passed = 0;
        }
        // Growing by parts: a header may promise 16 MiB that never come. One read at a time: a bad sector must not hide what
        // was read before it.
        let held = self.buffer.len();
        self.buffer.resize(held + wanted.clamp(CHUNK, 1 << 20), 0);
        let read = self.stream.read(&mut self.buffer[held..]);
        self.buffer.truncate(held + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(read) => self.is_at_end = read == 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Moves on by `len` bytes, as far as bytes are in memory.
    pub(super) fn pass(&mut self, len: usize) {
        let len = len.min(self.bytes().len());
        self.passed += len;
        self.offset += len as u64;
    }

    /// Moves on to the next whole block header, leaving the position alone when it stands on one. False when there is none
    /// before the stream ends or before offset `limit`; the position is then there.
    pub(super) fn seek_header(&mut self, limit: u64) -> io::Result<bool> {
        while self.offset < limit {
            let bytes = self.fill(CHUNK)?;
            let (len, header) = (bytes.len(), find_header(bytes));
            if let Some(at) = header {
                self.pass(at);
                return Ok(true);
            }
            if len < CHUNK {
                self.pass(len);
                return Ok(false);
            }
            self.pass(len - HEADER_LEN + 1);
        }
        Ok(false)
    }
}

fn find_header(bytes: &[u8]) -> Option<usize> {
    let starts = bytes.windows(HEADER_LEN).enumerate();
    let mut headers = starts.filter(|(_, window)| window.starts_with(&START) && BlockHeader::parse(window).is_some());
    headers.next().map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stream_passes_through_a_small_buffer() {
        let mut window = Window::new(io::repeat(7).take(64 << 20));
        while !window.fill(1_000).unwrap().is_empty() {
            window.pass(1_000);
            assert!(window.buffer.capacity() <= 8 * CHUNK);
        }
        assert_eq!(window.offset(), 64 << 20);
    }

    #[test]
    fn no_more_is_given_than_asked_for_and_no_more_than_there_is() {
        let mut window = Window::new(&b"abcdef"[..]);
        assert_eq!(window.fill(3).unwrap(), b"abc");
        window.pass(4);
        assert_eq!((window.offset(), window.fill(3).unwrap()), (4, &b"ef"[..]));
        window.pass(9);
        assert_eq!((window.offset(), window.fill(1).unwrap()), (6, &b""[..]));
    }

    #[test]
    fn a_header_is_found_wherever_the_reads_happen_to_end() {
        let header = BlockHeader {
            version: 1,
            flags: 0,
            sequence: 0,
            first: correlator::Timestamp::default(),
            last: correlator::Timestamp::default(),
            events: 0,
            payload_len: 0,
            payload_crc: 0,
        };
        for before in (0..3).chain(CHUNK - HEADER_LEN - 3..CHUNK + 3) {
            let bytes = [&vec![0x5a; before][..], &header.to_bytes(), b"after"].concat();
            let mut window = Window::new(&bytes[..]);
            assert!(window.seek_header(u64::MAX).unwrap());
            assert_eq!(window.offset(), before as u64);
            window.pass(1);
            assert!(!window.seek_header(u64::MAX).unwrap());
            assert_eq!(window.offset(), bytes.len() as u64);
        }
    }
}
