//! The lines of a recording: what the engine was given, one JSON object with one key a line.

use correlator::{Body, Event, Timestamp};
use serde::{Deserialize, Serialize};

/// What the header's `schema` says. The number is the major version: a reader refuses one it does not know.
pub const SCHEMA: &str = "tapio.record/1";
/// Longest line that is written or read, bytes.
pub(super) const LONGEST: usize = 1 << 20;

/// Where and when a recording was made. Comes first, and again where recordings were joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Always [`SCHEMA`] when written.
    pub schema: String,
    /// Version of the tapio that recorded.
    pub tapio: String,
    /// Name of the node.
    pub node: String,
    /// The kernel's boot id: two recordings with one boot id share `CLOCK_MONOTONIC`.
    pub boot_id: String,
    /// When recording began.
    pub started: Timestamp,
    /// Kernel release.
    pub kernel: String,
    /// Name of the cluster, empty when there is none.
    pub cluster: String,
}

/// One thing the engine was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A recording starts here.
    Header(Header),
    /// An event was pushed.
    Event(Box<Event>),
    /// Time was advanced to here.
    Tick(Timestamp),
}

/// A line to be written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line<'a> {
    /// A recording starts.
    Header(&'a Header),
    /// An event was pushed.
    Event(&'a Event),
    /// Time was advanced.
    Tick(Timestamp),
    /// This many events and ticks are missing here: the recorder could not keep them.
    Lost(u64),
}

/// What a line that was read turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed {
    /// One thing the engine was given.
    Record(Record),
    /// The recorder could not keep this many events and ticks.
    Lost(u64),
    /// A header of a format that this code does not know, with the name it gives itself.
    Newer(String),
    /// A type of record that this code does not know.
    Unknown,
    /// A known type, but not in a shape that can be read.
    Unreadable,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    Header(Header),
    Event(Box<Event>),
    Tick(Timestamp),
    Lost(u64),
}

/// Appends a line with its newline. False, and nothing appended, when it would be longer than [`LONGEST`] or would not
/// read back as it was: JSON has no word for a gauge that is infinite or not a number.
pub(super) fn print(line: &Line<'_>, text: &mut Vec<u8>) -> bool {
    let before = text.len();
    let printed = is_printable(line) && serde_json::to_writer(&mut *text, line).is_ok();
    if !printed || text.len() - before >= LONGEST {
        text.truncate(before);
        return false;
    }
    text.push(b'\n');
    true
}

fn is_printable(line: &Line<'_>) -> bool {
    !matches!(line, Line::Event(Event { body: Body::Gauge(value), .. }) if !value.is_finite())
}

/// Reads one line, without its newline.
pub(super) fn parse(line: &[u8]) -> Parsed {
    match serde_json::from_slice(line) {
        Ok(Known::Header(header)) if is_known(&header.schema) => Parsed::Record(Record::Header(header)),
        Ok(Known::Header(header)) => Parsed::Newer(shown(&header.schema)),
        Ok(Known::Event(event)) => Parsed::Record(Record::Event(event)),
        Ok(Known::Tick(at)) => Parsed::Record(Record::Tick(at)),
        Ok(Known::Lost(count)) => Parsed::Lost(count),
        Err(_) => parse_strange(line),
    }
}

/// Tells a newer header, whose other fields may have changed, from an unknown type and from a broken line.
fn parse_strange(line: &[u8]) -> Parsed {
    let Ok(serde_json::Value::Object(line)) = serde_json::from_slice(line) else {
        return Parsed::Unreadable;
    };
    let schema = line.get("header").and_then(|header| header.get("schema")?.as_str());
    match schema {
        Some(schema) if !is_known(schema) => Parsed::Newer(shown(schema)),
        _ if ["header", "event", "tick", "lost"]
            .iter()
            .any(|known| line.contains_key(*known)) =>
        {
            Parsed::Unreadable
        }
        _ => Parsed::Unknown,
    }
}

/// A minor version, as in `tapio.record/1.2`, only adds what may be skipped.
fn is_known(schema: &str) -> bool {
    schema
        .strip_prefix(SCHEMA)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A name from outside, made safe for a terminal.
fn shown(schema: &str) -> String {
    schema.chars().take(64).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use correlator::{Subject, signals};

    use super::*;

    fn gauge(value: f64) -> Event {
        Event {
            at: Timestamp::from_secs(1),
            subject: Subject::Cluster,
            signal: signals::MEMORY_USAGE,
            body: Body::Gauge(value),
        }
    }

    #[test]
    fn awkward_floats_come_back_bit_for_bit() {
        for value in [
            0.1 + 0.2,
            -0.0,
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            1e23,
            123_456_789.123_456_79,
        ] {
            let event = gauge(value);
            let mut text = Vec::new();
            assert!(print(&Line::Event(&event), &mut text));
            let Parsed::Record(Record::Event(back)) = parse(text.trim_ascii_end()) else {
                panic!("{value}")
            };
            let Body::Gauge(read) = back.body else {
                panic!("{value}")
            };
            assert_eq!(read.to_bits(), value.to_bits());
            let mut again = Vec::new();
            print(&Line::Event(&gauge(read)), &mut again);
            assert_eq!(again, text);
        }
    }

    #[test]
    fn what_json_cannot_say_is_not_written() {
        let mut text = b"before".to_vec();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!print(&Line::Event(&gauge(value)), &mut text));
        }
        let name = "x".repeat(LONGEST);
        let header = Header {
            node: name,
            ..Header::default()
        };
        assert!(!print(&Line::Header(&header), &mut text));
        assert_eq!(text, b"before");
    }

    #[test]
    fn lines_of_other_kinds_are_told_apart() {
        let cases: [(&[u8], Parsed); 9] = [
            (br#"{"tick":5}"#, Parsed::Record(Record::Tick(Timestamp::from_nanos(5)))),
            (br#"{"lost":3}"#, Parsed::Lost(3)),
            (br#"{"pods":[]}"#, Parsed::Unknown),
            (br#"{"tick":"noon"}"#, Parsed::Unreadable),
            (br#"{"event":{"at":1}}"#, Parsed::Unreadable),
            (b"{", Parsed::Unreadable),
            (
                br#"{"header":{"schema":"tapio.record/2"}}"#,
                Parsed::Newer("tapio.record/2".into()),
            ),
            (
                br#"{"header":{"schema":"tapio.record/10","started":"now"}}"#,
                Parsed::Newer("tapio.record/10".into()),
            ),
            (
                br#"{"header":{"schema":"\u001b[2J"}}"#,
                Parsed::Newer("\\u{1b}[2J".into()),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_newer_minor_version_is_read() {
        let line = br#"{"header":{"schema":"tapio.record/1.4","tapio":"9","moon":"full"}}"#;
        let Parsed::Record(Record::Header(header)) = parse(line) else {
            panic!("refused")
        };
        assert_eq!(header.tapio, "9");
    }
}
