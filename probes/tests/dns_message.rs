//! Our reader of DNS messages against two others, on messages made up, and on those bent out of shape.

#![allow(clippy::unwrap_used, reason = "a test")]

use hickory_proto::serialize::binary::BinDecodable as _;
use probes::dns::message::{ANSWERS_MAX, Answer, Message};
use probes::dns::name::Name;
use proptest::collection::vec;
use proptest::prelude::*;

/// One name: labels, and what comes after them: an end, or a pointer to some name before.
type Labels = (Vec<Vec<u8>>, Option<prop::sample::Index>);

/// What a message is made of.
#[derive(Debug, Clone)]
struct Draft {
    id: u16,
    flags: u16,
    question: (Labels, u16),
    /// Name, type, lifetime and value.
    answers: Vec<(Labels, u16, u32, Vec<u8>)>,
    edns: Option<(u16, u8)>,
}

fn labels() -> impl Strategy<Value = Labels> {
    let byte = prop_oneof![6 => b'a'..=b'z', 1 => b'A'..=b'Z', 1 => b'0'..=b'9', 1 => Just(b'-')];
    (vec(vec(byte, 1..12), 0..5), any::<Option<prop::sample::Index>>())
}

/// Types whose value is not looked into.
fn kind() -> impl Strategy<Value = u16> {
    prop_oneof![Just(1_u16), Just(28), Just(65_280), Just(65_281)]
}

fn draft() -> impl Strategy<Value = Draft> {
    let answer = (labels(), kind(), any::<u16>(), vec(any::<u8>(), 1..20)).prop_map(|(name, kind, ttl, value)| {
        let value = match kind {
            1 => vec![10, 0, 0, 1],
            28 => vec![0xfd; 16],
            _ => value,
        };
        (name, kind, u32::from(ttl), value)
    });
    // The opcode stays that of a query, as the others refuse codes that nobody has assigned.
    let flags = any::<u16>().prop_map(|flags| flags & 0x87bf & !0xf | flags & 7);
    let edns = proptest::option::of((512..4096_u16, 0..2_u8));
    // simple-dns takes no question about a type that it does not know.
    let asked = prop_oneof![Just(1_u16), Just(12), Just(16), Just(28), Just(33)];
    (any::<u16>(), flags, (labels(), asked), vec(answer, 0..20), edns).prop_map(
        |(id, flags, question, answers, edns)| Draft {
            id,
            flags,
            question,
            answers,
            edns,
        },
    )
}

impl Draft {
    fn bytes(&self) -> Vec<u8> {
        let answers = u16::try_from(self.answers.len()).unwrap();
        let words = [self.id, self.flags, 1, answers, 0, self.edns.is_some().into()];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
        let mut names = Vec::new();
        put_name(&mut bytes, &mut names, &self.question.0);
        bytes.extend([self.question.1, 1].into_iter().flat_map(u16::to_be_bytes));
        for (name, kind, ttl, value) in &self.answers {
            put_name(&mut bytes, &mut names, name);
            bytes.extend([*kind, 1].into_iter().flat_map(u16::to_be_bytes));
            bytes.extend(ttl.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(value);
        }
        if let Some((size, rcode_high)) = self.edns {
            bytes.extend(b"\0\0\x29");
            bytes.extend(size.to_be_bytes());
            bytes.extend([rcode_high, 0, 0, 0, 0, 0]);
        }
        bytes
    }
}

fn put_name(bytes: &mut Vec<u8>, names: &mut Vec<u16>, (labels, pointer): &Labels) {
    let start = u16::try_from(bytes.len()).unwrap();
    for label in labels {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label);
    }
    match pointer {
        Some(index) if !names.is_empty() => bytes.extend((0xc000 | *index.get(names)).to_be_bytes()),
        _ => bytes.push(0),
    }
    names.push(start);
}

/// A name as its labels.
type Named = Vec<Vec<u8>>;

