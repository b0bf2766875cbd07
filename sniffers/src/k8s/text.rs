//! Text from outside, bounded; times and addresses.

use std::sync::Arc;

use correlator::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Object names are at most 253 bytes (RFC 1123 subdomain); anything longer is not a name.
pub(super) const NAME: usize = 253;

/// At most `bytes` bytes of a text, cut between characters. An empty one takes no memory.
pub(super) fn bounded(text: &str, bytes: usize) -> Arc<str> {
    match &text[..text.floor_char_boundary(bytes)] {
        "" => Arc::default(),
        text => text.into(),
    }
}

/// Like [`bounded`]; absent text is empty.
pub(super) fn bounded_or_empty(text: Option<&str>, bytes: usize) -> Arc<str> {
    bounded(text.unwrap_or_default(), bytes)
}

/// The first line that is not blank, at most 300 bytes of it.
pub(super) fn one_line(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    line[..line.floor_char_boundary(300)].to_owned()
}

/// A time of the API; one before 1970 is none.
pub(super) fn timestamp(time: Option<&Time>) -> Option<Timestamp> {
    let nanos = u64::try_from(time?.0.as_nanosecond()).ok()?;
    Some(Timestamp::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(&*bounded("aé", 2), "a");
        assert_eq!(&*bounded("aé", 3), "aé");
        assert_eq!(&*bounded("short", 100), "short");
    }

    #[test]
    fn one_line_passes_blank_lines_over() {
        assert_eq!(one_line("\n  \n first \nsecond"), "first");
    }
}
