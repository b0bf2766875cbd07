//! Writes a recording, block by block. What a failing disk refuses is counted, and the recording itself says so.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use correlator::{Event, Timestamp};
use nix::fcntl::{Flock, FlockArg};
use tracing::{info, warn};

use super::block::Block;
use super::error::{RecordingError, creating};
use super::line::{Header, Line, SCHEMA};
use super::medium::Medium;

/// What has been written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Whole blocks that reached the disk.
    pub blocks: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Events and ticks in them.
    pub records: u64,
    /// Events and ticks that could not be kept.
    pub lost: u64,
}

/// Appends blocks to a medium and syncs each. After a failed write it drops that block, goes on collecting, and tries
/// again with the next: the methods return an error only when writing stops, not while it stays stopped.
#[derive(Debug)]
pub struct Recorder<M: Medium = Flock<File>> {
    medium: M,
    path: PathBuf,
    block: Block,
    written: Written,
    /// Lost since a line last said so.
    unsaid: u64,
    is_stopped: bool,
}

impl Recorder {
    /// Makes a new recording, readable by its owner only and locked, and writes its header. A file that is there already
    /// is refused, and nothing is left behind when the header cannot be written.
    pub fn create(path: &Path, header: Header) -> Result<Self, RecordingError> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|source| creating(path, source))?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        let file = file.map_err(|_| RecordingError::Locked { path: path.to_owned() })?;
        sync_folder_of(path);
        Self::start(file, path, header).inspect_err(|_| {
            if let Err(error) = std::fs::remove_file(path) {
                warn!(path = %path.display(), %error, "The file of a failed recording stays.");
            }
        })
    }
}

/// Makes the file's name survive a power cut. Some file systems cannot; the recording is good without.
fn sync_folder_of(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    if let Err(error) = synced {
        tracing::debug!(path = %path.display(), %error, "The folder of the recording was not synced.");
    }
}

impl<M: Medium> Recorder<M> {
    /// Writes the header, as a block of its own, to an empty medium. `path` is what errors call it.
    pub fn start(medium: M, path: &Path, mut header: Header) -> Result<Self, RecordingError> {
        SCHEMA.clone_into(&mut header.schema);
        let mut recorder = Self {
            medium,
            path: path.to_owned(),
            block: Block::default(),
            written: Written::default(),
            unsaid: 0,
            is_stopped: false,
        };
        recorder.block.push(&Line::Header(&header));
        recorder.flush()?;
        Ok(recorder)
    }

    /// The file, as errors call it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records that an event was pushed. An event that cannot be written (a gauge that is no number, a line over 1 MiB)
    /// is counted as lost.
    pub fn event(&mut self, event: &Event) -> Result<(), RecordingError> {
        self.push(&Line::Event(event))
    }

    /// Records that time was advanced.
    pub fn tick(&mut self, at: Timestamp) -> Result<(), RecordingError> {
        self.push(&Line::Tick(at))
    }

    /// Notes that `count` events and ticks were lost before they came here. The recording will say so.
    pub fn note_lost(&mut self, count: u64) {
        self.unsaid += count;
        self.written.lost += count;
    }

    /// What has been written and lost so far.
    #[must_use]
    pub fn written(&self) -> Written {
        self.written
    }

    /// Writes what is pending. Without it, the last block is lost.
    pub fn finish(mut self) -> Result<Written, RecordingError> {
        self.say_lost();
        self.flush()?;
        Ok(self.written)
    }

    fn push(&mut self, line: &Line<'_>) -> Result<(), RecordingError> {
        self.say_lost();
        if !self.block.push(line) {
            self.note_lost(1);
        }
        if self.block.is_full() { self.flush() } else { Ok(()) }
    }

    fn say_lost(&mut self) {
        if self.unsaid > 0 && self.block.push(&Line::Lost(self.unsaid)) {
            self.unsaid = 0;
        }
    }

    fn flush(&mut self) -> Result<(), RecordingError> {
        if self.block.is_empty() {
            return Ok(());
        }
        match self.write() {
            Ok(bytes) => {
                self.written.blocks += 1;
                self.written.bytes += bytes;
                self.written.records += self.block.records();
                self.block.clear();
                if std::mem::take(&mut self.is_stopped) {
                    info!(path = %self.path.display(), lost = self.written.lost, "Recording resumes.");
                }
                Ok(())
            }
            Err(source) => self.give_up_block(source),
        }
    }

    /// Appends and syncs the block; gives its size.
    fn write(&mut self) -> io::Result<u64> {
        let bytes = self.block.pack(self.written.blocks)?;
        self.medium.append(&bytes)?;
        self.medium.sync()?;
        Ok(bytes.len() as u64)
    }

    /// Drops the block and what of it reached the medium. After a failed fdatasync the kernel has forgotten which pages
    /// are dirty (fsync(2)), so that writing the same bytes again would prove nothing.
    fn give_up_block(&mut self, source: io::Error) -> Result<(), RecordingError> {
        if let Err(error) = self.medium.cut_to(self.written.bytes) {
            tracing::debug!(path = %self.path.display(), %error, "A torn block stays in the recording.");
        }
        self.note_lost(self.block.records());
        self.unsaid += self.block.lost();
        self.block.clear();
        if std::mem::replace(&mut self.is_stopped, true) {
            return Ok(());
        }
        let path = self.path.clone();
        Err(RecordingError::Stopped { path, source })
    }
}
