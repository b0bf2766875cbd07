//! The life of an insight: said once when it opens, again only when it got worse, and once more when it is over. What
//! another open insight explains is not said on its own.

mod roots;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::detector::Verdict;
use crate::identity::Scope;
use crate::insight::{Consequences, Culprit, Insight, Severity, Status};
use crate::time::Timestamp;
use crate::wanted::Wanted;

use roots::Roots;

/// An insight is repeated at most this often while it grows, unless it becomes more severe.
const QUIET_TIME: Duration = Duration::from_secs(10);
/// What an insight explained is said on its own when it is still there this long after that insight was resolved.
const AFTERMATH: Duration = Duration::from_secs(60);
/// Insights of one kind that open within [`WAVE`] and are said at once. Those after them wait, for as long as a wave takes
/// to be recognised as one.
const FIRST: usize = 2;
const WAVE: Duration = Duration::from_secs(10);
const RECOGNISED: Duration = Duration::from_secs(5);
/// An insight that opens again within this time after it was resolved flaps, and is held twice as long each time.
const FLAPPING: Duration = Duration::from_secs(900);
/// How often the hold time is doubled at most.
const DOUBLINGS: u32 = 4;
/// Most insights that are open at once, and most that are remembered for flapping.
const MAX_OPEN: usize = 10_000;
/// Consequences that are named.
const EXAMPLES: usize = 10;

/// Where it was found, by which detector, and which of several.
pub(crate) type Key = (Scope, &'static str, String);

/// The open insights.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    open: BTreeMap<Key, Open>,
    roots: Roots,
    past: BTreeMap<Key, Past>,
    wanted: Wanted,
    refused: u64,
}

#[derive(Debug)]
struct Open {
    /// As it was last said; while it was never said, as it was found first, or last when it is not wanted.
    said: Insight,
    is_said: bool,
    began: Timestamp,
    seen: Timestamp,
    hold: Duration,
    /// The insight that explains it.
    parent: Option<Key>,
    /// It is not said before this, unless it was said already.
    held_until: Option<Timestamp>,
    /// What it is about, as the roots know it.
    about: Vec<Culprit>,
    /// What it explains, and how each is called.
    children: BTreeMap<Key, String>,
}

/// An insight that was resolved.
#[derive(Debug)]
struct Past {
    ended: Timestamp,
    flaps: u32,
}

