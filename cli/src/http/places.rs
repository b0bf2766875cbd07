//! How many connections there may be, and how long each may take for what it does. When there are too many, the one that has
//! been silent for longest makes room, so that connections that are held open for nothing keep nobody out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections at one time.
pub(super) const MOST: usize = 128;
/// The head of a request must be whole so long after its first byte; that of the first one after the connection was made.
const HEAD: Duration = Duration::from_secs(5);
/// An answer must be taken within this.
const ANSWER: Duration = Duration::from_secs(30);
/// A connection that was answered is kept for so long, for the next scrape.
const IDLE: Duration = Duration::from_secs(90);

/// The places of all connections.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_number: BTreeMap<u64, Arc<Talk>>,
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    pub(super) talk: Arc<Talk>,
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Talk {
    state: Mutex<State>,
    changed: Notify,
    cut: CancellationToken,
}

#[derive(Debug, Clone, Copy)]
struct State {
    phase: Phase,
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The head of a request is awaited or coming in.
    Head,
    /// The answer is being made.
    Busy,
    /// The answer is being taken.
    Answer,
    /// There is nothing to do until the next request.
    Idle,
}

impl Phase {
    /// How long it may take.
    fn bound(self) -> Option<Duration> {
        match self {
            Self::Head => Some(HEAD),
            Self::Busy => None,
            Self::Answer => Some(ANSWER),
            Self::Idle => Some(IDLE),
        }
    }
}

impl Places {
    /// A place; `None` when everybody else is being answered.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.lock();
        if taken.by_number.len() >= MOST {
            let states = taken.by_number.iter().map(|(number, talk)| (*number, talk.state()));
            let silent = states.filter(|(_, state)| state.phase != Phase::Busy);
            let (number, _) = silent.min_by_key(|(_, state)| state.since)?;
            if let Some(talk) = taken.by_number.remove(&number) {
                talk.cut.cancel();
            }
        }
        let number = taken.next;
        taken.next += 1;
        let talk = Arc::new(Talk::new());
        taken.by_number.insert(number, Arc::clone(&talk));
        Some(Place {
            places: Arc::clone(self),
            number,
            talk,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Head,
                since: Instant::now(),
            }),
            changed: Notify::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Bytes came: those of the next request, if none is under way.
    pub(super) fn heard(&self) {
        self.turn(Phase::Idle, Phase::Head);
    }

    /// The answer is being made, or was made.
    pub(super) fn is_busy(&self, is_busy: bool) {
        self.enter(if is_busy { Phase::Busy } else { Phase::Answer });
    }

    /// All of an answer that was made is on its way.
    pub(super) fn taken(&self) {
        self.turn(Phase::Answer, Phase::Idle);
    }

    /// Returns when somebody else needs the place, or when something took too long.
    pub(super) async fn over(&self) {
        let late = async {
            loop {
                let changed = self.changed.notified();
                let State { phase, since } = self.state();
                match phase.bound() {
                    Some(bound) if since.elapsed() >= bound => return,
                    Some(bound) => {
                        let _ = tokio::time::timeout_at(since + bound, changed).await;
                    }
                    None => changed.await,
                }
            }
        };
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = late => {}
        }
    }

    fn turn(&self, from: Phase, to: Phase) {
        if self.state().phase == from {
            self.enter(to);
        }
    }

    fn enter(&self, phase: Phase) {
        let since = Instant::now();
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { phase, since };
        self.changed.notify_one();
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a place may be kept by who does this with it, seconds.
    async fn kept(turns: &[fn(&Talk)]) -> u64 {
        let talk = Talk::new();
        tokio::time::sleep(Duration::from_secs(1)).await;
        for turn in turns {
            turn(&talk);
        }
        let began = Instant::now();
        talk.over().await;
        began.elapsed().as_secs()
    }

    fn asked(talk: &Talk) {
        talk.heard();
        talk.is_busy(true);
    }

    fn answered(talk: &Talk) {
        talk.is_busy(false);
    }

    #[tokio::test(start_paused = true)]
    async fn each_thing_that_a_connection_does_has_its_time() {
        assert_eq!(kept(&[]).await, 4, "a head, from the connection on");
        assert_eq!(kept(&[Talk::heard]).await, 4, "more bytes give no more time");
        assert_eq!(kept(&[asked, answered]).await, 30);
        assert_eq!(
            kept(&[asked, answered, Talk::heard]).await,
            30,
            "it sends instead of taking"
        );
        assert_eq!(kept(&[asked, answered, Talk::taken]).await, 90);
        assert_eq!(kept(&[asked, answered, Talk::taken, Talk::heard]).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_of_the_next_request_ends_the_long_wait() {
        let talk = Arc::new(Talk::new());
        let waits = tokio::spawn({
            let talk = Arc::clone(&talk);
            async move { talk.over().await }
        });
        asked(&talk);
        tokio::time::sleep(Duration::from_secs(500)).await;
        assert!(!waits.is_finished(), "who is being answered is waited for");
        answered(&talk);
        talk.taken();
        tokio::time::sleep(Duration::from_secs(60)).await;
        talk.heard();
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        assert!(!waits.is_finished());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(waits.is_finished());
    }

    #[test]
    fn when_all_places_are_taken_the_longest_silent_one_makes_room_and_no_busy_one_does() {
        let places = Arc::new(Places::default());
        let all: Vec<Place> = (0..MOST).map(|_| places.enter().unwrap()).collect();
        let cut = |place: &Place| place.talk.cut.is_cancelled();
        all[0].talk.is_busy(true);
        let late = places.enter().unwrap();
        assert!(!cut(&all[0]) && cut(&all[1]));
        assert!(!cut(&all[2]));
        for place in all.iter().chain([&late]) {
            place.talk.is_busy(true);
        }
        assert!(places.enter().is_none(), "everybody is being answered");
        all[5].talk.is_busy(false);
        all[5].talk.taken();
        assert!(places.enter().is_some() && cut(&all[5]), "who idles makes room");
    }

    #[test]
    fn a_place_that_is_left_is_free() {
        let places = Arc::new(Places::default());
        let all: Vec<Place> = (0..MOST).map(|_| places.enter().unwrap()).collect();
        drop(all);
        assert_eq!(places.lock().by_number.len(), 0);
    }
}
