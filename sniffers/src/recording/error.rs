//! What can go wrong with a recording as a whole. Damage inside one is no error: it is counted in `Losses`.

use std::io;
use std::path::{Path, PathBuf};

/// Why a recording cannot be read or written, and what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// No file of that name.
    #[error("there is no recording {}; check the path", path.display())]
    Missing {
        /// The file asked for.
        path: PathBuf,
    },
    /// A directory was named.
    #[error("{} is a directory; name a recording (*.tapio.zst) in it", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// The file may not be read or made.
    #[error("no permission for {}; recordings belong to the user who made them: run as that user or as root", path.display())]
    Denied {
        /// The file.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("{} is empty: the recording stopped before its first block; record again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No block was found in the first 64 MiB.
    #[error("{} is no tapio recording; name a file written by `tapio sniff --record`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later tapio wrote it.
    #[error("{} is in format {found}, this tapio reads up to {known}; replay it with a newer tapio", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: String,
        /// The newest format that is understood.
        known: String,
    },
    /// The disk failed while reading.
    #[error("reading {} failed at byte {offset}; copy what can be read to another disk", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Bytes read before.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The new recording's name is taken.
    #[error("{} exists already; recordings are never overwritten: name another file or remove it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the lock.
    #[error("{} is being written by another process; name another file", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The new recording could not be made.
    #[error("cannot make the recording {}; name a file in a folder that exists and can be written", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A block could not be written. The recorder goes on trying with the next one.
    #[error("recording to {} stopped; detection goes on, and recording resumes once the disk takes writes again", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The writer's thread could not be started or ended early.
    #[error("the recorder's thread for {} is gone; raise the limit on processes and record again", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The error for a file that could not be opened for reading.
pub(super) fn opening(path: &Path, source: io::Error) -> RecordingError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => RecordingError::Missing { path },
        io::ErrorKind::PermissionDenied => RecordingError::Denied { path },
        io::ErrorKind::IsADirectory => RecordingError::Directory { path },
        _ => RecordingError::Read {
            path,
            offset: 0,
            source,
        },
    }
}

/// The error for a file that could not be made.
pub(super) fn creating(path: &Path, source: io::Error) -> RecordingError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => RecordingError::Exists { path },
        io::ErrorKind::PermissionDenied => RecordingError::Denied { path },
        _ => RecordingError::Create { path, source },
    }
}
