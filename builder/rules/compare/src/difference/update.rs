//! What an update costs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Total;
use crate::image::Block;

/// The data blocks that a machine with the first image lacks of the second one. Blocks that an
/// image holds more than once count once: the first copy is the source of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Update {
    /// Blocks that only the second image has.
    pub missing: Total,
    /// All blocks of the second image.
    pub all: Total,
}

/// None where the blocks of an image are not known.
pub(super) fn compare(before: &[Block], after: &[Block]) -> Option<Update> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let before: BTreeSet<&Block> = before.iter().collect();
    let after: BTreeSet<&Block> = after.iter().collect();
    let total = |blocks: &mut dyn Iterator<Item = &&Block>| {
        Total::of(blocks.map(|block| u64::from(block.stored)))
    };
    Some(Update { missing: total(&mut after.difference(&before)), all: total(&mut after.iter()) })
}
