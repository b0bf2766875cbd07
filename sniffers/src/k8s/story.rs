//! Which Events are one story: those about the same thing, however many objects the API server keeps of it.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use correlator::Timestamp;

/// Events whose repeats are recognised; the oldest is forgotten first.
const REMEMBERED: usize = 50_000;

/// What an Event is about.
#[derive(Debug, Hash)]
pub(super) struct Topic<'a> {
    /// Kind, namespace, name and uid of the object.
    pub(super) object: [&'a str; 4],
    pub(super) reason: &'a str,
    pub(super) container: Option<&'a str>,
    /// Which of the probes failed, where the reason does not tell.
    pub(super) probe: Option<&'a str>,
}

impl Topic<'_> {
    /// Two topics share one once in 2^64.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// The Events that were told, by uid, and their stories.
#[derive(Debug, Default)]
pub(super) struct Stories {
    events: BTreeMap<Arc<str>, Told>,
    by_topic: BTreeMap<u64, Story>,
    order: VecDeque<Arc<str>>,
    forgotten: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    story: u64,
    count: u32,
    at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Story {
    events: u32,
    count: u64,
}

impl Stories {
    /// Takes in an Event. Returns how often all Events of its story were seen when this one was seen again or is new.
    pub(super) fn learn(
        &mut self,
        uid: &Arc<str>,
        topic: &Topic<'_>,
        count: u32,
        at: Option<Timestamp>,
    ) -> Option<u32> {
        let told = Told {
            story: topic.digest(),
            count,
            at,
        };
        let before = self.events.insert(uid.clone(), told);
        if before == Some(told) {
            return None;
        }
        let story = self.by_topic.entry(told.story).or_default();
        story.events += 1;
        story.count += u64::from(count);
        let sum = before.filter(|before| before.story == told.story);
        let sum = story.count - sum.map_or(0, |before| u64::from(before.count));
        match before {
            Some(before) => self.leave(before),
            None => self.remember(uid.clone()),
        }
        Some(u32::try_from(sum).unwrap_or(u32::MAX))
    }

    /// The Event is gone; its story is the others'.
    pub(super) fn forget(&mut self, uid: &str) {
        if let Some(told) = self.events.remove(uid) {
            self.leave(told);
        }
    }

    /// The latest time of an Event that was forgotten because there were too many: what a list shows from before it may
    /// have been told.
    pub(super) fn forgotten(&self) -> Option<Timestamp> {
        self.forgotten
    }

    fn leave(&mut self, told: Told) {
        if let Some(story) = self.by_topic.get_mut(&told.story) {
            story.events -= 1;
            story.count -= u64::from(told.count);
            if story.events == 0 {
                self.by_topic.remove(&told.story);
            }
        }
    }

    /// Uids that were forgotten leave the queue when their turn comes, or when they are half of it.
    fn remember(&mut self, uid: Arc<str>) {
        self.order.push_back(uid);
        while self.events.len() > REMEMBERED {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(told) = self.events.remove(&oldest) {
                self.forgotten = self.forgotten.max(told.at);
                self.leave(told);
            }
        }
        if self.order.len() > 2 * REMEMBERED {
            self.order.retain(|uid| self.events.contains_key(uid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: [&str; 4] = ["Pod", "shop", "web-0", "u"];

    fn topic(reason: &str) -> Topic<'_> {
        Topic {
            object: POD,
            reason,
            container: None,
            probe: None,
        }
    }

    fn learn(stories: &mut Stories, uid: &str, reason: &str, count: u32, at: u64) -> Option<u32> {
        stories.learn(&uid.into(), &topic(reason), count, Some(Timestamp::from_secs(at)))
    }

    #[test]
    fn a_repeat_with_a_higher_count_is_news_and_a_relist_is_not() {
        let mut stories = Stories::default();
        assert_eq!(learn(&mut stories, "e", "BackOff", 1, 1), Some(1));
        assert_eq!(learn(&mut stories, "e", "BackOff", 1, 1), None);
        assert_eq!(learn(&mut stories, "e", "BackOff", 4, 2), Some(4));
        stories.forget("e");
        assert!(stories.by_topic.is_empty());
        assert_eq!(learn(&mut stories, "e", "BackOff", 4, 2), Some(4));
    }

    #[test]
    fn two_events_about_the_same_thing_are_counted_together() {
        let mut stories = Stories::default();
        learn(&mut stories, "e1", "BackOff", 5, 1);
        assert_eq!(learn(&mut stories, "e2", "BackOff", 2, 2), Some(7));
        assert_eq!(learn(&mut stories, "other", "Unhealthy", 9, 2), Some(9));
        assert_eq!(learn(&mut stories, "e1", "BackOff", 6, 3), Some(8));
        stories.forget("e1");
        assert_eq!(learn(&mut stories, "e2", "BackOff", 3, 4), Some(3));
    }

    #[test]
    fn an_event_that_changes_its_reason_leaves_its_story() {
        let mut stories = Stories::default();
        learn(&mut stories, "e1", "BackOff", 5, 1);
        learn(&mut stories, "e2", "BackOff", 2, 1);
        assert_eq!(learn(&mut stories, "e1", "Failed", 5, 2), Some(5));
        assert_eq!(learn(&mut stories, "e2", "BackOff", 3, 2), Some(3));
    }

    #[test]
    fn what_is_remembered_of_a_storm_is_bounded_and_said() {
        let mut stories = Stories::default();
        assert_eq!(stories.forgotten(), None);
        for number in 0..3 * REMEMBERED as u64 {
            learn(&mut stories, &format!("e{number}"), "BackOff", 1, number);
        }
        assert_eq!(stories.events.len(), REMEMBERED);
        assert_eq!(stories.by_topic.len(), 1);
        assert!(stories.order.len() <= 2 * REMEMBERED);
        assert_eq!(
            stories.forgotten(),
            Some(Timestamp::from_secs(2 * REMEMBERED as u64 - 1))
        );
    }
}
