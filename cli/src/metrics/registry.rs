//! The series of containers, pods and nodes: bounded by metric and by pod, gone when nothing is heard of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use correlator::{Subject, Timestamp, World};
use rustc_hash::FxHashMap;

use super::bounds::Buckets;
use super::catalogue::Kind;
pub(crate) use super::limits::Limits;
use super::owner::{OTHERS, OwnerId, Owners};
use super::page::{Exposition, Family, labels};
use super::value::Value;

/// Most metrics, and most sets of labels beside those of the owner.
const MAX_METRICS: usize = 512;
const MAX_EXTRAS: usize = 4_096;
/// A gauge that was not said again for so long says nothing of now.
pub(crate) const STALE: Duration = Duration::from_secs(60);
/// Who has no name by then is shown by its ids.
pub(crate) const NAMELESS: Duration = Duration::from_secs(10);

pub(crate) type FamilyId = u32;
/// Labels beside those of the owner; zero for none.
pub(crate) type ExtraId = u32;
const NONE: ExtraId = 0;

/// Label names and values.
pub(crate) type Pairs<'a> = [(&'a str, &'a str)];

/// A bound that values came beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    /// The series of one metric.
    Metric,
    /// The series of one pod.
    Pod,
    /// Those that have series.
    Owners,
    /// The metrics, or the different labels of all of them.
    Names,
}

/// All series.
#[derive(Debug)]
pub(crate) struct Registry {
    owners: Owners,
    families: Vec<Series>,
    by_name: BTreeMap<String, FamilyId>,
    extras: Vec<Extra>,
    extra_ids: FxHashMap<String, ExtraId>,
    /// How many series each pod has.
    of_pod: FxHashMap<Arc<str>, u32>,
    /// Of metrics that are new from now on.
    pub(super) buckets: Buckets,
    pub(super) limits: Limits,
    dropped: BTreeMap<Bound, u64>,
    expired: u64,
}

#[derive(Debug)]
struct Extra {
    text: String,
    /// The same labels with `~other` for every value.
    other: ExtraId,
}

/// A metric with its series.
#[derive(Debug)]
struct Series {
    family: Family,
    rows: Vec<Row>,
    places: FxHashMap<(OwnerId, ExtraId), u32>,
    /// The rows by labels; to be made anew when empty.
    order: Vec<u32>,
}

#[derive(Debug)]
struct Row {
    owner: OwnerId,
    extra: ExtraId,
    at: Timestamp,
    value: Value,
}

impl Default for Registry {
    fn default() -> Self {
        let none = Extra {
            text: String::new(),
            other: NONE,
        };
        Self {
            owners: Owners::default(),
            families: Vec::new(),
            by_name: BTreeMap::new(),
            extras: vec![none],
            extra_ids: FxHashMap::default(),
            of_pod: FxHashMap::default(),
            buckets: Buckets::default(),
            limits: Limits::default(),
            dropped: BTreeMap::new(),
            expired: 0,
        }
    }
}

