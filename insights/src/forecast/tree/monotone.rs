//! Whether a table follows the features that it must follow.

use super::super::names::NAMES;
use super::{LEAF, ModelError, Node};

/// The log-odds never fall when one of these grows.
const UP: [&str; 6] = ["u", "ig_q", "igm_q", "ig_h", "igm_h", "fge"];
/// The log-odds never rise when this grows.
const DOWN: [&str; 1] = ["d"];

/// At each branch on such a feature, no leaf on the low side may lie beyond a leaf on the high side. Children come after
/// their parents, which was checked before.
pub(super) fn check(nodes: &[Node]) -> Result<(), ModelError> {
    let mut ranges = vec![(0.0_f32, 0.0_f32); nodes.len()];
    for (index, node) in nodes.iter().enumerate().rev() {
        if node.feature == LEAF {
            ranges[index] = (node.number, node.number);
            continue;
        }
        let (low, high) = (ranges[usize::from(node.left)], ranges[usize::from(node.right)]);
        let name = NAMES[usize::from(node.feature)];
        let falls = UP.contains(&name) && low.1 > high.0;
        let rises = DOWN.contains(&name) && low.0 < high.1;
        if falls || rises {
            return Err(ModelError::NotMonotone(index));
        }
        ranges[index] = (low.0.min(high.0), low.1.max(high.1));
    }
    Ok(())
}
