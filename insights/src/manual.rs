//! The manual page of an insight: the head of its detector's file, and the numbers that a user may choose.

use std::fmt::Write as _;

use correlator::Tunable;

/// The page of the insight with this id, if there is one.
#[must_use]
pub fn manual(id: &str) -> Option<String> {
    let (_, head) = crate::MANUALS.iter().find(|(known, _)| *known == id)?;
    let tunables = crate::tunables().into_iter().filter(|tunable| tunable.detector == id);
    let mut page = (*head).to_owned();
    for (place, tunable) in tunables.enumerate() {
        if place == 0 {
            let _ = write!(page, "\n\n**Configuration.** Under `thresholds.{id}`:\n");
        }
        let Tunable {
            name,
            default,
            bounds: [least, most],
            meaning,
            ..
        } = tunable;
        let _ = write!(page, "\n- `{name}`, {default} (from {least} to {most}): {meaning}");
    }
    Some(page)
}