impl Registry {
    /// The metric of this name. `None` when there are too many, or one of this name is of another kind.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) -> Option<FamilyId> {
        let known = self.by_name.get(name).copied();
        if known.is_some_and(|known| self.families[known as usize].family.kind() != kind)
            || known.is_none() && self.families.len() >= MAX_METRICS
        {
            return None;
        }
        if known.is_some() {
            return known;
        }
        let id = u32::try_from(self.families.len()).ok()?;
        self.by_name.insert(name.to_owned(), id);
        self.families.push(Series {
            family: Family::new(name, kind, help, &self.buckets),
            rows: Vec::new(),
            places: FxHashMap::default(),
            order: Vec::new(),
        });
        Some(id)
    }

    /// Labels beside those of the owner. What comes when there are too many different ones gets `~other` for values.
    pub(crate) fn extra(&mut self, pairs: &Pairs<'_>) -> ExtraId {
        if pairs.is_empty() {
            return NONE;
        }
        let text = labels(pairs.iter().copied());
        if let Some(known) = self.extra_ids.get(&text) {
            return *known;
        }
        let others: Vec<(&str, &str)> = pairs.iter().map(|(name, _)| (*name, "~other")).collect();
        let is_other = others == pairs;
        let other = if is_other { NONE } else { self.extra(&others) };
        if self.extras.len() >= MAX_EXTRAS && !is_other {
            self.drop_value(Bound::Names);
            return other;
        }
        let id = u32::try_from(self.extras.len()).unwrap_or(NONE);
        let other = if is_other { id } else { other };
        self.extras.push(Extra {
            text: text.clone(),
            other,
        });
        self.extra_ids.insert(text, id);
        id
    }

    /// Whose series an event belongs to.
    pub(crate) fn owner(&mut self, subject: &Subject, at: Timestamp) -> Option<OwnerId> {
        let owner = self.owners.of(subject, at);
        if owner == Some(OTHERS) {
            self.drop_value(Bound::Owners);
        }
        owner
    }

    /// The value of a series, made by `new` when there is none. `None` for a gauge beyond a bound: nobody could say what a
    /// value of several would mean.
    pub(crate) fn value(
        &mut self,
        family: FamilyId,
        owner: OwnerId,
        extra: ExtraId,
        at: Timestamp,
        new: impl FnOnce(&Family) -> Value,
    ) -> Option<&mut Value> {
        let place = self.families[family as usize].places.get(&(owner, extra)).copied();
        let place = match place {
            Some(place) => place,
            None => self.place(family, owner, extra, new)?,
        };
        let row = &mut self.families[family as usize].rows[place as usize];
        row.at = row.at.max(at);
        Some(&mut row.value)
    }

    /// A value that has no series because of a bound.
    pub(crate) fn drop_value(&mut self, bound: Bound) {
        *self.dropped.entry(bound).or_default() += 1;
    }

    fn place(
        &mut self,
        family: FamilyId,
        owner: OwnerId,
        extra: ExtraId,
        new: impl FnOnce(&Family) -> Value,
    ) -> Option<u32> {
        let pod = &self.owners.get(owner).pod;
        let of_pod = self.of_pod.get(pod).copied().unwrap_or_default();
        let series = &mut self.families[family as usize];
        let (mut key, mut bound) = ((owner, extra), None);
        if owner != OTHERS && of_pod as usize >= self.limits.of_pod {
            let whose = if extra == NONE { OTHERS } else { owner };
            (key, bound) = ((whose, self.extras[extra as usize].other), Some(Bound::Pod));
        }
        if series.rows.len() >= self.limits.of_metric && !series.places.contains_key(&key) {
            (key, bound) = ((OTHERS, extra), Some(Bound::Metric));
        }
        if let Some(bound) = bound {
            *self.dropped.entry(bound).or_default() += 1;
            if series.family.kind() == Kind::Gauge {
                return None;
            }
            if let Some(place) = series.places.get(&key) {
                return Some(*place);
            }
        }
        let place = u32::try_from(series.rows.len()).ok()?;
        series.rows.push(Row {
            owner: key.0,
            extra: key.1,
            at: Timestamp::default(),
            value: new(&series.family),
        });
        series.places.insert(key, place);
        series.order.clear();
        let pod = self.owners.get(key.0).pod.clone();
        *self.of_pod.entry(pod).or_default() += 1;
        Some(place)
    }

    /// Names owners that have become known; the series of two that are the same become one.
    pub(crate) fn name(&mut self, world: &World) {
        let (is_changed, taken) = self.owners.name(world);
        if !is_changed {
            return;
        }
        for series in &mut self.families {
            series.order.clear();
            if !taken.is_empty() {
                series.hand_over(&taken);
            }
        }
        if !taken.is_empty() {
            self.settle();
        }
    }

    /// Lets go of what was not heard of for too long.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let any = self.owners.expire(now.minus(self.limits.idle));
        let stale = now.minus(STALE);
        let (owners, mut expired) = (&self.owners, 0);
        for series in &mut self.families {
            let is_gauge = series.family.kind() == Kind::Gauge;
            if any || is_gauge {
                let before = series.rows.len();
                series.keep(|row| !(owners.is_gone(row.owner) || is_gauge && row.at < stale));
                expired += before - series.rows.len();
            }
        }
        self.expired += expired as u64;
        if expired > 0 || any {
            self.settle();
        }
    }

    /// Counts anew, after series went.
    fn settle(&mut self) {
        self.of_pod.clear();
        for row in self.families.iter().flat_map(|series| &series.rows) {
            let pod = self.owners.get(row.owner).pod.clone();
            *self.of_pod.entry(pod).or_default() += 1;
        }
        self.owners.bury();
    }

    /// Writes all series of nodes, and of pods whose uid is let through; `now` hides what has no name yet and may get one.
    pub(crate) fn write(&mut self, page: &mut impl Exposition, now: Option<Timestamp>, covers: impl Fn(&str) -> bool) {
        let (owners, extras) = (&self.owners, &self.extras);
        for id in self.by_name.values() {
            let series = &mut self.families[*id as usize];
            series.sort(owners, extras);
            let mut is_begun = false;
            for place in &series.order {
                let row = &series.rows[*place as usize];
                let owner = owners.get(row.owner);
                if owner.uid.as_ref().is_some_and(|uid| !covers(uid)) {
                    continue;
                }
                if !owner.is_named && now.is_some_and(|now| now.since(owner.born) < NAMELESS) {
                    continue;
                }
                if !std::mem::replace(&mut is_begun, true) {
                    page.head(&series.family);
                }
                page.series(
                    &series.family,
                    &owner.labels,
                    &extras[row.extra as usize].text,
                    &row.value,
                    Some(owner.born),
                );
            }
        }
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.families.iter().map(|series| series.rows.len()).sum()
    }

    /// How many values came beyond a bound.
    pub(crate) fn dropped(&self, bound: Bound) -> u64 {
        self.dropped.get(&bound).copied().unwrap_or_default()
    }

    /// How many series left.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }
}

