//! Domain names out of DNS messages (RFC 1035, 3.1 and 4.1.4): bounded, without allocation, escaped when shown.

use std::fmt;

/// Bytes of a name on the wire at most, its length bytes and the root's zero included.
pub const NAME_MAX: usize = 255;
/// Compression pointers followed in one name at most.
const JUMPS_MAX: usize = 16;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// Shorter than the header.
    Short,
    /// A compression pointer that does not go strictly backwards.
    Pointer,
    /// More than 16 compression pointers in one name.
    Jumps,
    /// A name of more than 255 bytes.
    NameLength,
    /// A label of a kind that is not in use (RFC 6891, 5).
    LabelKind,
}

impl Malformed {
    /// The label value of this reason.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Pointer => "pointer",
            Self::Jumps => "jumps",
            Self::NameLength => "name-length",
            Self::LabelKind => "label-kind",
        }
    }
}

/// Why a message was not read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end here.
    Cut,
    /// It is no good.
    Bad(Malformed),
}

/// A name, in the letters that it came in; without compression.
#[derive(Clone, Copy)]
pub struct Name {
    /// As on the wire, without the root's zero.
    wire: [u8; NAME_MAX],
    len: u8,
}

impl Name {
    /// The root.
    pub const ROOT: Self = Self {
        wire: [0; NAME_MAX],
        len: 0,
    };

    /// The name that begins at `at` in a message; `None` where there is none that is whole and well formed.
    #[must_use]
    pub fn at(message: &[u8], at: usize) -> Option<Self> {
        Self::read(message, at).ok().map(|(name, _)| name)
    }

    /// Reads the name at `at`, and says where what follows it begins.
    pub(super) fn read(message: &[u8], at: usize) -> Result<(Self, usize), Stop> {
        let mut name = Self::ROOT;
        let end = walk(message, at, |label| name.push(label))?;
        Ok((name, end))
    }

    /// Length bytes and labels one after the other, without the root's zero.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire[..self.len.into()]
    }

    /// The name of these length bytes and labels; what is beyond the bounds of a name is left out.
    #[must_use]
    pub fn from_wire(wire: &[u8]) -> Self {
        let mut name = Self::ROOT;
        labels(wire).for_each(|label| name.push(label));
        name
    }

    /// The labels, from the first.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(self.wire())
    }

    /// True for names that differ in upper and lower case at most.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.wire().eq_ignore_ascii_case(other.wire())
    }

    fn push(&mut self, label: &[u8]) {
        let at = usize::from(self.len);
        let end = at + 1 + label.len();
        // The root's zero needs a byte too.
        if let (Ok(len), Ok(label_len), true) = (u8::try_from(end), u8::try_from(label.len()), end < NAME_MAX) {
            self.wire[at] = label_len;
            self.wire[at + 1..end].copy_from_slice(label);
            self.len = len;
        }
    }
}

fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&len, after) = rest.split_first()?;
        let (label, after) = after.split_at_checked(len.into())?;
        rest = after;
        Some(label)
    })
}

/// Passes over the name at `at` and says where what follows it begins. Where a pointer leads is not looked at.
pub(super) fn skip(message: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    loop {
        match *message.get(at).ok_or(Stop::Cut)? {
            0 => return Ok(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            high @ 0xc0.. => {
                let low = *message.get(at + 1).ok_or(Stop::Cut)?;
                return if pointed(high, low) < start {
                    Ok(at + 2)
                } else {
                    Err(Stop::Bad(Malformed::Pointer))
                };
            }
            64..=0xbf => return Err(Stop::Bad(Malformed::LabelKind)),
        }
        if at - start >= NAME_MAX {
            return Err(Stop::Bad(Malformed::NameLength));
        }
    }
}

/// Where a compression pointer leads.
fn pointed(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high & 0x3f, low]))
}

/// Hands over the labels of the name at `at`. A pointer must lead to before where the part of the name that holds it
/// began, so no way leads back to a byte that was read.
fn walk<'a>(message: &'a [u8], at: usize, mut see: impl FnMut(&'a [u8])) -> Result<usize, Stop> {
    let (mut at, mut part, mut len, mut jumps) = (at, at, 1, 0);
    let mut end = None;
    loop {
        let first = *message.get(at).ok_or(Stop::Cut)?;
        match first {
            0 => return Ok(end.unwrap_or(at + 1)),
            1..=63 => {
                let next = at + 1 + usize::from(first);
                let label = message.get(at + 1..next).ok_or(Stop::Cut)?;
                len += label.len() + 1;
                if len > NAME_MAX {
                    return Err(Stop::Bad(Malformed::NameLength));
                }
                see(label);
                at = next;
            }
            0xc0.. => {
                let low = *message.get(at + 1).ok_or(Stop::Cut)?;
                end.get_or_insert(at + 2);
                at = pointed(first, low);
                jumps += 1;
                if at >= part {
                    return Err(Stop::Bad(Malformed::Pointer));
                }
                if jumps > JUMPS_MAX {
                    return Err(Stop::Bad(Malformed::Jumps));
                }
                part = at;
            }
            64..=0xbf => return Err(Stop::Bad(Malformed::LabelKind)),
        }
    }
}

