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
use super::page::{Exposition, Family};
use super::value::Value;
pub(crate) use extras::{ExtraId, Pairs};
use extras::{Extras, NONE};
use series::Series;

mod extras;
mod series;

/// Most metrics.
const MAX_METRICS: usize = 512;
/// A gauge that was not said again for so long says nothing of now.
pub(crate) const STALE: Duration = Duration::from_secs(60);
/// Who has no name by then is shown by its ids.
pub(crate) const NAMELESS: Duration = Duration::from_secs(10);

/// A series whose labels anybody outside may choose leaves when it was not heard of for so long: it may come again hours
/// later, but its container must not gather such series for months.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(3600);

pub(crate) type FamilyId = u32;
/// Whose series it is, with which labels.
type Key = (OwnerId, ExtraId);

/// A bound that values came beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    /// The series of one metric.
    Metric,
    /// The series of one pod.
    Pod,
    /// The values of a label that one container has, where anybody outside may choose them.
    Label,
    /// Those that have series.
    Owners,
    /// The metrics, or the different labels of all of them.
    Names,
}

/// All series.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    owners: Owners,
    families: Vec<Series>,
    by_name: BTreeMap<String, FamilyId>,
    extras: Extras,
    /// How many series each pod has.
    of_pod: FxHashMap<Arc<str>, u32>,
    /// Of metrics that are new from now on.
    pub(super) buckets: Buckets,
    pub(super) limits: Limits,
    dropped: BTreeMap<Bound, u64>,
    expired: u64,
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
        let family = Family::new(name, kind, help, &self.buckets);
        self.families.push(Series::new(family));
        Some(id)
    }

    /// Lets in no more than so many series of a metric and an owner: anybody outside may choose the labels.
    pub(crate) fn bound_labels(&mut self, family: FamilyId, of_owner: u32) {
        self.families[family as usize].max_of_owner = Some(of_owner);
    }

    /// Labels beside those of the owner. What comes when there are too many different ones gets `~other` for values.
    pub(crate) fn extra(&mut self, pairs: &Pairs<'_>) -> ExtraId {
        let (id, has_room) = self.extras.id(pairs);
        if !has_room {
            self.drop_value(Bound::Names);
        }
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
            None => self.place(family, (owner, extra), at, new)?,
        };
        let row = &mut self.families[family as usize].rows[place as usize];
        row.at = row.at.max(at);
        Some(&mut row.value)
    }

    /// A value that has no series because of a bound.
    pub(crate) fn drop_value(&mut self, bound: Bound) {
        *self.dropped.entry(bound).or_default() += 1;
    }

    fn place(&mut self, family: FamilyId, key: Key, at: Timestamp, new: impl FnOnce(&Family) -> Value) -> Option<u32> {
        let (key, bound) = self.let_in(family, key);
        let series = &mut self.families[family as usize];
        if let Some(bound) = bound {
            *self.dropped.entry(bound).or_default() += 1;
            if series.family.kind() == Kind::Gauge {
                return None;
            }
            if let Some(place) = series.places.get(&key) {
                return Some(*place);
            }
        }
        let value = new(&series.family);
        let place = series.begin(key, at, value)?;
        let pod = self.owners.get(key.0).pod.clone();
        *self.of_pod.entry(pod).or_default() += 1;
        Some(place)
    }

    /// Under which owner and labels a new series is held, and the bound that makes these others than its own.
    fn let_in(&self, family: FamilyId, (owner, extra): Key) -> (Key, Option<Bound>) {
        let of_pod = self.of_pod.get(&self.owners.get(owner).pod).copied();
        let (series, other) = (&self.families[family as usize], self.extras.other(extra));
        let (mut key, mut bound) = ((owner, extra), None);
        if owner != OTHERS && of_pod.unwrap_or_default() as usize >= self.limits.of_pod {
            let whose = if extra == NONE { OTHERS } else { owner };
            (key, bound) = ((whose, other), Some(Bound::Pod));
        } else if owner != OTHERS && extra != other && series.is_full_for(owner) {
            (key, bound) = ((owner, other), Some(Bound::Label));
        }
        if series.rows.len() >= self.limits.of_metric && !series.places.contains_key(&key) {
            let extra = if series.max_of_owner.is_some() { other } else { extra };
            (key, bound) = ((OTHERS, extra), Some(Bound::Metric));
        }
        (key, bound)
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
        let (owners, mut expired) = (&self.owners, 0);
        for series in &mut self.families {
            let oldest = match series.family.kind() {
                Kind::Gauge => Some(now.minus(STALE)),
                _ => series.max_of_owner.map(|_| now.minus(FORGOTTEN)),
            };
            if any || oldest.is_some() {
                let before = series.rows.len();
                series.keep(|row| !owners.is_gone(row.owner) && oldest.is_none_or(|oldest| row.at >= oldest));
                expired += before - series.rows.len();
            }
        }
        self.expired += expired as u64;
        if expired > 0 || any {
            self.settle();
        }
    }

    /// Forgets the labels that no series has any more, when there are many. Then no id that was given holds.
    pub(crate) fn forget_labels(&mut self) -> bool {
        if !self.extras.are_many() {
            return false;
        }
        let rows = || self.families.iter().flat_map(|series| &series.rows);
        let ids = self.extras.keep(rows().map(|row| row.extra));
        for series in &mut self.families {
            series.relabel(&ids);
        }
        true
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
                    extras.text(row.extra),
                    &row.value,
                    Some(series.since(row, owner.born)),
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

#[cfg(test)]
mod tests;
