//! Recordings: every event and every tick the engine was given, in order, in a file that survives cuts and bit flips.
//!
//! Format `tapio.record/1`, file `*.tapio.zst`: zstd-compressed lines of JSON that stock `zstdcat` reads. The lines are
//! cut into blocks of at most 256 events or one second; each block is a skippable frame that says what follows, and one
//! independent zstd frame. A cut loses at most the last block, a flipped bit exactly one, and files may be joined with
//! `cat`.

mod block;
mod error;
mod frame;
mod host;
mod line;
mod medium;
mod reader;
mod recorder;
mod scan;
mod thread;
mod window;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod recorder_tests;
#[cfg(test)]
mod sample;

pub use error::RecordingError;
pub use host::{HostFacts, host_facts};
pub use line::{Header, Record, SCHEMA};
pub use medium::Medium;
pub use reader::{Losses, Reader};
pub use recorder::{Recorder, Written};
pub use scan::{LostBlock, Reason};
pub use thread::{RecorderThread, Summary};
