//! How many connections there may be. When there are too many, the one that has been silent for longest makes room, so that
//! connections that are held open for nothing keep nobody out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Connections at one time.
pub(super) const MOST: usize = 128;
/// A connection whose last request is this old is closed, however slowly it takes the answer.
const IDLE: Duration = Duration::from_secs(30);

/// The places of all connections.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_number: BTreeMap<u64, State>,
}

#[derive(Debug)]
struct State {
    /// When it came, or when its last request did.
    heard: Instant,
    is_busy: bool,
    cut: CancellationToken,
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    cut: CancellationToken,
}

impl Places {
    /// A place; `None` when everybody else is being answered.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.lock();
        if taken.by_number.len() >= MOST {
            let silent = taken.by_number.iter().filter(|(_, state)| !state.is_busy);
            let (number, _) = silent.min_by_key(|(_, state)| state.heard)?;
            let number = *number;
            if let Some(state) = taken.by_number.remove(&number) {
                state.cut.cancel();
            }
        }
        let (number, cut) = (taken.next, CancellationToken::new());
        taken.next += 1;
        let state = State {
            heard: Instant::now(),
            is_busy: false,
            cut: cut.clone(),
        };
        taken.by_number.insert(number, state);
        Some(Place {
            places: Arc::clone(self),
            number,
            cut,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request came, or was answered.
    pub(super) fn is_busy(&self, is_busy: bool) {
        if let Some(state) = self.places.lock().by_number.get_mut(&self.number) {
            state.heard = Instant::now();
            state.is_busy = is_busy;
        }
    }

    /// Returns when somebody else needs the place, or when nothing came for too long.
    pub(super) async fn over(&self) {
        let idle = async {
            while let Some(left) = self.left() {
                tokio::time::sleep(left).await;
            }
        };
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = idle => {}
        }
    }

    fn left(&self) -> Option<Duration> {
        let heard = self.places.lock().by_number.get(&self.number)?.heard;
        IDLE.checked_sub(heard.elapsed()).filter(|left| !left.is_zero())
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

    #[test]
    fn when_all_places_are_taken_the_longest_silent_one_makes_room_and_no_busy_one_does() {
        let places = Arc::new(Places::default());
        let all: Vec<Place> = (0..MOST).map(|_| places.enter().unwrap()).collect();
        all[0].is_busy(true);
        let late = places.enter().unwrap();
        assert!(!all[0].cut.is_cancelled() && all[1].cut.is_cancelled());
        assert!(!all[2].cut.is_cancelled());
        for place in all.iter().chain([&late]) {
            place.is_busy(true);
        }
        assert!(places.enter().is_none(), "everybody is being answered");
        all[5].is_busy(false);
        assert!(places.enter().is_some() && all[5].cut.is_cancelled());
    }

    #[test]
    fn a_place_that_is_left_is_free() {
        let places = Arc::new(Places::default());
        let all: Vec<Place> = (0..MOST).map(|_| places.enter().unwrap()).collect();
        drop(all);
        assert_eq!(places.lock().by_number.len(), 0);
    }
}