impl Lifecycle {
    /// Takes a verdict in and gives back what is to be said.
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        id: &'static str,
        hold: Duration,
        verdict: Verdict,
    ) -> Vec<Insight> {
        match verdict {
            Verdict::Quiet => Vec::new(),
            Verdict::NotYet => {
                let first = (scope.clone(), id, String::new());
                let ours = self.open.range_mut(first..);
                for (_, open) in ours.take_while(|((of, by, _), _)| of == scope && *by == id) {
                    open.seen = now;
                }
                Vec::new()
            }
            Verdict::Found(found) => found
                .into_iter()
                .filter_map(|i| self.found(now, scope, hold, i))
                .collect(),
        }
    }

    fn found(&mut self, now: Timestamp, scope: &Scope, hold: Duration, mut insight: Insight) -> Option<Insight> {
        insight.at = now;
        let key = (scope.clone(), insight.id, insight.what.clone());
        if !self.open.contains_key(&key) && !self.begin(&key, &insight, now, hold) {
            return None;
        }
        let is_wanted = self.wanted.includes(&insight);
        let is_silent = !is_wanted && self.open.get(&key).is_none_or(|open| !open.is_said);
        self.index(&key, if is_silent { &[] } else { &insight.about });
        let parent = self.parent_of(&key, &insight).filter(|_| !is_silent);
        self.adopt(&key, parent, now);
        let open = self.open.get_mut(&key)?;
        open.seen = now;
        if !is_wanted {
            if is_silent {
                open.said = insight;
            }
            return None;
        }
        let is_held = open.held_until.is_some_and(|until| now < until);
        if open.parent.is_some() || (is_held && !open.is_said) {
            return None;
        }
        open.say(now, insight)
    }

    /// Opens an insight without saying it. False when too many are open.
    fn begin(&mut self, key: &Key, insight: &Insight, now: Timestamp, hold: Duration) -> bool {
        if self.open.len() >= MAX_OPEN {
            self.refused += 1;
            return false;
        }
        let past = self.past.get(key).filter(|past| now.since(past.ended) < FLAPPING);
        let flaps = past.map_or(0, |past| past.flaps + 1);
        let lately = self
            .open
            .values()
            .filter(|open| open.said.id == key.1 && now.since(open.began) < WAVE);
        let held_until = (lately.count() >= FIRST).then(|| now.plus(RECOGNISED));
        let open = Open {
            began: now,
            said: insight.clone(),
            is_said: false,
            seen: now,
            hold: hold * 2u32.pow(flaps.min(DOUBLINGS)),
            parent: None,
            held_until,
            about: Vec::new(),
            children: BTreeMap::new(),
        };
        self.open.insert(key.clone(), open);
        true
    }

    fn index(&mut self, key: &Key, about: &[Culprit]) {
        let Some(open) = self.open.get_mut(key).filter(|open| open.about != about) else {
            return;
        };
        self.roots.remove(key, &open.about);
        self.roots.add(key, about);
        open.about = about.to_vec();
    }

    /// The open insight that explains this one: about the likeliest suspect, or what explains that one in turn, and not
    /// itself a consequence of this one.
    fn parent_of(&self, key: &Key, insight: &Insight) -> Option<Key> {
        let suspects = insight
            .suspects
            .iter()
            .filter(|suspect| !insight.about.contains(suspect));
        let mut tops = suspects
            .flat_map(|suspect| self.roots.of(suspect))
            .map(|root| self.top(root));
        tops.find(|top| *top != key).cloned()
    }

    fn top<'a>(&'a self, key: &'a Key) -> &'a Key {
        let mut at = key;
        while let Some(parent) = self.open.get(at).and_then(|open| open.parent.as_ref()) {
            at = parent;
        }
        at
    }

    fn adopt(&mut self, key: &Key, parent: Option<Key>, now: Timestamp) {
        let Some(open) = self.open.get_mut(key) else { return };
        if open.parent == parent {
            return;
        }
        if parent.is_none() {
            open.held_until = Some(now.plus(AFTERMATH));
        }
        let label = format!("{} {}", open.said.id, open.said.subject);
        let before = std::mem::replace(&mut open.parent, parent.clone());
        if let Some(before) = before.and_then(|before| self.open.get_mut(&before)) {
            before.children.remove(key);
        }
        if let Some(parent) = parent.and_then(|parent| self.open.get_mut(&parent)) {
            parent.children.insert(key.clone(), label);
        }
    }

    /// Says what is wanted from now on. What was said and is not wanted any more is over when it is next asked what is.
    pub(crate) fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// Gives back the insights that are over, of those that were said.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<Insight> {
        let over: Vec<Key> = self
            .open
            .iter()
            .filter(|(_, open)| now.since(open.seen) >= open.hold || !self.may_stay(open))
            .map(|(key, _)| key.clone())
            .collect();
        self.past.retain(|_, past| now.since(past.ended) < FLAPPING);
        over.iter().filter_map(|key| self.end(key, now)).collect()
    }

    fn end(&mut self, key: &Key, now: Timestamp) -> Option<Insight> {
        self.adopt(key, None, now);
        let open = self.open.remove(key)?;
        self.roots.remove(key, &open.about);
        for child in open.children.keys() {
            self.adopt(child, None, now);
        }
        if !open.is_said {
            return None;
        }
        let flaps = self.past.get(key).map_or(0, |past| past.flaps + 1);
        // What is only not wanted any more does not flap.
        if self.may_stay(&open) && (self.past.len() < MAX_OPEN || self.past.contains_key(key)) {
            self.past.insert(key.clone(), Past { ended: now, flaps });
        }
        Some(resolved(open.said, now))
    }

    /// A container that was known by its id has a name: what was said of it stays the same insight.
    pub(crate) fn rename(&mut self, scope: &Scope, id: &str, name: &str) {
        let renamed: Vec<Key> = self
            .open
            .keys()
            .filter(|(of, _, what)| of == scope && what.starts_with(id))
            .cloned()
            .collect();
        for key in renamed {
            let now_called = (key.0.clone(), key.1, key.2.replacen(id, name, 1));
            self.rekey(&key, now_called);
        }
    }

    fn rekey(&mut self, before: &Key, after: Key) {
        let Some(open) = self.open.remove(before) else { return };
        self.roots.remove(before, &open.about);
        self.roots.add(&after, &open.about);
        if let Some(parent) = open.parent.as_ref().and_then(|parent| self.open.get_mut(parent)) {
            let label = parent.children.remove(before).unwrap_or_default();
            parent.children.insert(after.clone(), label);
        }
        for child in open.children.keys() {
            if let Some(child) = self.open.get_mut(child) {
                child.parent = Some(after.clone());
            }
        }
        self.open.insert(after, open);
    }

    /// The open insights that were said, as they were last said.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Insight> {
        self.open.values().filter(|open| open.is_said).map(|open| &open.said)
    }

    /// The open insights that are wanted, also those that others explain.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Insight> {
        self.all().filter(|insight| self.wanted.includes(insight))
    }

    /// The open insights, also those that nobody wants to hear.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Insight> {
        self.open.values().map(|open| &open.said)
    }

    /// Whether it was not said, or still may be.
    fn may_stay(&self, open: &Open) -> bool {
        !open.is_said || self.wanted.includes(&open.said)
    }

    /// Where insights are open.
    pub(crate) fn scopes(&self) -> BTreeSet<&Scope> {
        self.open.keys().map(|(scope, _, _)| scope).collect()
    }

    /// How many insights were not said because too many are open.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }
}

impl Open {
    /// Says it when it is new or there is more to say.
    fn say(&mut self, now: Timestamp, mut insight: Insight) -> Option<Insight> {
        insight.consequences = Consequences {
            count: self.children.len(),
            examples: self.children.values().take(EXAMPLES).cloned().collect(),
        };
        if self.is_said && !is_news(&self.said, &insight, now) {
            return None;
        }
        insight.status = if self.is_said { Status::Updated } else { Status::Opened };
        self.is_said = true;
        self.said = insight.clone();
        Some(insight)
    }
}

fn is_news(said: &Insight, now_said: &Insight, now: Timestamp) -> bool {
    let worse = now_said.severity > said.severity;
    let doubled = now_said.revision >= said.revision.saturating_mul(2);
    let explains_more = now_said.consequences.count > said.consequences.count.saturating_mul(2);
    worse || ((doubled || explains_more) && now.since(said.at) >= QUIET_TIME)
}

fn resolved(mut insight: Insight, now: Timestamp) -> Insight {
    insight.status = Status::Resolved;
    insight.severity = Severity::Info;
    insight.at = now;
    insight.prediction = None;
    insight.remedies.clear();
    insight
}

#[cfg(test)]
mod tests;