impl Series {
    /// Gives the rows of some owners to others; of two rows with the same labels one is left.
    fn hand_over(&mut self, taken: &BTreeMap<OwnerId, OwnerId>) {
        let rows = std::mem::take(&mut self.rows);
        self.places.clear();
        for mut row in rows {
            row.owner = taken.get(&row.owner).copied().unwrap_or(row.owner);
            match self.places.get(&(row.owner, row.extra)) {
                Some(place) => {
                    let mine = &mut self.rows[*place as usize];
                    mine.value.merge(&row.value, row.at > mine.at);
                    mine.at = mine.at.max(row.at);
                }
                None => self.push(row),
            }
        }
    }

    fn keep(&mut self, is_kept: impl Fn(&Row) -> bool) {
        if self.rows.iter().all(&is_kept) {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        self.places.clear();
        self.order.clear();
        for row in rows.into_iter().filter(is_kept) {
            self.push(row);
        }
    }

    fn push(&mut self, row: Row) {
        let place = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.places.insert((row.owner, row.extra), place);
        self.rows.push(row);
    }

    fn sort(&mut self, owners: &Owners, extras: &[Extra]) {
        if self.order.len() == self.rows.len() {
            return;
        }
        self.order = (0..).take(self.rows.len()).collect();
        let rows = &self.rows;
        self.order.sort_by_key(|place| {
            let row = &rows[*place as usize];
            (
                owners.get(row.owner).labels.as_str(),
                extras[row.extra as usize].text.as_str(),
            )
        });
    }
}

#[cfg(test)]
mod tests;