/// What all three must say alike: id, reply, truncated, code, question, and name, type and lifetime of the answers.
#[derive(Debug, PartialEq)]
struct Said {
    id: u16,
    reply: bool,
    truncated: bool,
    rcode: u16,
    question: Option<(Named, u16)>,
    answers: Vec<(Named, u16, u32)>,
}

fn named<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Named {
    labels.into_iter().map(<[u8]>::to_vec).collect()
}

/// What we say of a message that is whole and well formed to us.
fn of_ours(bytes: &[u8]) -> Option<Said> {
    let message = Message::parse(bytes).ok()?;
    let answer = |answer: &Answer| {
        let name = Name::at(bytes, answer.name_at)?;
        Some((named(name.labels()), answer.kind, answer.ttl))
    };
    let question = message.question.as_ref();
    (!message.cut && message.malformed.is_none()).then(|| Said {
        id: message.header.id,
        reply: message.header.reply,
        truncated: message.header.truncated,
        rcode: message.rcode(),
        question: question.map(|question| (named(question.name.labels()), question.kind)),
        answers: message.answers().iter().filter_map(answer).collect(),
    })
}

fn of_hickory(bytes: &[u8]) -> Option<Said> {
    let message = hickory_proto::op::Message::from_bytes(bytes).ok()?;
    let answers = message.answers.iter().take(ANSWERS_MAX);
    let question = message.queries.first();
    Some(Said {
        id: message.metadata.id,
        reply: message.metadata.message_type == hickory_proto::op::MessageType::Response,
        truncated: message.metadata.truncation,
        rcode: message.metadata.response_code.into(),
        question: question.map(|query| (named(query.name().iter()), query.query_type().into())),
        answers: answers
            .map(|record| (named(record.name.iter()), record.record_type().into(), record.ttl))
            .collect(),
    })
}

/// Its code is left out: simple-dns takes the upper bits from the flags of the EDNS record, RFC 6891 puts them elsewhere.
fn of_simple(bytes: &[u8]) -> Option<Said> {
    let message = simple_dns::Packet::parse(bytes).ok()?;
    let named = |name: &simple_dns::Name<'_>| named(name.as_bytes());
    let answers = message.answers.iter().take(ANSWERS_MAX);
    let question = message.questions.first();
    Some(Said {
        id: message.id(),
        reply: message.has_flags(simple_dns::PacketFlag::RESPONSE),
        truncated: message.has_flags(simple_dns::PacketFlag::TRUNCATION),
        rcode: 0,
        question: question.map(|question| (named(&question.qname), question.qtype.into())),
        answers: answers
            .map(|record| (named(&record.name), record.rdata.type_code().into(), record.ttl))
            .collect(),
    })
}

fn without_code(said: Option<Said>) -> Option<Said> {
    said.map(|said| Said { rcode: 0, ..said })
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2_000)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn good_messages_are_read_by_all_alike(draft in draft()) {
        let bytes = draft.bytes();
        let ours = of_ours(&bytes);
        prop_assert!(ours.is_some());
        prop_assert_eq!(&ours, &of_hickory(&bytes));
        prop_assert_eq!(without_code(ours), of_simple(&bytes));
    }

    #[test]
    fn bent_messages_that_another_reads_are_read_alike(
        draft in draft(),
        bends in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = draft.bytes();
        for (at, byte) in bends {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(at) = cut {
            bytes.truncate(at.index(bytes.len()));
        }
        let ours = of_ours(&bytes);
        if let Some(theirs) = of_hickory(&bytes) {
            prop_assert_eq!(ours.as_ref(), Some(&theirs), "hickory-proto");
        }
        if let Some(theirs) = of_simple(&bytes) {
            prop_assert_eq!(without_code(ours), Some(theirs), "simple-dns");
        }
    }

    #[test]
    fn any_bytes_are_read_within_the_bounds(bytes in vec(any::<u8>(), 0..600)) {
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert!(message.answers().len() <= ANSWERS_MAX);
            if let Some(question) = message.question {
                prop_assert!(question.name.wire().len() < 255);
                prop_assert!(question.name.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
