//! The kernel's iterators: programs that run once for each task or open file when their file is read.

use std::fs::File;
use std::io::{self, Read};

use aya::programs::{Iter, ProgramError};
use aya::{Btf, Ebpf};

use crate::error::LoadError;
use crate::probe::{Probe, Program};

/// Bytes asked for in one read of an iterator; the kernel gives at most eight pages at a time.
const READ_LEN: usize = 64 << 10;

/// Loads a program that iterates `over`, the name in `bpf_iter_<over>`.
pub(crate) fn load_iterator(program: &mut aya::programs::Program, over: &str, btf: &Btf) -> Result<(), ProgramError> {
    let iterator: &mut Iter = program.try_into()?;
    iterator.load(over, btf)
}

/// An iterator can be read once, so it is attached anew for every read.
pub(crate) fn start_iterator(ebpf: &mut Ebpf, probe: &Probe, program: &Program) -> Result<File, LoadError> {
    let missing = || LoadError::Missing {
        probe: probe.name,
        part: program.name,
    };
    let refused = |source| program.unattached(source);
    let inner = ebpf.program_mut(program.name).ok_or_else(missing)?;
    let iterator: &mut Iter = inner.try_into().map_err(refused)?;
    let id = iterator.attach().map_err(refused)?;
    let link = iterator.take_link(id).map_err(refused)?;
    link.into_file().map_err(|source| LoadError::Start {
        probe: probe.name,
        source,
    })
}

/// Reads all there is to the front of `buffer`, growing it as needed, and returns the length. As `Read::read_to_end`, but
/// goes on where the kernel pauses a long walk with EAGAIN.
pub(crate) fn read_to_end(from: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut end = 0;
    loop {
        if buffer.len() - end < READ_LEN {
            buffer.resize(end + READ_LEN, 0);
        }
        match from.read(&mut buffer[end..]) {
            Ok(0) => return Ok(end),
            Ok(read) => end += read,
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a read, and says EAGAIN in between.
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let Some(byte) = self.0.pop() else { return Ok(0) };
            to[0] = byte;
            Ok(1)
        }
    }

    #[test]
    fn a_walk_that_the_kernel_pauses_is_read_to_its_end() {
        let mut buffer = Vec::new();
        assert_eq!(read_to_end(&mut Slow(vec![3, 2, 1], false), &mut buffer).ok(), Some(3));
        assert_eq!(buffer[..3], [1, 2, 3]);
    }

    #[test]
    fn a_walk_longer_than_the_buffer_is_read_whole() {
        let (long, mut buffer) = (vec![7; 3 * READ_LEN + 5], Vec::new());
        assert_eq!(read_to_end(&mut &long[..], &mut buffer).ok(), Some(long.len()));
        assert_eq!(buffer[..long.len()], long);
    }
}
