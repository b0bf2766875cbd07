//! Reads a recording, record by record, in the order in which the engine got them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::{RecordingError, opening};
use super::frame::VERSION;
use super::line::{LONGEST, Parsed, Record, SCHEMA, parse};
use super::scan::{Halt, LostBlock, Scan};

/// What a recording could not give back, known once it was read to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Damaged places, in order; the first 1,000.
    pub blocks: Vec<LostBlock>,
    /// Blocks lost in all, listed or not.
    pub lost_blocks: u64,
    /// Records of a type that this tapio does not know.
    pub unknown_records: u64,
    /// Records of a known type in a shape that could not be read, as a newer tapio may write them.
    pub unreadable_records: u64,
    /// Events and ticks that the recorder said it could not keep.
    pub unrecorded: u64,
    /// Bytes at the end that are no whole block.
    pub trailing_bytes: u64,
}

impl Losses {
    /// Whether the engine is given exactly what it was given then.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Iterates over a recording. Holds one block in memory. Damage is passed over and counted in [`Losses`]; an error ends
/// the iteration.
#[derive(Debug)]
pub struct Reader<R: Read = File> {
    scan: Scan<R>,
    path: PathBuf,
    text: Vec<u8>,
    /// Where the next line begins in `text`.
    at: usize,
    first: Option<Record>,
    is_done: bool,
    losses: Losses,
}

impl Reader {
    /// Opens a recording and reads its first record, so that a file that is none, or a newer one, is refused here.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|source| opening(path, source))?;
        if file.metadata().is_ok_and(|meta| meta.is_dir()) {
            return Err(RecordingError::Directory { path: path.to_owned() });
        }
        Self::new(file, path)
    }
}

impl<R: Read> Reader<R> {
    /// Reads a recording from a stream. `path` is what errors call it.
    pub fn new(stream: R, path: &Path) -> Result<Self, RecordingError> {
        let mut reader = Self {
            scan: Scan::new(stream),
            path: path.to_owned(),
            text: Vec::new(),
            at: 0,
            first: None,
            is_done: false,
            losses: Losses::default(),
        };
        reader.first = reader.next_record()?;
        Ok(reader)
    }

    /// Bytes of the stream up to the end of the block that the last record came from.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.scan.offset()
    }

    /// What was lost up to here.
    #[must_use]
    pub fn losses(&self) -> Losses {
        Losses {
            blocks: self.scan.lost.clone(),
            lost_blocks: self.scan.lost_blocks,
            trailing_bytes: self.scan.trailing,
            ..self.losses.clone()
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>, RecordingError> {
        loop {
            let Some(line) = next_line(&self.text, &mut self.at) else {
                match self.scan.next_text() {
                    Ok(Some(text)) => (self.text, self.at) = (text, 0),
                    Ok(None) => return Ok(None),
                    Err(halt) => return Err(self.error(halt)),
                }
                continue;
            };
            let parsed = if line.len() < LONGEST {
                parse(line)
            } else {
                Parsed::Unreadable
            };
            match parsed {
                Parsed::Record(record) => return Ok(Some(record)),
                Parsed::Lost(count) => self.losses.unrecorded = self.losses.unrecorded.saturating_add(count),
                Parsed::Unknown => self.losses.unknown_records += 1,
                Parsed::Unreadable => self.losses.unreadable_records += 1,
                Parsed::Newer(found) => return Err(self.newer(found, SCHEMA.to_owned())),
            }
        }
    }

    fn newer(&self, found: String, known: String) -> RecordingError {
        let path = self.path.clone();
        RecordingError::Newer { path, found, known }
    }

    fn error(&self, halt: Halt) -> RecordingError {
        let (path, offset) = (self.path.clone(), self.scan.offset());
        match halt {
            Halt::Io(source) => RecordingError::Read { path, offset, source },
            Halt::Foreign => RecordingError::Foreign { path },
            Halt::Empty => RecordingError::Empty { path },
            Halt::Newer(found) => self.newer(format!("block version {found}"), format!("block version {VERSION}")),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.is_done {
            return None;
        }
        let next = self.next_record().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The line that begins at `at`, without its newline; moves `at` behind it.
fn next_line<'a>(text: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = text.get(*at..).filter(|rest| !rest.is_empty())?;
    let line = rest.split(|byte| *byte == b'\n').next()?;
    *at += line.len() + 1;
    Some(line)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_cannot_be_opened_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("empty"), b"").unwrap();
        std::fs::write(at("foreign"), b"apiVersion: v1\n").unwrap();
        let cases = [
            (at("missing"), "check the path"),
            (folder.path().to_owned(), "name a recording (*.tapio.zst) in it"),
            (at("empty"), "record again"),
            (at("foreign"), "name a file written by `tapio sniff --record`"),
            (at("foreign/below"), "failed at byte 0"),
        ];
        for (path, advice) in cases {
            let error = Reader::open(&path).unwrap_err().to_string();
            assert!(
                error.contains(&path.display().to_string()) && error.contains(advice),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        if nix::unistd::geteuid().is_root() {
            let denied = opening(Path::new("a"), std::io::ErrorKind::PermissionDenied.into());
            assert!(matches!(denied, RecordingError::Denied { .. }));
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
        assert!(matches!(Reader::open(file.path()), Err(RecordingError::Denied { .. })));
    }
}
