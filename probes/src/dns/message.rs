//! Reads DNS messages (RFC 1035, 6891) as far as they are there: bounded, without allocation, for bytes from anybody.

use super::name::{Malformed, Name, Stop, skip};

/// Answers kept at most.
pub const ANSWERS_MAX: usize = 16;
const HEADER_LEN: usize = 12;
/// Type of the EDNS pseudo record.
const OPT: u16 = 41;

/// What a message says, as far as it could be read.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// The first twelve bytes.
    pub header: Header,
    /// The first question.
    pub question: Option<Question>,
    answers: [Answer; ANSWERS_MAX],
    answers_len: usize,
    /// From the EDNS record, if it was reached.
    pub edns: Option<Edns>,
    /// The bytes ended before what the header promises.
    pub cut: bool,
    /// Why it was not read further, when it is not well formed.
    pub malformed: Option<Malformed>,
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which query this is, or answers.
    pub id: u16,
    /// A reply rather than a query.
    pub reply: bool,
    /// 0 for ordinary queries.
    pub opcode: u8,
    /// TC: the server had more than fits; the asker is to use TCP.
    pub truncated: bool,
    /// The low four bits of the response code.
    pub rcode: u8,
    /// Questions, answers, authority and additional records, as promised.
    pub counts: [u16; 4],
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// QTYPE.
    pub kind: u16,
    /// QCLASS, 1 for the internet.
    pub class: u16,
}

/// One resource record of the answer section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// Where its name begins, for [`Name::at`].
    pub name_at: usize,
    /// TYPE.
    pub kind: u16,
    /// CLASS.
    pub class: u16,
    /// Seconds that it may be kept.
    pub ttl: u32,
    /// Bytes of its value.
    pub len: u16,
}

/// What the EDNS record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Bytes of a UDP message that the sender takes.
    pub udp_size: u16,
    /// The upper eight bits of the response code.
    pub rcode_high: u8,
}