impl fmt::Display for Name {
    /// `api.default.svc`, without a dot at the end; the root is `.`. A dot or backslash in a label gets a backslash, what
    /// is not printable ASCII is `\xNN`: safe on a terminal, in labels and in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == 0 {
            return f.write_str(".");
        }
        for (place, label) in self.labels().enumerate() {
            if place > 0 {
                f.write_str(".")?;
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\x{byte:02x}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.wire() == other.wire()
    }
}

impl Eq for Name {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of labels, ended by the root.
    fn wire(labels: &[&[u8]]) -> Vec<u8> {
        let mut wire: Vec<u8> = labels
            .iter()
            .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], *label].concat())
            .collect();
        wire.push(0);
        wire
    }

    fn shown(labels: &[&[u8]]) -> String {
        Name::read(&wire(labels), 0).unwrap().0.to_string()
    }

    fn refusal(message: &[u8], at: usize) -> Option<Stop> {
        Name::read(message, at).err()
    }

    #[test]
    fn a_plain_name_is_shown_with_dots_and_the_root_as_one() {
        assert_eq!(shown(&[b"api", b"default", b"svc"]), "api.default.svc");
        assert_eq!(shown(&[]), ".");
    }

    #[test]
    fn a_pointer_backwards_is_followed_and_what_follows_it_is_found() {
        let mut message = wire(&[b"example", b"com"]);
        message.extend(b"\x03www\xc0\x00rest");
        let (name, end) = Name::read(&message, 13).unwrap();
        assert_eq!((name.to_string().as_str(), &message[end..]), ("www.example.com", &b"rest"[..]));
        assert_eq!(skip(&message, 13), Ok(end));
    }

    #[test]
    fn fault_1_pointers_to_themselves_in_a_ring_or_forward_are_refused() {
        let bad = Some(Stop::Bad(Malformed::Pointer));
        assert_eq!(refusal(b"\xc0\x00", 0), bad);
        assert_eq!(refusal(b"\xc0\x02\xc0\x00", 0), bad);
        assert_eq!(refusal(b"\xc0\x02\xc0\x00", 2), bad);
        assert_eq!(refusal(b"\x01a\xc0\x00", 0), bad);
        assert_eq!(refusal(b"\xc0\x02\x01a\x00", 0), bad);
    }

    #[test]
    fn fault_1_sixteen_pointers_are_followed_and_no_more() {
        let mut chain = vec![0, 0];
        for at in 0..17_u8 {
            chain.extend([0xc0, at * 2]);
        }
        assert!(Name::read(&chain, 32).is_ok());
        assert_eq!(refusal(&chain, 34), Some(Stop::Bad(Malformed::Jumps)));
    }

    #[test]
    fn fault_1_a_name_of_255_bytes_is_read_and_a_longer_one_refused() {
        let long = [b'a'; 63];
        assert_eq!(shown(&[&long, &long, &long, &long[..61]]).len(), 253);
        let longer = wire(&[&long, &long, &long, &long[..62]]);
        assert_eq!(refusal(&longer, 0), Some(Stop::Bad(Malformed::NameLength)));
    }

    #[test]
    fn fault_3_odd_bytes_in_labels_are_escaped() {
        assert_eq!(shown(&[b"a.b\\", b"\x1b[2J\0\xff "]), r"a\.b\\.\x1b[2J\x00\xff\x20");
        assert!(shown(&[&[b'a'; 63]]).len() == 63);
        assert_eq!(refusal(&[64; 66], 0), Some(Stop::Bad(Malformed::LabelKind)));
        assert_eq!(refusal(&[0x80, 0], 0), Some(Stop::Bad(Malformed::LabelKind)));
    }

    #[test]
    fn a_name_that_the_message_ends_in_is_cut() {
        let whole = wire(&[b"www", b"example"]);
        for len in 0..whole.len() {
            assert_eq!(refusal(&whole[..len], 0), Some(Stop::Cut), "{len}");
            assert_eq!(skip(&whole[..len], 0), Err(Stop::Cut), "{len}");
        }
        assert_eq!(refusal(&[0xc0], 0), Some(Stop::Cut));
    }

    #[test]
    fn a_name_is_the_same_in_upper_case_and_after_it_was_kept() {
        let name = Name::read(&wire(&[b"Example", b"COM"]), 0).unwrap().0;
        assert!(name.is_same(&Name::read(&wire(&[b"example", b"com"]), 0).unwrap().0));
        assert_eq!(Name::from_wire(name.wire()), name);
    }
}
