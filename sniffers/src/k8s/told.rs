//! What was last told of each object, as a digest: enough to know a repeat, and eight bytes where the state has a
//! thousand.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use serde::Serialize;

/// Objects of one resource that are remembered, four times the cluster planned for. What comes beyond is passed on, but
/// its repeats are not recognised.
pub(super) const ENTRIES: usize = 200_000;

/// Makes digests of what is told.
#[derive(Debug, Default)]
pub(super) struct Digester {
    text: Vec<u8>,
}

impl Digester {
    /// Equal values have equal digests. Two states of one object that are not equal share one once in 2^64.
    pub(super) fn digest(&mut self, value: &impl Serialize) -> u64 {
        self.text.clear();
        let written = serde_json::to_writer(&mut self.text, value);
        debug_assert!(written.is_ok(), "plain structs are always written");
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.text);
        hasher.finish()
    }
}

/// The digests, by the key of the object.
#[derive(Debug, Default)]
pub(super) struct Told {
    digester: Digester,
    digests: BTreeMap<Arc<str>, u64>,
}

impl Told {
    /// Takes in the state of an object; returns whether it differs from the one before.
    pub(super) fn is_news(&mut self, key: &Arc<str>, state: &impl Serialize) -> bool {
        let digest = self.digester.digest(state);
        if let Some(before) = self.digests.get_mut(key) {
            return std::mem::replace(before, digest) != digest;
        }
        if self.digests.len() < ENTRIES {
            self.digests.insert(key.clone(), digest);
        }
        true
    }

    /// The object is gone.
    pub(super) fn forget(&mut self, key: &str) {
        self.digests.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_state_that_differs_is_news() {
        let mut told = Told::default();
        let key: Arc<str> = "shop/web".into();
        let news = [1, 1, 2, 1].map(|state| told.is_news(&key, &state));
        assert_eq!(news, [true, false, true, true]);
        told.forget("shop/web");
        assert!(told.is_news(&key, &1));
    }
}
