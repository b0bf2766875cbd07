//! A small reader of BTF type sections (Documentation/bpf/btf.rst): just enough to find a struct's members.

use std::collections::BTreeMap;

/// Size of a struct and the byte offset of each member, by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes.
    pub(crate) size: u32,
    /// Byte offset by member.
    pub(crate) members: BTreeMap<String, u32>,
}

const HEADER_LEN: usize = 24;
const STRUCT: u32 = 4;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Bytes of a type after its twelve common ones, by kind and number of members.
fn tail_len(kind: u32, members: usize) -> usize {
    match kind {
        1 | 14 | 17 => 4,
        3 => 12,
        4 | 5 | 15 | 19 => members * 12,
        6 | 13 => members * 8,
        _ => 0,
    }
}

/// The layout of the named struct in a `.BTF` section.
pub(crate) fn layout(btf: &[u8], name: &str) -> Option<Layout> {
    let section = |at: usize| {
        let (start, len) = (word(btf, at) as usize, word(btf, at + 4) as usize);
        &btf[HEADER_LEN + start..HEADER_LEN + start + len]
    };
    let (types, strings) = (section(8), section(16));
    let text = |at: u32| {
        let rest = &strings[at as usize..];
        String::from_utf8(rest.iter().copied().take_while(|&byte| byte != 0).collect()).unwrap()
    };
    let mut at = 0;
    while at < types.len() {
        let (tag, size) = (word(types, at + 4), word(types, at + 8));
        let (kind, members) = (tag >> 24 & 0x1f, (tag & 0xffff) as usize);
        if kind == STRUCT && text(word(types, at)) == name {
            let member = |i: usize| {
                let at = at + 12 + i * 12;
                (text(word(types, at)), word(types, at + 8) / 8)
            };
            let members = (0..members).map(member).collect();
            return Some(Layout { size, members });
        }
        at += 12 + tail_len(kind, members);
    }
    None
}