impl Message {
    /// Reads a message, without the length that goes before it over TCP. An error only without a whole header.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header = Header::parse(bytes)?;
        let mut message = Self {
            header,
            question: None,
            answers: [Answer::default(); ANSWERS_MAX],
            answers_len: 0,
            edns: None,
            cut: false,
            malformed: None,
        };
        match message.read_sections(bytes) {
            Ok(()) => {}
            Err(Stop::Cut) => message.cut = true,
            Err(Stop::Bad(reason)) => message.malformed = Some(reason),
        }
        Ok(message)
    }

    /// The first answers, at most 16.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.answers[..self.answers_len]
    }

    /// The response code, with the upper bits where EDNS gave them.
    #[must_use]
    pub fn rcode(&self) -> u16 {
        let high = self.edns.map_or(0, |edns| u16::from(edns.rcode_high));
        high << 4 | u16::from(self.header.rcode)
    }

    fn read_sections(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let [questions, answers, authority, additional] = self.header.counts;
        let mut at = HEADER_LEN;
        for _ in 0..questions {
            let (question, end) = Question::read(bytes, at)?;
            self.question.get_or_insert(question);
            at = end;
        }
        for _ in 0..answers {
            let (answer, end) = Answer::read(bytes, at)?;
            if let Some(slot) = self.answers.get_mut(self.answers_len) {
                *slot = answer;
                self.answers_len += 1;
            }
            at = end;
        }
        for _ in 0..authority {
            at = Answer::read(bytes, at)?.1;
        }
        for _ in 0..additional {
            let (record, end) = Answer::read(bytes, at)?;
            if record.kind == OPT {
                let [rcode_high, ..] = record.ttl.to_be_bytes();
                let udp_size = record.class;
                self.edns.get_or_insert(Edns { udp_size, rcode_high });
            }
            at = end;
        }
        Ok(())
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Short)?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Ok(Self {
            id: word(0),
            reply: header[2] & 0x80 != 0,
            opcode: header[2] >> 3 & 0xf,
            truncated: header[2] & 2 != 0,
            rcode: header[3] & 0xf,
            counts: [word(4), word(6), word(8), word(10)],
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u16, Stop> {
    let two = bytes.get(at..).and_then(<[u8]>::first_chunk);
    two.map(|two| u16::from_be_bytes(*two)).ok_or(Stop::Cut)
}

impl Question {
    fn read(bytes: &[u8], at: usize) -> Result<(Self, usize), Stop> {
        let (name, at) = Name::read(bytes, at)?;
        let (kind, class) = (word(bytes, at)?, word(bytes, at + 2)?);
        Ok((Self { name, kind, class }, at + 4))
    }
}

impl Answer {
    fn read(bytes: &[u8], name_at: usize) -> Result<(Self, usize), Stop> {
        let at = skip(bytes, name_at)?;
        let (kind, class) = (word(bytes, at)?, word(bytes, at + 2)?);
        let ttl = u32::from(word(bytes, at + 4)?) << 16 | u32::from(word(bytes, at + 6)?);
        let len = word(bytes, at + 8)?;
        let end = at + 10 + usize::from(len);
        if end > bytes.len() {
            return Err(Stop::Cut);
        }
        let answer = Self {
            name_at,
            kind,
            class,
            ttl,
            len,
        };
        Ok((answer, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for A of `a.b`, with these flags and counts.
    fn query(flags: u16, counts: [u16; 4]) -> Vec<u8> {
        let words = [0x1234, flags].into_iter().chain(counts);
        let mut bytes: Vec<u8> = words.flat_map(u16::to_be_bytes).collect();
        bytes.extend(b"\x01a\x01b\0\0\x01\0\x01");
        bytes
    }

    fn with_answers(mut bytes: Vec<u8>, count: usize) -> Vec<u8> {
        for _ in 0..count {
            bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01");
        }
        bytes
    }

    #[test]
    fn a_query_is_read() {
        let message = Message::parse(&query(0x0100, [1, 0, 0, 0])).unwrap();
        let question = message.question.unwrap();
        assert_eq!((question.name.to_string().as_str(), question.kind, question.class), ("a.b", 1, 1));
        assert_eq!((message.header.id, message.header.reply, message.header.opcode), (0x1234, false, 0));
        assert!(!message.cut && message.malformed.is_none());
    }

    #[test]
    fn a_reply_has_its_answers_its_code_and_its_truncation() {
        let bytes = with_answers(query(0x8183, [1, 1, 0, 0]), 1);
        let message = Message::parse(&bytes).unwrap();
        assert!(message.header.reply && !message.header.truncated);
        assert_eq!(message.rcode(), 3);
        let [answer] = *message.answers() else { panic!("{message:?}") };
        assert_eq!((answer.kind, answer.ttl, answer.len), (1, 60, 4));
        assert_eq!(Name::at(&bytes, answer.name_at).unwrap().to_string(), "a.b");
    }

    #[test]
    fn fault_2_promises_of_65535_records_are_read_as_far_as_they_are_there() {
        let short = with_answers(query(0x8180, [1, 65_535, 65_535, 65_535]), 3);
        let message = Message::parse(&short).unwrap();
        assert!(message.cut && message.question.is_some());
        assert_eq!(message.answers().len(), 3);

        let long = with_answers(query(0x8180, [1, 65_535, 0, 0]), 40);
        let message = Message::parse(&long).unwrap();
        assert!(message.cut);
        assert_eq!(message.answers().len(), ANSWERS_MAX);
    }

    #[test]
    fn fault_2_a_message_cut_anywhere_keeps_what_was_whole() {
        let whole = with_answers(query(0x8180, [1, 2, 0, 0]), 2);
        for len in 0..whole.len() {
            match Message::parse(&whole[..len]) {
                Err(reason) => assert_eq!((reason, len < HEADER_LEN), (Malformed::Short, true)),
                Ok(message) => {
                    assert!(message.cut && message.malformed.is_none(), "{len}");
                    assert_eq!(message.question.is_some(), len >= 21, "{len}");
                    assert_eq!(message.answers().len(), len.saturating_sub(21) / 16, "{len}");
                }
            }
        }
    }

    #[test]
    fn fault_4_edns_gives_the_upper_bits_of_the_code_and_tc_is_seen() {
        let mut bytes = query(0x8380, [1, 0, 0, 1]);
        bytes.extend(b"\0\0\x29\x04\xd0\x01\0\0\0\0\0");
        let message = Message::parse(&bytes).unwrap();
        assert!(message.header.truncated);
        assert_eq!(message.rcode(), 16);
        assert_eq!(message.edns.unwrap().udp_size, 1232);
    }

    #[test]
    fn a_bad_name_in_an_answer_leaves_the_question_and_the_code() {
        let mut bytes = query(0x8182, [1, 1, 0, 0]);
        bytes.extend(b"\xc0\xff\0\x01\0\x01\0\0\0\0\0\0");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.malformed, Some(Malformed::Pointer));
        assert!(message.question.is_some() && message.rcode() == 2);
    }
}
