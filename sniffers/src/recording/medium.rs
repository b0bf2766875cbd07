//! Where blocks are written: a locked file, or a double in tests.

use std::fs::File;
use std::io::{self, Write};

use nix::fcntl::Flock;

/// Something that blocks are appended to.
pub trait Medium {
    /// Appends all of `bytes`; after an error, some of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;

    /// Forgets everything after the first `len` bytes: the torn rest of a block that could not be written.
    fn cut_to(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut_to(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

impl Medium for Flock<File> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }

    fn cut_to(&mut self, len: u64) -> io::Result<()> {
        (**self).cut_to(len)
    }
}

impl Medium for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut_to(&mut self, len: u64) -> io::Result<()> {
        self.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }
}
