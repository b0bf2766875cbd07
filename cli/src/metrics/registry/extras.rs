//! Sets of labels beside those of the owner, each with a number.

use rustc_hash::FxHashMap;

use super::super::page::labels;

/// Most of them at a time.
pub(super) const MAX_EXTRAS: usize = 4_096;

/// Labels beside those of the owner; zero for none.
pub(crate) type ExtraId = u32;
pub(super) const NONE: ExtraId = 0;

/// Label names and values.
pub(crate) type Pairs<'a> = [(&'a str, &'a str)];

/// All that are in use.
#[derive(Debug)]
pub(super) struct Extras {
    list: Vec<Extra>,
    ids: FxHashMap<String, ExtraId>,
}

#[derive(Debug, Clone)]
struct Extra {
    text: String,
    /// The same labels with `~other` for every value.
    other: ExtraId,
}

impl Default for Extras {
    fn default() -> Self {
        let none = Extra {
            text: String::new(),
            other: NONE,
        };
        Self {
            list: vec![none],
            ids: FxHashMap::default(),
        }
    }
}

impl Extras {
    /// The number of these labels. Without room, that of the same labels with `~other` for values, and `false`.
    pub(super) fn id(&mut self, pairs: &Pairs<'_>) -> (ExtraId, bool) {
        if pairs.is_empty() {
            return (NONE, true);
        }
        let text = labels(pairs.iter().copied());
        if let Some(known) = self.ids.get(&text) {
            return (*known, true);
        }
        let others: Vec<(&str, &str)> = pairs.iter().map(|(name, _)| (*name, "~other")).collect();
        if others == pairs {
            return (self.push(text, None), true);
        }
        let (other, _) = self.id(&others);
        if self.list.len() >= MAX_EXTRAS {
            return (other, false);
        }
        (self.push(text, Some(other)), true)
    }

    fn push(&mut self, text: String, other: Option<ExtraId>) -> ExtraId {
        let id = u32::try_from(self.list.len()).unwrap_or(NONE);
        self.ids.insert(text.clone(), id);
        let other = other.unwrap_or(id);
        self.list.push(Extra { text, other });
        id
    }

    /// As they stand between the braces.
    pub(super) fn text(&self, id: ExtraId) -> &str {
        &self.list[id as usize].text
    }

    /// The same labels with `~other` for every value.
    pub(super) fn other(&self, id: ExtraId) -> ExtraId {
        self.list[id as usize].other
    }

    /// Whether it is time to look which are still in use.
    pub(super) fn are_many(&self) -> bool {
        self.list.len() > MAX_EXTRAS / 2
    }

    /// Keeps those in use alone, and says by which number each goes from now on.
    pub(super) fn keep(&mut self, used: impl Iterator<Item = ExtraId>) -> FxHashMap<ExtraId, ExtraId> {
        let mut is_used = vec![false; self.list.len()];
        for id in used {
            is_used[id as usize] = true;
            is_used[self.other(id) as usize] = true;
        }
        let (mut kept, mut ids) = (Self::default(), FxHashMap::from_iter([(NONE, NONE)]));
        // What stands for others comes before them.
        for (id, extra) in (0..).zip(&self.list).skip(1).filter(|(id, _)| is_used[*id as usize]) {
            let other = ids.get(&extra.other).copied();
            ids.insert(id, kept.push(extra.text.clone(), other));
        }
        *self = kept;
        ids
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_not_in_use_are_forgotten_and_the_others_keep_what_stands_for_them() {
        let mut extras = Extras::default();
        let a = extras.id(&[("domain", "a.com")]).0;
        let b = extras.id(&[("domain", "b.com")]).0;
        let read = extras.id(&[("syscall", "read")]).0;
        let ids = extras.keep([NONE, b, b].into_iter());
        assert_eq!(extras.text(ids[&b]), r#"domain="b.com""#);
        assert_eq!(extras.text(extras.other(ids[&b])), r#"domain="~other""#);
        assert!(!ids.contains_key(&a) && !ids.contains_key(&read));
        assert_eq!((extras.len(), extras.text(ids[&NONE])), (3, ""));
        assert_eq!(extras.id(&[("domain", "b.com")]), (ids[&b], true));
    }
}
