//! What `kubectl get .. -o json` and `-o yaml` wrote, read as the watches read it from the API server.
//!
//! A dump is the state at one moment: the newest time that is found in it. It holds no secrets' contents: kinds that tapio
//! does not watch are counted and dropped.

mod feed;
mod text;
mod times;

use std::collections::BTreeMap;

use correlator::{Event, Timestamp};

use feed::Feed;

/// What a dump says.
#[derive(Debug, Clone)]
pub struct Dump {
    /// When it was made: the newest time in it.
    pub at: Timestamp,
    /// The state of everything, at `at`, and the Events, at their own times and none later.
    pub events: Vec<Event>,
    /// How many objects were read, by kind.
    pub read: BTreeMap<String, usize>,
    /// How many objects are of a kind that tapio does not watch, by kind.
    pub unknown: BTreeMap<String, usize>,
    /// The objects that could not be read, and why: `Pod shop/cart-1: ..`; at most [`MOST_UNREADABLE`] of them.
    pub unreadable: Vec<String>,
    /// How many could not be read.
    pub unreadable_count: usize,
}

/// Unreadable objects that are named.
pub const MOST_UNREADABLE: usize = 10;

/// Why a dump cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// There is nothing in the file.
    #[error("{file} is empty; write it with `kubectl get pods,events,nodes -A -o json`")]
    Empty {
        /// The file.
        file: String,
    },
    /// What kubectl prints for people.
    #[error("{file} is a table that kubectl printed for people; write it again with `-o json` or `-o yaml`")]
    Table {
        /// The file.
        file: String,
    },
    /// The file ends in the middle of an object.
    #[error("{file} ends in the middle (line {line}); it was cut off while it was written, so write it again")]
    CutOff {
        /// The file.
        file: String,
        /// Its last line.
        line: usize,
    },
    /// It is neither JSON nor YAML.
    #[error("{file} is not {format}: {why}")]
    Malformed {
        /// The file.
        file: String,
        /// `JSON` or `YAML`.
        format: &'static str,
        /// Where and why.
        why: String,
    },
    /// It holds something else than objects of the API server.
    #[error("{file} holds something without `kind`; write it with `kubectl get pods,events,nodes -A -o json`")]
    NoObject {
        /// The file.
        file: String,
    },
    /// No object was found at all.
    #[error("the dump holds no object that tapio watches{}; write it with `kubectl get pods,events,nodes -A -o json`", but(.unknown))]
    Nothing {
        /// What it holds instead, by kind.
        unknown: BTreeMap<String, usize>,
    },
    /// Without a time nothing can be said to be long or short ago.
    #[error("the dump holds no time, not even a creationTimestamp; write it with `kubectl get .. -o json`, unchanged")]
    NoTime,
}

fn but(unknown: &BTreeMap<String, usize>) -> String {
    if unknown.is_empty() {
        return String::new();
    }
    let kinds: Vec<&str> = unknown.keys().map(String::as_str).take(5).collect();
    format!(", only {}", kinds.join(", "))
}

/// Reads a dump from the files it consists of, each with its name for errors.
pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Dump, DumpError> {
    let mut objects = Vec::new();
    for (file, text) in files {
        objects.extend(text::objects(file, text)?);
    }
    let is_empty = objects.is_empty();
    let at = times::newest(&objects);
    let feed = Feed::new(objects, at.unwrap_or_default());
    let dump = feed.finish();
    match at {
        _ if dump.read.is_empty() => Err(DumpError::Nothing { unknown: dump.unknown }),
        None if !is_empty => Err(DumpError::NoTime),
        _ => Ok(dump),
    }
}

#[cfg(test)]
mod tests;
