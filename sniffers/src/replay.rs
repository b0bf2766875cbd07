//! Feeds a recording into whatever takes events and ticks, in order and as fast as it can take them.

use std::io::Read;

use correlator::{Event, Timestamp};

use crate::recording::{Header, Losses, Reader, Record, RecordingError};

/// What a recording is played into.
pub trait Sink {
    /// A recording starts here; again where recordings were joined. Absent when the first block is lost.
    fn header(&mut self, header: Header);

    /// The engine was pushed this event.
    fn event(&mut self, event: Event);

    /// The engine was advanced to this time.
    fn tick(&mut self, at: Timestamp);

    /// Whether to go on after `read` bytes of the recording.
    fn goes_on(&mut self, _read: u64) -> bool {
        true
    }
}

/// Plays the recording, to its end unless the sink has enough, and says what of it was lost up to there. Reads no clock: the times are those of the recording. Fails
/// when the disk does, or where a part that was joined on is of a newer format; what came before has then been played.
pub fn replay<R: Read>(mut reader: Reader<R>, sink: &mut dyn Sink) -> Result<Losses, RecordingError> {
    while let Some(record) = reader.next() {
        match record? {
            Record::Header(header) => sink.header(header),
            Record::Event(event) => sink.event(*event),
            Record::Tick(at) => sink.tick(at),
        }
        if !sink.goes_on(reader.offset()) {
            break;
        }
    }
    Ok(reader.losses())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::recording::Recorder;

    #[derive(Default)]
    struct Seen(Vec<String>);

    /// Has enough after the first record.
    struct One(u64);

    impl Sink for One {
        fn header(&mut self, _: Header) {}

        fn event(&mut self, _: Event) {
            unreachable!("the header comes first");
        }

        fn tick(&mut self, _: Timestamp) {
            unreachable!("the header comes first");
        }

        fn goes_on(&mut self, read: u64) -> bool {
            self.0 = read;
            false
        }
    }

    impl Sink for Seen {
        fn header(&mut self, header: Header) {
            self.0.push(header.node);
        }

        fn event(&mut self, event: Event) {
            self.0.push(event.signal.to_string());
        }

        fn tick(&mut self, at: Timestamp) {
            self.0.push(at.as_nanos().to_string());
        }
    }

    #[test]
    fn a_recording_is_played_in_the_order_of_its_making() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tapio.zst");
        let header = Header {
            node: "node-a".into(),
            ..Header::default()
        };
        let mut recorder = Recorder::create(&path, header).unwrap();
        let event = fixtures::events::sighted(Timestamp::from_nanos(1), "k8s");
        recorder.tick(Timestamp::from_nanos(5)).unwrap();
        recorder.event(&event).unwrap();
        recorder.tick(Timestamp::from_nanos(6)).unwrap();
        recorder.finish().unwrap();

        let mut seen = Seen::default();
        let losses = replay(Reader::open(&path).unwrap(), &mut seen).unwrap();
        assert!(losses.is_none());
        assert_eq!(seen.0, ["node-a", "5", "self.sight", "6"]);

        let mut one = One(0);
        replay(Reader::open(&path).unwrap(), &mut one).unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        assert!((1..=length).contains(&one.0), "{} of {length}", one.0);
    }

    #[test]
    fn what_could_not_be_played_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tapio.zst");
        let mut recorder = Recorder::create(&path, Header::default()).unwrap();
        recorder.tick(Timestamp::from_nanos(5)).unwrap();
        recorder.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.pop();
        let losses = replay(Reader::new(&bytes[..], Path::new("cut")).unwrap(), &mut Seen::default()).unwrap();
        assert_eq!((losses.lost_blocks, losses.blocks.len()), (1, 1));
    }
}
